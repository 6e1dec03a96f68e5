package devserver_test

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"infuse/fetch/devserver"
)

// TestDependencies: the server is the standard library, fetch/api and fetch/store.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(out)) {
		first, _, _ := strings.Cut(name, "/")
		standard := !strings.Contains(first, ".") && first != "infuse"
		if !standard && name != "infuse/fetch/api" && name != "infuse/fetch/store" {
			t.Errorf("it imports %s", name)
		}
	}
}

// TestManyAtOnce is for the race detector: requests, edits, knobs and readers together.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(devserver.Config{Limits: &devserver.Limits{Secrets: -1, Logins: -1, Reads: -1}})
	user := w.AddUser(devserver.User{})
	w.SetFlicker(0.5)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 40 {
				key := fmt.Sprintf("K%d", i%5)
				switch worker {
				case 0:
					w.p.Set("dev", fmt.Sprintf("/f%d", i%3), key, fmt.Sprintf("${K%d}%d", i%4, i))
				case 1:
					w.p.Put(devserver.Secret{Environment: "dev", Key: key, Value: "x", UserID: user.ID, Tags: []devserver.Tag{{Slug: "t"}}})
				case 2:
					w.p.Delete("dev", "/f1", key)
					w.AddIdentity(devserver.Identity{})
				case 3:
					w.login(t, w.id, w.id.ClientSecret)
				case 4:
					w.Inject(devserver.Fault{Path: "/api/status", Status: 503})
					w.ask(t, "GET", "/api/status", "")
				case 5:
					w.Requests()
					w.Count("GET /api/v4/secrets")
					w.SetRole(user.ID, w.p.ID(), devserver.Viewer)
				default:
					if r := w.list(t, "environment=dev&recursive=true"); r.status != 200 {
						t.Errorf("%d %s", r.status, r.body)
					}
				}
			}
		})
	}
	group.Wait()
}
