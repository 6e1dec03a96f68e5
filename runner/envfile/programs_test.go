package envfile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"infuse/runner/environ"
)

// missingError says that a reader cannot run here.
type missingError struct{ what string }

func (e *missingError) Error() string { return e.what }

// skip skips by name; with INFUSE_TEST_REQUIRE=1 a missing program is a failure.
func skip(t *testing.T, reason *missingError) {
	t.Helper()
	if os.Getenv("INFUSE_TEST_REQUIRE") == "1" && !strings.Contains(reason.what, "is not running") {
		t.Fatalf("required: %s", reason.what)
	}
	t.Skipf("skipping, %s", reason.what)
}

// programs are the readers that run outside: one process for a whole file.
var programs = []reader{
	{"npm dotenv", "dotenv", readNPM},
	{"node --env-file", "dotenv", readNode},
	{"sh", "shell", posixShell("sh", "-c")},
	{"dash", "shell", posixShell("dash", "-c")},
	{"bash", "shell", posixShell("bash", "--noprofile", "--norc", "-c")},
	{"zsh", "shell", posixShell("zsh", "-f", "-c")},
	{"eval in dash", "shell", evalShell("dash", "-c")},
	{"eval in bash", "shell", evalShell("bash", "-c")},
	{"eval in zsh", "shell", evalShell("zsh", "-f", "-c")},
	{"fish", "fish", readFish},
	{"podman", "docker", readPodman},
	{"systemd", "systemd", readRealSystemd},
	{"systemd's parser", "systemd", readSystemdParser},
	{"java", "properties", readJava},
	{"kubectl", "k8s-secret", readKubectl},
	{"python3 json", "json", readPython("json.load(open(sys.argv[1], encoding='utf-8'))")},
	{"python3 csv", "csv", readPython("dict(list(csv.reader(open(sys.argv[1], encoding='utf-8', newline='')))[1:])")},
	{"python3 tomllib", "toml", readPython("tomllib.load(open(sys.argv[1], 'rb'))")},
}

// run starts a program with nothing but PATH and HOME in its environment and
// file as its last argument.
func run(file []byte, name string, args ...string) ([]byte, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, &missingError{"no " + name + " here"}
	}
	dir, err := os.MkdirTemp("", "envfile")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	written := filepath.Join(dir, "file.env")
	if err := os.WriteFile(written, file, 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append(args, written)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C.UTF-8"}
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %.300s", name, err, stderr.String())
	}
	return out, nil
}

// parseEnv0 reads the output of env -0.
func parseEnv0(out []byte, err error) (map[string]string, error) {
	if err != nil {
		return nil, err
	}
	vars := map[string]string{}
	for kv := range strings.SplitSeq(string(out), "\x00") {
		if name, value, found := strings.Cut(kv, "="); found {
			vars[name] = value
		}
	}
	return vars, nil
}

func parseJSON(out []byte, err error) (map[string]string, error) {
	if err != nil {
		return nil, err
	}
	return readJSON(out)
}

// envPath is env by its path: a sample may set PATH.
const envPath = "/usr/bin/env"

func posixShell(name string, args ...string) func([]byte) (map[string]string, error) {
	return func(file []byte) (map[string]string, error) {
		return parseEnv0(run(file, name, append(args, `. "$1" && exec `+envPath+` -0`, "sh")...))
	}
}

func evalShell(name string, args ...string) func([]byte) (map[string]string, error) {
	return func(file []byte) (map[string]string, error) {
		return parseEnv0(run(file, name, append(args, `eval "$(cat "$1")" && exec `+envPath+` -0`, "sh")...))
	}
}

func readFish(file []byte) (map[string]string, error) {
	return parseEnv0(run(file, "fish", "--no-config", "-c", "source $argv[1]; and exec "+envPath+" -0"))
}

func readNode(file []byte) (map[string]string, error) {
	dir, err := os.MkdirTemp("", "envfile")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "node.env")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return nil, err
	}
	return parseJSON(run(nil, "node", "--env-file="+path, "-e", "process.stdout.write(JSON.stringify(process.env))", "--"))
}

func readNPM(file []byte) (map[string]string, error) {
	modules, err := npmModules()
	if err != nil {
		return nil, err
	}
	script := `process.stdout.write(JSON.stringify(require(process.argv[1]).parse(require("fs").readFileSync(process.argv[2]))))`
	return parseJSON(run(file, "node", "-e", script, "--", filepath.Join(modules, "dotenv")))
}

// npmModules installs testdata/npm once.
var npmModules = sync.OnceValues(func() (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", &missingError{"no npm here"}
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("envfile-npm-%d", os.Getpid()))
	if err := os.CopyFS(dir, os.DirFS("testdata/npm")); err != nil {
		return "", err
	}
	temporary = append(temporary, dir)
	cmd := exec.Command(npm, "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &missingError{fmt.Sprintf("npm ci does not work here: %v: %.200s", err, out)}
	}
	return filepath.Join(dir, "node_modules"), nil
})

// temporary is what TestMain removes.
var temporary []string

func TestMain(m *testing.M) {
	if path := os.Getenv("ENVFILE_TEST_SAVE"); path != "" {
		saveInChild(path)
	}
	code := m.Run()
	for _, dir := range temporary {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// readPodman creates a container from an image without files and asks which
// environment it would get.
func readPodman(file []byte) (map[string]string, error) {
	podman, err := exec.LookPath("podman")
	if err != nil {
		return nil, &missingError{"no podman here"}
	}
	dir, err := os.MkdirTemp("", "envfile")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	call := func(args ...string) ([]byte, error) {
		cmd := exec.Command(podman, append([]string{"--root", dir + "/root", "--runroot", dir + "/run", "--storage-driver", "vfs"}, args...)...)
		return cmd.CombinedOutput()
	}
	empty, written := filepath.Join(dir, "empty.tar"), filepath.Join(dir, "file.env")
	// Two blocks of zeros are an archive without members.
	if err := errors.Join(os.WriteFile(empty, make([]byte, 1024), 0o600), os.WriteFile(written, file, 0o600)); err != nil {
		return nil, err
	}
	if out, err := call("import", empty, "localhost/empty"); err != nil {
		return nil, &missingError{fmt.Sprintf("podman does not work here: %v: %.200s", err, out)}
	}
	if out, err := call("create", "--env-file", written, "localhost/empty", "/x"); err != nil {
		return nil, fmt.Errorf("podman create: %w: %.300s", err, out)
	}
	out, err := call("inspect", "--latest", "--format", "{{json .Config.Env}}")
	if err != nil {
		return nil, fmt.Errorf("podman inspect: %w: %.300s", err, out)
	}
	var env []string
	if err := json.Unmarshal(out, &env); err != nil {
		return nil, err
	}
	return parseEnv0([]byte(strings.Join(env, "\x00")), nil)
}

// readRealSystemd starts a transient unit where systemd runs the machine.
func readRealSystemd(file []byte) (map[string]string, error) {
	path, err := exec.LookPath("systemctl")
	if err != nil {
		return nil, &missingError{"systemd is not running here"}
	}
	if out, _ := exec.Command(path, "is-system-running").Output(); !bytes.HasPrefix(out, []byte("running")) && !bytes.HasPrefix(out, []byte("degraded")) {
		return nil, &missingError{"systemd is not running here"}
	}
	dir, err := os.MkdirTemp("", "envfile")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	written := filepath.Join(dir, "file.env")
	if err := os.WriteFile(written, file, 0o600); err != nil {
		return nil, err
	}
	return parseEnv0(exec.Command("systemd-run", "--quiet", "--wait", "--pipe", "--collect", "-p", "EnvironmentFile="+written, "env", "-0").Output())
}

// readSystemdParser asks systemd's own parser of such files, which its generator
// for environment.d shares with EnvironmentFile= and which needs no running
// systemd. What the generator does beyond parsing is kept away from it: it
// expands what the parser left of a dollar, and drops empty values.
func readSystemdParser(file []byte) (map[string]string, error) {
	const generator = "/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"
	if _, err := os.Stat(generator); err != nil {
		return nil, &missingError{"no " + generator + " here"}
	}
	dir, err := os.MkdirTemp("", "envfile")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	const dollar = "\ue0d0" // private use, in no sample
	conf := filepath.Join(dir, "environment.d", "file.conf")
	err = errors.Join(os.Mkdir(filepath.Dir(conf), 0o700),
		os.WriteFile(conf, bytes.ReplaceAll(file, []byte(`\$`), []byte(dollar)), 0o600))
	if err != nil {
		return nil, err
	}
	vars := map[string]string{}
	for line := range strings.Lines(string(file)) {
		if name, empty := strings.CutSuffix(line, "=\"\"\n"); empty && environ.Portable(name) {
			vars[name] = ""
		}
	}
	cmd := exec.Command(generator)
	cmd.Env = []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "LC_ALL=C.UTF-8"}
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if strings.HasPrefix(value, `"`) {
			if value, err = strconv.Unquote(strings.ReplaceAll(value, "\\`", "`")); err != nil {
				return nil, fmt.Errorf("the generator printed %q", line)
			}
		}
		vars[name] = strings.ReplaceAll(value, dollar, "$")
	}
	return vars, nil
}

// readJava loads the file both ways that java.util.Properties has.
func readJava(file []byte) (map[string]string, error) {
	load, err := filepath.Abs("testdata/Load.java")
	if err != nil {
		return nil, err
	}
	out, err := run(file, "java", load)
	if err != nil {
		return nil, err
	}
	var ways []map[string]string
	if err := json.Unmarshal(out, &ways); err != nil || len(ways) != 2 {
		return nil, fmt.Errorf("java printed %d objects: %v", len(ways), err)
	}
	if !maps.Equal(ways[0], ways[1]) {
		return nil, errors.New("load(InputStream) and load(Reader) differ")
	}
	return ways[0], nil
}

func readKubectl(file []byte) (map[string]string, error) {
	out, err := run(file, "kubectl", "label", "--local", "read=back", "-o", "json", "-f")
	if err != nil {
		return nil, err
	}
	var doc struct{ Data map[string]string }
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, err
	}
	return decodeData(doc.Data)
}

func readPython(expression string) func([]byte) (map[string]string, error) {
	script := "import sys, json\ntry:\n import csv, tomllib\nexcept ImportError:\n sys.exit(99)\ncsv.field_size_limit(1 << 30)\njson.dump(" + expression + ", sys.stdout)"
	return func(file []byte) (map[string]string, error) {
		vars, err := parseJSON(run(file, "python3", "-c", script))
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 99 {
			return nil, &missingError{"python3 is older than 3.11 here"}
		}
		return vars, err
	}
}
