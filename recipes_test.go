//go:build unix

package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kballard/go-shellquote"

	"infuse/fetch/devserver"
)

// What the recipes of the README call things.
const (
	recipeProject  = "896ccdce-7c1a-4b6e-9f0d-2d1c3b4a5e6f"
	recipeIdentity = "4bf0bd08-2a4c-4b3c-9d4e-0c1f0f1b8f3a"
	recipeClient   = "0c9e9b0e-6a0e-4d6c-8d3b-5b1f4a3c2d1e"
)

// recipe is a block of the README, as it stands there below <!-- recipe: NAME -->.
func recipe(t *testing.T, name string) string {
	t.Helper()
	block := regexp.MustCompile("(?s)<!-- recipe: " + regexp.QuoteMeta(name) + " -->\n```[a-z]+\n(.*?)```\n").FindStringSubmatch(readmeText(t))
	if block == nil {
		t.Fatalf("the README has no recipe %s", name)
	}
	return block[1]
}

func readmeText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// recipeServer stands for the Infisical server of the recipes: their project,
// with another greeting in each environment, and their identity, which shows
// "the platform's proof" by every method.
type recipeServer struct {
	url    string
	secret string // client secret of recipeClient
}

const recipeProof = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0aGUgcGxhdGZvcm0ifQ.x"

func newRecipeServer(t *testing.T) *recipeServer {
	s := devserver.New(devserver.Config{Seed: 1})
	project := s.AddProject(devserver.ProjectConfig{ID: recipeProject, Slug: "app", Environments: []devserver.Environment{{Slug: "dev"}, {Slug: "prod"}, {Slug: "ci"}}})
	for _, env := range []string{"dev", "prod", "ci"} {
		project.Set(env, "/", "GREETING", "hello from "+env)
		project.Set(env, "/", "DEPLOY_KEY", "it's a\ndeploy key of "+env)
	}
	jwt := func(_ *http.Request, body map[string]any) error {
		if body["jwt"] != recipeProof {
			return errors.New("not the platform's proof")
		}
		return nil
	}
	aws := func(_ *http.Request, body map[string]any) error {
		if body["iamRequestBody"] == nil || body["iamRequestHeaders"] == nil {
			return errors.New("not a signed request")
		}
		return nil
	}
	project.Folder("dev", "/backend")
	identity := s.AddIdentity(devserver.Identity{
		ID: recipeIdentity, ClientID: recipeClient,
		Verify: map[string]devserver.VerifyFunc{"kubernetes-auth": jwt, "oidc-auth": jwt, "aws-auth": aws},
	})
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return &recipeServer{url: web.URL, secret: identity.ClientSecret}
}

// TestRecipes executes the recipes of the README that need no container; those
// that do are in TestContainer.
func TestRecipes(t *testing.T) {
	t.Parallel()
	s := newRecipeServer(t)
	machine := []string{"INFISICAL_URL=" + s.url, "INFISICAL_CLIENT_ID=" + recipeClient, "INFISICAL_CLIENT_SECRET=" + s.secret}
	const project = `{"workspaceId": "` + recipeProject + `", "defaultEnvironment": "dev"}`

	t.Run("package.json", func(t *testing.T) {
		require(t, "npm")
		dir := recipeDir(t, "package.json", recipe(t, "package.json"), ".infisical.json", project, "server.js", `console.log("node says", process.env.GREETING)`)
		wantOutput(t, "node says hello from dev\n", runIn(t, dir, machine, "npm", "start", "--silent"))
	})
	t.Run("Makefile", func(t *testing.T) {
		require(t, "make")
		dir := recipeDir(t, "Makefile", recipe(t, "Makefile"), ".infisical.json", project, "server", "#!/bin/sh\necho make says $GREETING\n")
		wantOutput(t, "make says hello from dev\n", runIn(t, dir, machine, "make", "-s", "run"))
	})
	t.Run("direnv", func(t *testing.T) {
		require(t, "direnv")
		dir := recipeDir(t, ".envrc", recipe(t, ".envrc"), ".infisical.json", project)
		environ := append(machine, "HOME="+t.TempDir())
		runIn(t, dir, environ, "direnv", "allow", ".")
		wantOutput(t, "direnv says hello from dev, it's a\ndeploy key of dev.\n",
			runIn(t, dir, environ, "direnv", "exec", ".", "sh", "-c", `echo "direnv says $GREETING, $DEPLOY_KEY."`))
	})
	t.Run("dev", func(t *testing.T) {
		require(t, "bash")
		require(t, "npm")
		dir := recipeDir(t, "secrets/dev.env", "GREETING='hello from a directory'\n", "package.json", `{"scripts": {"start": "echo npm says $GREETING"}}`)
		// The server stays in the background, as at a prompt, until its group is ended here.
		cmd := exec.Command("bash", "-c", recipe(t, "dev.sh"))
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "npm_config_loglevel=silent", "npm_config_update_notifier=false"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, err := os.Create(filepath.Join(dir, "out")) // a pipe would be held open by the server
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = out, out
		err = cmd.Run()
		if killed := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); killed != nil {
			t.Errorf("the server was not left in the background: %v", killed)
		}
		text, readErr := os.ReadFile(out.Name())
		if err := errors.Join(err, readErr, out.Close()); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		wantOutput(t, "npm says hello from a directory\n", string(text))
	})
	t.Run("systemd", func(t *testing.T) { s.unit(t, recipe(t, "app.service")) })
}

// recipeDir makes a directory of files: pairs of a name and its content.
func recipeDir(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		writeFile(t, name, files[i+1])
		mode := os.FileMode(0o644) // as a checkout has them
		if strings.HasPrefix(files[i+1], "#!") {
			mode = 0o755
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// runIn runs a program in dir, with nothing but its own variables and PATH, and
// returns what it said.
func runIn(t *testing.T, dir string, environ []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "npm_config_update_notifier=false"}, environ...)
	for _, entry := range environ {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok { // a docker of our own comes first there
			first, _, _ := strings.Cut(path, ":")
			if file, err := exec.LookPath(filepath.Join(first, name)); err == nil {
				cmd.Path, cmd.Err = file, nil
			}
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", shellquote.Join(append([]string{name}, args...)...), err, out)
	}
	return string(out)
}

func wantOutput(t *testing.T, want, got string) {
	t.Helper()
	if !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// unit lets systemd judge the unit, and does what systemd does with it: its
// variables, its credential, its notification socket, its command.
func (s *recipeServer) unit(t *testing.T, text string) {
	require(t, "systemd-analyze")
	root := t.TempDir()
	bin := filepath.Join(root, "usr", "local", "bin")
	app := "#!/bin/sh\necho \"$GREETING, ${NOTIFY_SOCKET:-no socket}, ${INFISICAL_CLIENT_SECRET_FILE:-no credential}.\"\n"
	writeFile(t, filepath.Join(bin, "app"), app)
	writeFile(t, filepath.Join(root, "etc", "systemd", "system", "app.service"), text)
	infuse, err := exec.LookPath("infuse")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(filepath.Join(bin, "app"), 0o755), os.Symlink(infuse, filepath.Join(bin, "infuse"))); err != nil {
		t.Fatal(err)
	}

	// The units that it names belong to the system; only the files of ours are elsewhere.
	unit := filepath.Join(t.TempDir(), "app.service")
	writeFile(t, unit, strings.ReplaceAll(text, "/usr/local/bin/", bin+"/"))
	verify := exec.Command("systemd-analyze", "verify", "--man=no", unit)
	if out, err := verify.CombinedOutput(); err != nil || strings.Contains(string(out), "app.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}

	credentials := t.TempDir()
	writeFile(t, filepath.Join(credentials, "infisical"), s.secret+"\n")
	environ := []string{"INFISICAL_URL=" + s.url, "CREDENTIALS_DIRECTORY=" + credentials, "NOTIFY_SOCKET=" + openNotifySocket(t).path}
	var command []string
	for _, line := range strings.Split(text, "\n") {
		value := func(key string) []string {
			rest, ok := strings.CutPrefix(line, key+"=")
			if !ok {
				return nil
			}
			words, err := shellquote.Split(strings.ReplaceAll(rest, "%d", credentials))
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return words
		}
		environ = append(environ, value("Environment")...)
		command = append(command, value("ExecStart")...)
	}
	for i := range command {
		command[i] = strings.ReplaceAll(command[i], "/usr/local/bin/", bin+"/")
	}
	wantOutput(t, "hello from prod, no socket, no credential.\n", runIn(t, root, environ, command[0], command[1:]...))
}

// TestReadmeCommandsParse: every infuse command of the README is one.
func TestReadmeCommandsParse(t *testing.T) {
	text := readmeText(t)
	t.Chdir(t.TempDir())
	var calls []string
	for _, block := range regexp.MustCompile("(?s)```(?:console|sh|make|json|yaml)\n(.*?)```").FindAllStringSubmatch(text, -1) {
		calls = append(calls, regexp.MustCompile(`(?m)(?:^|[$:] |["(\t])infuse ([a-z][^\n]*)`).FindAllString(block[1], -1)...)
	}
	calls = append(calls, regexp.MustCompile("`infuse [a-z][^`]*`").FindAllString(text, -1)...)
	parsed := 0
	for _, call := range calls {
		_, line, _ := strings.Cut(strings.Trim(call, "` \n\t$"), "infuse ")
		line = " " + line
		for _, end := range []string{" # ", " | ", " > ", " &)", ")", `" }`, "   "} {
			line, _, _ = strings.Cut(line, end)
		}
		args, err := shellquote.Split(strings.ReplaceAll(line, `\|`, "|"))
		if err != nil || len(args) == 0 || strings.ContainsAny(line, "[|") || slices.Contains(args, "DIR") || slices.Contains(args, "COMMAND") || strings.Contains(line, "...") || args[0] == "dev" && len(args) == 1 {
			continue // a sketch of the grammar, not a command
		}
		p := &program{args: args, stdout: new(strings.Builder), stderr: new(strings.Builder)}
		if c, err := parse(p); err != errDone && (err != nil || c == nil) {
			t.Errorf("%q: %v", call, err)
		}
		parsed++
	}
	if parsed < 20 {
		t.Errorf("only %d commands found", parsed)
	}
}
