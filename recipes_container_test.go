//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

// testRecipes executes those recipes of the README that need containers. Images
// that they name are made from this machine's own programs; the orchestrators'
// own tools judge the files, and what they would start is started by podman.
func (e *engine) testRecipes(t *testing.T) {
	require(t, "node")
	s := newRecipeServer(t)
	docker := e.docker(t)
	context := recipeDir(t, "Dockerfile", recipe(t, "Dockerfile"),
		"server.js", `console.log(process.env.GREETING, "for", process.getuid(), "below", process.ppid, "with", process.env.INFISICAL_CLIENT_SECRET || "no secret of ours")`+"\n")
	environ := []string{"PATH=" + docker + ":" + os.Getenv("PATH"), "INFISICAL_URL=" + s.url}
	const served = "hello from prod for 1000 below 1 with no secret of ours\n"

	t.Run("docker", func(t *testing.T) {
		out := runIn(t, context, append(environ, "INFISICAL_PROJECT_ID="+recipeProject, "INFISICAL_CLIENT_ID="+recipeClient, "INFISICAL_CLIENT_SECRET="+s.secret),
			"sh", "-e", "-c", recipe(t, "docker.sh"))
		wantOutput(t, served, out)
	})
	if t.Failed() {
		return // the others start the image that this one builds
	}
	t.Run("compose", func(t *testing.T) { e.compose(t, s, environ, served) })
	t.Run("kubernetes", func(t *testing.T) { e.kubernetes(t, environ, served) })
	t.Run("ecs", func(t *testing.T) { e.ecs(t, environ, served) })
	t.Run("github actions", func(t *testing.T) { e.actions(t, environ) })
}

// docker is a directory with a `docker` that is podman on our storage. The image
// node:22-slim has this machine's node, whose files are mounted.
func (e *engine) docker(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	mounts := ""
	for _, dir := range []string{"/bin", "/usr", "/lib", "/lib64"} {
		if isDir(dir) {
			mounts += " --volume " + dir + ":" + dir + ":ro"
			if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	writeFile(t, filepath.Join(base, "etc", "passwd"), "root:x:0:0::/:/bin/sh\nnode:x:1000:1000::/tmp:/bin/sh\n")
	if err := os.Chmod(filepath.Join(base, "etc", "passwd"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := e.fromScratch("localhost/node:22-slim", []string{"--env", "PATH=/usr/local/bin:/usr/bin:/bin"}, base, "/"); err != nil {
		t.Fatalf("making node:22-slim: %v\n%s", err, out)
	}
	bin := t.TempDir()
	global := strings.Join(e.global, " ")
	writeFile(t, filepath.Join(bin, "docker"), fmt.Sprintf(`#!/bin/sh
case $1 in
build) shift; exec env BUILDAH_ISOLATION=chroot buildah %s bud --quiet --pull-never "$@" >&2 ;;
run) shift; exec podman %s --runtime runc run --pull=never --network=host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --env INFISICAL_URL%s "$@" ;;
esac
echo "docker $1: not here" >&2; exit 1
`, global, global, mounts))
	if err := os.Chmod(filepath.Join(bin, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	return bin
}

// started is a container as an orchestrator describes it.
type started struct {
	image            string
	entrypoint, args []string
	environ          []string
	volumes          []string
}

func (c started) run(t *testing.T, environ []string) string {
	t.Helper()
	args := []string{"run", "--rm"}
	for _, entry := range c.environ {
		args = append(args, "--env", entry)
	}
	for _, volume := range c.volumes {
		args = append(args, "--volume", volume)
	}
	if c.entrypoint != nil {
		list, _ := json.Marshal(c.entrypoint)
		args = append(args, "--entrypoint", string(list))
	}
	return runIn(t, t.TempDir(), environ, "docker", slices.Concat(args, []string{c.image}, c.args)...)
}

// compose: the loader of Docker Compose itself reads the file.
func (e *engine) compose(t *testing.T, s *recipeServer, environ []string, served string) {
	dir := recipeDir(t, "compose.yaml", recipe(t, "compose.yaml"), "infisical-client-secret", s.secret+"\n")
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: dir, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml")}},
		Environment: types.Mapping{"INFISICAL_PROJECT_ID": recipeProject, "INFISICAL_CLIENT_ID": recipeClient},
	}, func(o *loader.Options) { o.SetProjectName("app", true) })
	if err != nil {
		t.Fatalf("Compose refuses the file: %v", err)
	}
	app := project.Services["app"]
	c := started{image: app.Image, entrypoint: app.Entrypoint, args: app.Command}
	for name, value := range app.Environment {
		c.environ = append(c.environ, name+"="+*value)
	}
	for _, secret := range app.Secrets {
		c.volumes = append(c.volumes, project.Secrets[secret.Source].File+":/run/secrets/"+secret.Source+":ro")
	}
	wantOutput(t, served, c.run(t, environ))
}

// kubernetes: kubectl reads the manifest, the init container runs first, and the
// service account's token is where a kubelet projects it.
func (e *engine) kubernetes(t *testing.T, environ []string, served string) {
	require(t, "kubectl")
	dir := recipeDir(t, "deployment.yaml", recipe(t, "deployment.yaml"), "token", recipeProof)
	// Without a cluster only `set --local` decodes into kubectl's own types; it sets what is there already.
	out := runIn(t, dir, nil, "kubectl", "set", "serviceaccount", "--local", "--dry-run=client", "--output=json", "--filename=deployment.yaml", "app")
	var deployment struct {
		Kind string
		Spec struct {
			Template struct {
				Spec struct {
					ServiceAccountName         string
					InitContainers, Containers []struct {
						Image         string
						Command, Args []string
						Env           []struct{ Name, Value string }
						VolumeMounts  []struct {
							Name, MountPath string
							ReadOnly        bool
						}
					}
					Volumes []struct {
						Name     string
						EmptyDir map[string]any
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &deployment); err != nil || deployment.Kind != "Deployment" {
		t.Fatalf("kubectl: %v\n%s", err, out)
	}
	strict(t, recipe(t, "deployment.yaml"), out)
	pod := deployment.Spec.Template.Spec
	shared := map[string]string{}
	for _, volume := range pod.Volumes {
		if volume.EmptyDir == nil {
			t.Fatalf("volume %s is not an emptyDir", volume.Name)
		}
		place := t.TempDir()
		if err := os.Chmod(place, 0o777); err != nil { // as an emptyDir is
			t.Fatal(err)
		}
		shared[volume.Name] = place
	}
	token := filepath.Join(dir, "token")
	said := ""
	for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
		c := started{image: container.Image, entrypoint: container.Command, args: container.Args}
		c.volumes = []string{token + ":/var/run/secrets/kubernetes.io/serviceaccount/token:ro"}
		for _, env := range container.Env {
			c.environ = append(c.environ, env.Name+"="+env.Value)
		}
		for _, mount := range container.VolumeMounts {
			mode := map[bool]string{true: "ro", false: "rw"}[mount.ReadOnly]
			c.volumes = append(c.volumes, shared[mount.Name]+":"+mount.MountPath+":"+mode)
		}
		said = c.run(t, environ)
	}
	wantOutput(t, served, said)
}

// strict: whatever the manifest says is in what kubectl read, which drops what it does not know.
func strict(t *testing.T, manifest, read string) {
	t.Helper()
	var want, got any
	if err := yaml.Unmarshal([]byte(manifest), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(read), &got); err != nil {
		t.Fatal(err)
	}
	var missing func(path string, want, got any)
	missing = func(path string, want, got any) {
		switch want := want.(type) {
		case map[string]any:
			members, _ := got.(map[string]any)
			for name, value := range want {
				if _, ok := members[name]; !ok {
					t.Errorf("Kubernetes does not know %s.%s", path, name)
					continue
				}
				missing(path+"."+name, value, members[name])
			}
		case []any:
			elements, _ := got.([]any)
			for i := range want {
				if i < len(elements) {
					missing(fmt.Sprintf("%s[%d]", path, i), want[i], elements[i])
				}
			}
		}
	}
	missing("", want, got)
}

// ecs: the AWS SDK's own model of the API reads the definition, and the agent's
// credentials of the task's role are served as the agent does.
func (e *engine) ecs(t *testing.T, environ []string, served string) {
	require(t, "python3")
	dir := recipeDir(t, "task-definition.json", recipe(t, "task-definition.json"), "validate.py", `
import json, botocore.session, botocore.validate
model = botocore.session.get_session().get_service_model("ecs")
report = botocore.validate.ParamValidator().validate(json.load(open("task-definition.json")), model.operation_model("RegisterTaskDefinition").input_shape)
assert not report.has_errors(), report.generate_report()
print("valid")
`)
	python := "python3"
	if exec.Command(python, "-c", "import botocore.session").Run() != nil {
		python = "/usr/bin/python3" // Debian's, where another one stands before it
	}
	if exec.Command(python, "-c", "import botocore.session").Run() != nil {
		if os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
			t.Fatal("python3-botocore is not installed, and INFUSE_TEST_REQUIRE=1 forbids to skip")
		}
		t.Skip("skipped: python3-botocore is not installed")
	}
	wantOutput(t, "valid\n", runIn(t, dir, nil, python, "validate.py"))

	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"key","Token":"token","Expiration":"2099-01-01T00:00:00Z"}`)
	}))
	defer agent.Close()
	var task struct {
		ContainerDefinitions []struct {
			Image               string
			EntryPoint, Command []string
			Environment         []struct{ Name, Value string }
		}
	}
	if err := json.Unmarshal([]byte(recipe(t, "task-definition.json")), &task); err != nil {
		t.Fatal(err)
	}
	container := task.ContainerDefinitions[0]
	if out, err := e.buildah("tag", "localhost/app", container.Image); err != nil { // what was pushed to the registry
		t.Fatalf("%v: %s", err, out)
	}
	c := started{image: container.Image, entrypoint: container.EntryPoint, args: container.Command}
	c.environ = []string{"AWS_REGION=eu-central-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI=" + agent.URL} // loopback; the agent's own address is not on this machine
	for _, env := range container.Environment {
		c.environ = append(c.environ, env.Name+"="+env.Value)
	}
	wantOutput(t, served, c.run(t, environ))
}

// actions does with the workflow's steps what the runner does.
func (e *engine) actions(t *testing.T, environ []string) {
	for _, program := range []string{"bash", "npm"} {
		require(t, program)
	}
	var workflow struct {
		Env  map[string]string
		Jobs map[string]struct {
			Steps []struct{ Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(recipe(t, "workflow.yml")), &workflow); err != nil {
		t.Fatal(err)
	}
	github := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer of-the-job" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"value":%q}`, recipeProof)
	}))
	defer github.Close()
	checkout := recipeDir(t, "package.json", `{"scripts": {"test": "echo npm tests with $GREETING"}}`,
		"deploy.sh", "#!/bin/bash\nprintf 'deploys with <%s>, %s\\n' \"$DEPLOY_KEY\" \"${GREETING:-no greeting}\"\n")
	runner := t.TempDir()
	path, variables := filepath.Join(runner, "path"), filepath.Join(runner, "env")
	writeFile(t, path, "")
	writeFile(t, variables, "")
	environ = append(environ, "RUNNER_TEMP="+runner, "GITHUB_PATH="+path, "GITHUB_ENV="+variables, "npm_config_loglevel=silent",
		"ACTIONS_ID_TOKEN_REQUEST_URL="+github.URL+"/?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=of-the-job")
	for name, value := range workflow.Env {
		environ = append(environ, name+"="+value)
	}
	log := ""
	for i, step := range workflow.Jobs["test"].Steps {
		if step.Run == "" {
			continue
		}
		script := filepath.Join(runner, fmt.Sprintf("step%d.sh", i))
		writeFile(t, script, step.Run)
		log += runIn(t, checkout, environ, "bash", "--noprofile", "--norc", "-eo", "pipefail", script)
		for _, dir := range strings.Fields(readText(t, path)) {
			environ = append(environ, "PATH="+dir+":"+os.Getenv("PATH"))
		}
		environ = append(environ, workflowVariables(readText(t, variables))...)
	}
	for _, want := range []string{"npm tests with hello from ci\n", "deploys with <it's a\ndeploy key of ci>, no greeting\n", "::add-mask::it's a%0Adeploy key of ci\n"} {
		if !strings.Contains(log, want) {
			t.Errorf("the job's log has no %q:\n%s", want, log)
		}
	}
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// workflowVariables reads NAME<<DELIMITER blocks and NAME=VALUE lines, as the runner does
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
func workflowVariables(text string) (environ []string) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		name, delimiter, block := strings.Cut(lines[i], "<<")
		if !block {
			if strings.Contains(lines[i], "=") {
				environ = append(environ, lines[i])
			}
			continue
		}
		var value []string
		for i++; i < len(lines) && lines[i] != delimiter; i++ {
			value = append(value, lines[i])
		}
		environ = append(environ, name+"="+strings.Join(value, "\n"))
	}
	return environ
}
