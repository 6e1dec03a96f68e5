//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestContainer builds the Dockerfile as it stands and runs the image: as
// process 1, without root, with secrets from a directory. No registry is asked:
// the base of the build stage is made from this machine's own Go toolchain.
func TestContainer(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short, and this builds images")
	}
	for _, program := range []string{"buildah", "podman", "runc"} {
		require(t, program)
	}
	e := newEngine(t)
	e.buildImage()

	t.Run("image", e.testImage)
	t.Run("entry point", e.testEntryPoint)
	t.Run("exit status", e.testExitStatus)
	t.Run("terminated as process 1", e.testTermination)
	t.Run("CA roots", e.testRoots)
	t.Run("install for another container", e.testInstall)
	t.Run("recipes", e.testRecipes)
}

const (
	testImage    = "localhost/infuse"
	derivedImage = "localhost/app" // with an ENTRYPOINT as the README has it
)

// engine is buildah and podman over a storage of their own.
type engine struct {
	t      *testing.T
	dir    string
	global []string
}

// newEngine skips the test where containers cannot run at all: inside some
// sandboxes the programs are there and the kernel refuses.
func newEngine(t *testing.T) *engine {
	dir, err := os.MkdirTemp("", "infuse") // short: conmon's sockets live below it
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, dir: dir, global: []string{"--root", dir + "/root", "--runroot", dir + "/run", "--storage-driver", "vfs"}}
	t.Cleanup(func() {
		if os.Getuid() != 0 { // without root its files belong to other user ids
			_ = exec.Command("buildah", "unshare", "rm", "-rf", dir).Run()
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("removing the images: %v", err)
		}
	})
	child := filepath.Join(dir, "child")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", child, "./testdata/container")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	probe, err := e.fromScratch("localhost/probe", nil, child, "/child")
	if err != nil {
		t.Skipf("skipped: buildah cannot build an image here: %s", probe)
	}
	if out, err := e.podman("localhost/probe", []string{"/child", "exit", "0"}).CombinedOutput(); err != nil {
		t.Skipf("skipped: podman cannot run a container here: %v: %s", err, firstLine(out))
	}
	return e
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

func (e *engine) buildah(args ...string) (string, error) {
	cmd := exec.Command("buildah", append(slices.Clone(e.global), args...)...)
	cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// fromScratch makes an image of some files: pairs of a file and its place.
func (e *engine) fromScratch(name string, config []string, files ...string) (string, error) {
	container, err := e.buildah("from", "--quiet", "scratch")
	if err != nil {
		return container, err
	}
	for i := 0; i < len(files); i += 2 {
		if out, err := e.buildah("copy", "--quiet", container, files[i], files[i+1]); err != nil {
			return out, err
		}
	}
	if len(config) > 0 {
		if out, err := e.buildah(append(append([]string{"config"}, config...), container)...); err != nil {
			return out, err
		}
	}
	return e.buildah("commit", "--quiet", "--rm", container, name)
}

// podman prepares a run of an image; options stand before the image.
func (e *engine) podman(image string, args []string, options ...string) *exec.Cmd {
	all := slices.Concat(e.global, []string{"--runtime", "runc", "run", "--rm", "--network=host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"},
		options, []string{image}, args)
	return exec.Command("podman", all...)
}

// buildImage builds the Dockerfile, and a second image on top of it.
func (e *engine) buildImage() {
	source := filepath.Join(e.dir, "source")
	copySource(e.t, source)
	mounts := e.toolchain()
	args := []string{"bud", "--pull-never", "--build-arg", "GO_IMAGE=localhost/toolchain", "--build-arg", "VERSION=1.2.3-test", "--build-arg", "REVISION=0123abc"}
	for from, to := range mounts {
		mode := ":ro"
		if to == "/gocache" {
			mode = ""
		}
		args = append(args, "--volume", from+":"+to+mode)
	}
	if out, err := e.buildah(append(args, "--tag", testImage, source)...); err != nil {
		e.t.Fatalf("building the Dockerfile: %v\n%s", err, out)
	}
	derived := "FROM scratch\nCOPY --from=" + testImage + " /infuse /infuse\nCOPY child /app\n" +
		"USER 1000:1000\nENTRYPOINT [\"/infuse\", \"run\", \"--\"]\nCMD [\"/app\", \"exit\", \"0\"]\n"
	if err := os.WriteFile(filepath.Join(e.dir, "Dockerfile.app"), []byte(derived), 0o600); err != nil {
		e.t.Fatal(err)
	}
	context := filepath.Join(e.dir, "app")
	if err := os.Mkdir(context, 0o755); err != nil {
		e.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(e.dir, "child"), filepath.Join(context, "child")); err != nil {
		e.t.Fatal(err)
	}
	if out, err := e.buildah("bud", "--pull-never", "--tag", derivedImage, "--file", filepath.Join(e.dir, "Dockerfile.app"), context); err != nil {
		e.t.Fatalf("building on top of the image: %v\n%s", err, out)
	}
}

// toolchain makes the base of the build stage: a CA bundle and empty places, on
// which the machine's own toolchain, shell and module cache are mounted.
func (e *engine) toolchain() (mounts map[string]string) {
	e.t.Helper()
	out, err := exec.Command("go", "env", "-json", "GOROOT", "GOMODCACHE", "GOCACHE").Output()
	var env struct{ GOROOT, GOMODCACHE, GOCACHE string }
	if err == nil {
		err = json.Unmarshal(out, &env)
	}
	if err != nil {
		e.t.Fatalf("go env: %v", err)
	}
	mounts = map[string]string{env.GOROOT: "/goroot", env.GOMODCACHE: "/modcache", env.GOCACHE: "/gocache"}
	for _, dir := range []string{"/bin", "/usr", "/lib", "/lib64"} { // the shell of RUN
		if isDir(dir) {
			mounts[dir] = dir
		}
	}
	base := filepath.Join(e.dir, "base")
	for _, dir := range mounts {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			e.t.Fatal(err)
		}
	}
	const roots = "/etc/ssl/certs/ca-certificates.crt"
	if _, err := os.Stat(roots); err != nil {
		e.t.Skipf("skipped: this machine has no CA bundle to put into the image: %v", err)
	}
	for _, dir := range []string{"/tmp", "/etc/ssl/certs"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o777); err != nil {
			e.t.Fatal(err)
		}
	}
	if err := copyFile(roots, filepath.Join(base, roots)); err != nil {
		e.t.Fatal(err)
	}
	config := []string{"--env", "PATH=/goroot/bin:/usr/bin:/bin", "--env", "GOROOT=/goroot", "--env", "GOMODCACHE=/modcache",
		"--env", "GOCACHE=/gocache", "--env", "GOPROXY=off", "--env", "GOFLAGS=", "--env", "GOTOOLCHAIN=local"}
	if out, err := e.fromScratch("localhost/toolchain", config, base, "/"); err != nil {
		e.t.Fatalf("making the base of the build stage: %v\n%s", err, out)
	}
	return mounts
}

func (e *engine) testImage(t *testing.T) {
	out, err := exec.Command("podman", append(slices.Clone(e.global), "image", "inspect", testImage)...).Output()
	if err != nil {
		t.Fatalf("podman image inspect: %v", err)
	}
	var images []struct {
		Size   int64
		User   string
		Config struct {
			Entrypoint []string
			Labels     map[string]string
		}
	}
	if err := json.Unmarshal(out, &images); err != nil || len(images) != 1 {
		t.Fatalf("podman image inspect: %v\n%s", err, out)
	}
	image := images[0]
	t.Logf("image: %d bytes, %.2f MiB", image.Size, float64(image.Size)/(1<<20))
	if image.Size > imageBudget {
		t.Errorf("the image has %d bytes, %d more than the budget", image.Size, image.Size-imageBudget)
	}
	if image.User != "65532:65532" {
		t.Errorf("user %q: not a number, or root", image.User)
	}
	if !slices.Equal(image.Config.Entrypoint, []string{"/infuse"}) {
		t.Errorf("entry point %q", image.Config.Entrypoint)
	}
	for label, want := range map[string]string{"title": "infuse", "licenses": "MIT", "version": "1.2.3-test", "revision": "0123abc", "vendor": "The infuse authors"} {
		if got := image.Config.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("label %s: %q, want %q", label, got, want)
		}
	}
	if out, err := e.podman(testImage, []string{"version"}).CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "infuse 1.2.3-test (") {
		t.Errorf("version: %v: %s", err, out)
	}
	if out, err := e.podman(testImage, []string{"run", "--", "/nosuch"}).CombinedOutput(); status(err) != 127 || !strings.HasPrefix(string(out), "infuse: ") {
		t.Errorf("a command that is not there: %v: %s", err, out)
	}
}

// secrets are the options that point a container at a directory of secrets.
func (e *engine) secrets(t *testing.T) []string {
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dev.env"), []byte("GREETING='hello from the store'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"--volume", dir + ":/store:ro", "--env", "INFUSE_URL=file:/store", "--env", "INFISICAL_ENVIRONMENT=dev",
		"--env", "INFISICAL_CLIENT_SECRET=hunter2"}
}

// testEntryPoint: infuse stays as process 1, the child is another one, has its
// secrets and not our credentials, and is not root.
func (e *engine) testEntryPoint(t *testing.T) {
	out, err := e.podman(derivedImage, nil, e.secrets(t)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{", parent 1, uid 1000, gid 1000\n", "env GREETING=hello from the store\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "hunter2") {
		t.Errorf("the child got a credential:\n%s", out)
	}
}

func (e *engine) testExitStatus(t *testing.T) {
	secrets := e.secrets(t)
	if out, err := e.podman(derivedImage, []string{"/app", "exit", "7"}, secrets...).CombinedOutput(); status(err) != 7 {
		t.Errorf("status %d, want 7: %s", status(err), out)
	}
	out, err := e.podman(derivedImage, nil, append(secrets, "--env", "INFISICAL_ENVIRONMENT=nowhere")...).CombinedOutput()
	if status(err) != 125 || strings.Contains(string(out), "ready") {
		t.Errorf("status %d, want 125 and no child: %s", status(err), out)
	}
}

// testTermination: what `docker stop` does first. An application that is
// process 1 itself would ignore it.
func (e *engine) testTermination(t *testing.T) {
	name := "infuse-termination"
	cmd := e.podman(derivedImage, []string{"/app", "wait"}, append(e.secrets(t), "--name", name)...)
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	limit := time.After(2 * patience)
	for ready := false; !ready; {
		changed := out.changed()
		if ready = strings.Contains(out.String(), "ready\n"); ready {
			break
		}
		select {
		case <-changed:
		case err := <-ended:
			t.Fatalf("it ended: %v: %s", err, out.String())
		case <-limit:
			_ = cmd.Process.Kill()
			<-ended
			t.Fatalf("it never started: %s", out.String())
		}
	}
	kill := func(signal string) error {
		return exec.Command("podman", append(slices.Clone(e.global), "kill", "--signal", signal, name)...).Run()
	}
	if err := kill("TERM"); err != nil {
		t.Errorf("podman kill: %v", err)
	}
	select {
	case err := <-ended:
		if status(err) != 143 {
			t.Errorf("status %d, want 143: %s", status(err), out.String())
		}
	case <-limit:
		_ = kill("KILL")
		t.Errorf("it ignored SIGTERM: %v: %s", <-ended, out.String())
	}
}

// testRoots: the bundle is where Go looks for it.
func (e *engine) testRoots(t *testing.T) {
	child := filepath.Join(e.dir, "app", "child")
	out, err := e.podman(testImage, []string{"run", "--url", "file:/store", "-e", "dev", "--", "/child", "roots"},
		append(e.secrets(t), "--volume", child+":/child:ro")...).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("\nroots found\n")) {
		t.Errorf("%v: %s", err, out)
	}
	if !bytes.Contains(out, []byte("uid 65532, gid 65532\n")) {
		t.Errorf("the image's own user: %s", out)
	}
}

// testInstall is the init container of a pod: it copies the binary into a
// volume, and an image without infuse starts it from there.
func (e *engine) testInstall(t *testing.T) {
	shared := filepath.Join(e.dir, "shared")
	if err := os.Mkdir(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shared, 0o777); err != nil { // an emptyDir is like this
		t.Fatal(err)
	}
	volume := []string{"--volume", shared + ":/shared"}
	if out, err := e.podman(testImage, []string{"install", "/shared"}, volume...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("install: %v: %s", err, out)
	}
	out, err := e.podman("localhost/probe", []string{"/child", "exit", "3"},
		slices.Concat(volume, e.secrets(t), []string{"--entrypoint", `["/shared/infuse","run","--"]`})...).CombinedOutput()
	if status(err) != 3 || !bytes.Contains(out, []byte("env GREETING=hello from the store\n")) {
		t.Errorf("status %d, want 3: %s", status(err), out)
	}
}
