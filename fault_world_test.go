//go:build unix

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"infuse/fetch/devserver"
)

// world is a server behind a door, and a place to run infuse in. The secret KEY
// has a first value, and a second one after change.
type world struct {
	t       testing.TB
	infuse  string // the program
	dir     string
	cache   string
	envFile string // watched
	env     map[string]string
	flags   []string

	server   *devserver.Server
	project  *devserver.Project
	identity devserver.Identity
	door     *door
	tls      *tls.Config // nil: http
	url      string
	secrets  known

	bad       atomic.Bool  // what heal makes good, for faults that are read from it
	elsewhere atomic.Int64 // requests that reached another host

	mu       sync.Mutex
	before   string // the value at the beginning
	value    string
	answer   func(http.ResponseWriter, *http.Request) bool // true: it answered
	requests int
	logins   int
}

const (
	listRoute  = "/api/v4/secrets"
	loginRoute = "/api/v1/auth/universal-auth/login"
)

// newWorld makes one; prepare may change it before it listens.
func newWorld(t testing.TB, infuse string, config devserver.Config, identity devserver.Identity, prepare func(*world)) *world {
	w := &world{t: t, infuse: infuse, dir: t.TempDir(), before: "swordfish-first-value"}
	w.value = w.before
	w.cache = filepath.Join(w.dir, "cache")
	w.envFile = filepath.Join(w.dir, "more.env")
	w.door = newDoor(t)
	w.url = "http://" + w.door.addr
	config.Seed = 1
	w.server = devserver.New(config)
	w.server.SetEvents(devserver.EventsAbsent)
	w.project = w.server.AddProject(devserver.ProjectConfig{Slug: "shop"})
	w.identity = w.server.AddIdentity(identity)
	w.secrets.add("the client secret", w.identity.ClientSecret)
	w.set(w.value)
	w.project.Set("dev", "/app", "OTHER", "swordfish-other-value")
	w.touch()
	if prepare != nil {
		prepare(w)
	}
	w.listen()
	temp := filepath.Join(w.dir, "tmp")
	check(t, os.MkdirAll(temp, 0o700))
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": w.dir, "TMPDIR": temp,
		"INFISICAL_URL": w.url, "INFISICAL_PROJECT_ID": w.project.ID(), "INFISICAL_ENVIRONMENT": "dev",
		"INFISICAL_CLIENT_ID": w.identity.ClientID, "INFISICAL_CLIENT_SECRET": w.identity.ClientSecret,
		"INFUSE_LOG_LEVEL": "debug", "INFUSE_LOG_FORMAT": "json",
	}
	maps.Copy(env, w.env)
	w.env = env
	return w
}

func (w *world) listen() {
	server := &http.Server{Handler: w.secrets.listen(w), ErrorLog: log.New(io.Discard, "", 0)}
	var listener net.Listener = w.door
	if w.tls != nil {
		listener, w.url = tls.NewListener(w.door, w.tls), "https://"+w.door.addr
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	w.t.Cleanup(func() {
		server.Close()
		<-served
	})
}

// set gives the secret a value on the server.
func (w *world) set(value string) {
	w.mu.Lock()
	w.value = value
	w.mu.Unlock()
	w.secrets.add("the value", value)
	w.project.Set("dev", "/", "KEY", value)
}

func (w *world) change() { w.set("swordfish-second-value") }

func (w *world) now() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.value
}

// touch changes a watched file without changing what it says.
func (w *world) touch() {
	f, err := os.OpenFile(w.envFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString("# looked at\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		w.t.Error(err)
	}
}

// heal makes the world good again.
func (w *world) heal() {
	w.server.ClearFaults()
	w.setAnswer(nil)
	w.bad.Store(false)
	w.door.heal()
}

// inject adds a fault of the server: to the list, and for ever, unless it says otherwise.
func (w *world) inject(f devserver.Fault) {
	if f.Path == "" {
		f.Path = listRoute
	}
	if f.Times == 0 {
		f.Times = -1
	}
	w.server.Inject(f)
}

func (w *world) setAnswer(answer func(http.ResponseWriter, *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

func (w *world) resetCounts() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests, w.logins = 0, 0
	w.door.taken.Store(0)
}

// counts are the requests that came, or, where a fault below HTTP took them,
// the connections.
func (w *world) counts() (requests, logins int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests + int(w.door.taken.Load()), w.logins
}

// ServeHTTP counts, and lets the fault answer before the server.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/v1/events/") {
		w.server.ServeHTTP(rw, r)
		return
	}
	w.mu.Lock()
	w.requests++
	if r.URL.Path == loginRoute {
		w.logins++
	}
	answer := w.answer
	w.mu.Unlock()
	if answer == nil || !answer(rw, r) {
		w.server.ServeHTTP(rw, r)
	}
}

// tryLogin logs in from outside.
func (w *world) tryLogin(clientSecret string) {
	body := fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, w.identity.ClientID, clientSecret)
	resp, err := http.Post(w.url+loginRoute, "application/json", strings.NewReader(body))
	check(w.t, err)
	resp.Body.Close()
}

// command is infuse run in this world. One retry, so that what is retried is
// seen, and what is not, too; flags add a --timeout where time itself is the matter.
func (w *world) command(flags []string, program ...string) *exec.Cmd {
	args := append([]string{"run", "--retries", "1", "--timeout", "60s", "--cache-wait", "50s"}, w.flags...)
	args = append(append(append(args, flags...), "--"), program...)
	cmd := exec.Command(w.infuse, args...)
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Dir = w.dir
	return cmd
}

// check is for what cannot fail but by a mistake of the test.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
