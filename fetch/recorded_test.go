package fetch_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"infuse/fetch"
	"infuse/fetch/api"
)

// exchange is one recorded request of a real server and its answer.
type exchange struct {
	Name    string
	Request struct {
		Path  string
		Query map[string]string
	}
	Response struct {
		Status  int
		Headers [][2]string
		Body    string
	}
}

func recorded(t *testing.T, name string) exchange {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var e exchange
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// RoundTrip answers a v3 list as recorded, and nothing else.
func (e exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	if req.URL.Path != e.Request.Path {
		answer(404, `{"message":"Route GET:`+req.URL.Path+` not found","error":"Not Found","statusCode":404}`)(rec, req)
	} else {
		for _, h := range e.Response.Headers {
			rec.Header().Add(h[0], h[1])
		}
		rec.WriteHeader(e.Response.Status)
		_, _ = rec.WriteString(e.Response.Body)
	}
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}

func (e exchange) scope() fetch.Scope {
	q := e.Request.Query
	s := fetch.Scope{ProjectID: q["workspaceId"], ProjectSlug: q["workspaceSlug"], Environment: q["environment"], Personal: true,
		Recursive: q["recursive"] == "true", Imports: q["include_imports"] == "true", Expand: q["expandSecretReferences"] == "true"}
	if s.ProjectID == "" {
		s.ProjectID = "p"
	}
	if s.Environment == "" {
		s.Environment = "dev"
	}
	if p := q["secretPath"]; p != "" {
		s.Paths = []string{p}
	}
	return s
}

// TestRecordedLists sends every recorded list of a real server through client
// and merge. What each list merges to is worked out here a second time, from
// the raw JSON and the words of the rules.
func TestRecordedLists(t *testing.T) {
	files, err := filepath.Glob("../testdata/recorded/0[4-9]*-list-*.json")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d recorded lists, %v", len(files), err)
	}
	lists, refusals := 0, 0
	for _, file := range files {
		e := recorded(t, file)
		t.Run(filepath.Base(file), func(t *testing.T) {
			snapshot, err := source(t, e, &tokens{static: "recorded"}).Fetch(t.Context(), e.scope())
			if e.Response.Status != 200 {
				refusals++
				got, ok := errors.AsType[*api.Error](err)
				if !ok || got.Status != e.Response.Status || got.Message == "" || api.Failing(err) {
					t.Errorf("status %d: %v", e.Response.Status, err)
				}
				return
			}
			lists++
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(expected(t, e.Response.Body), values(snapshot)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if lists < 25 || refusals < 12 {
		t.Errorf("%d lists and %d refusals: are recordings missing?", lists, refusals)
	}
}

// expected merges without the product: imports in order, so that a later one
// overwrites; then local secrets from the deepest and last path to the nearest
// and first; personal ones after shared ones.
func expected(t *testing.T, body string) map[string]string {
	type raw struct{ SecretKey, SecretValue, SecretPath, Type string }
	var list struct {
		Secrets []raw
		Imports []struct{ Secrets []raw }
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, imp := range list.Imports {
		for _, s := range imp.Secrets {
			want[s.SecretKey] = s.SecretValue
		}
	}
	slices.SortStableFunc(list.Secrets, func(a, b raw) int {
		if n := strings.Count(strings.TrimSuffix(b.SecretPath, "/"), "/") - strings.Count(strings.TrimSuffix(a.SecretPath, "/"), "/"); n != 0 {
			return n
		}
		if n := strings.Compare(b.SecretPath, a.SecretPath); n != 0 {
			return n
		}
		return strings.Compare(b.Type, a.Type) // shared before personal
	})
	for _, s := range list.Secrets {
		want[s.SecretKey] = s.SecretValue
	}
	return want
}

// TestRecordedPrecedence names the values that the rules are about.
func TestRecordedPrecedence(t *testing.T) {
	for name, want := range map[string]map[string]string{
		"048-list-imports":                     {"PLAIN": "plain-value", "IMPORT_PRECEDENCE": "from-prod-/shared (import #2)", "SHARED_DEV": "from-dev-shared", "REF_SIMPLE": "pw=${PASSWORD}"},
		"049-list-imports-expand":              {"PLAIN": "plain-value", "IMPORT_PRECEDENCE": "from-prod-/shared (import #2)", "IMPORTED_REF": "ref:from-prod-shared", "REF_SIMPLE": "pw=s3cr3t-p4ss"},
		"047-list-recursive":                   {"API_KEY": "root-api-key", "OVERRIDE_ME": "root-value", "ONLY_DB": "only-db"},
		"052-list-all-flags":                   {"API_KEY": "root-api-key", "IMPORT_PRECEDENCE": "from-dev-/shared (import #1)", "DB_PASSWORD": "deep-db-pass"},
		"054-list-path-backend-imports-expand": {"DB_PASSWORD": "prod-db-pass", "API_KEY": "backend-api-key"},
		"055-list-path-backend-recursive":      {"API_KEY": "backend-api-key", "OVERRIDE_ME": "backend-value"},
		"082-list-user-jwt":                    {"PERSONAL_ME": "personal-value"},
		"046-list-default":                     {"PERSONAL_ME": "shared-value", "CRLF": "line1\r\nline2\r\nline3", "EMPTY": ""},
		"097-list-bulk-1000":                   {"BULK_0001": "value-1-abcdefghijabcdefghij"},
	} {
		e := recorded(t, filepath.Join("../testdata/recorded", name+".json"))
		snapshot, err := source(t, e, &tokens{static: "recorded"}).Fetch(t.Context(), e.scope())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := values(snapshot)
		for key, value := range want {
			if v, ok := got[key]; !ok || !strings.HasPrefix(v, value) {
				t.Errorf("%s: %s is %q, want %q", name, key, v, value)
			}
		}
	}
	e := recorded(t, "../testdata/recorded/052-list-all-flags.json")
	snapshot, err := source(t, e, &tokens{static: "recorded"}).Fetch(t.Context(), e.scope())
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"API_KEY":           "API_KEY=root-api-key from dev:/ over [dev:/backend dev:/backend/db] conflict",
		"IMPORT_PRECEDENCE": "IMPORT_PRECEDENCE=from-dev-/shared (import #1) from dev:/shared over [prod:/shared (import) dev:/shared (import)]",
		"REF_MISSING":       "REF_MISSING=x${DOES_NOT_EXIST}y from dev:/ unresolved",
	} {
		s, _ := snapshot.Lookup(key)
		if got := lines([]fetch.Secret{s})[0]; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
