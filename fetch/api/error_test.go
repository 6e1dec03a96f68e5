package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"infuse/fetch/api"
)

func fail(t *testing.T, status int, contentType, body string) *api.Error {
	t.Helper()
	c := client(t, "http://h", api.TransportConfig{Retries: -1, Base: handler(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})})
	_, err := c.Do(t.Context(), api.Call{Method: "GET", Path: "/api/x"}, nil)
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		t.Fatalf("%d %q: %v", status, body, err)
	}
	return e
}

// TestErrorBodies are the shapes real servers of 2024 to 2026 sent.
func TestErrorBodies(t *testing.T) {
	for name, c := range map[string]struct {
		status             int
		body               string
		kind, message      string
		rejected, fallback bool
	}{
		"login":        {401, `{"statusCode":401,"message":"Invalid credentials","error":"UnauthorizedError"}`, "UnauthorizedError", "Invalid credentials", true, false},
		"ttl":          {401, `{"statusCode":401,"message":"No identity access token found","error":"UnauthorizedError"}`, "UnauthorizedError", "No identity access token found", true, false},
		"jwt":          {403, `{"statusCode":403,"message":"Your token has expired. Please re-authenticate.","error":"TokenError"}`, "TokenError", "Your token has expired. Please re-authenticate.", true, false},
		"service":      {403, `{"statusCode":403,"message":"Service token has expired","error":"ForbiddenError"}`, "ForbiddenError", "Service token has expired", true, false},
		"member":       {403, `{"statusCode":403,"message":"You are not allowed to access this resource","error":"Identity is not a member of the specified project with ID 'x'"}`, "", "You are not allowed to access this resource: Identity is not a member of the specified project with ID 'x'", false, false},
		"permission":   {403, `{"reqId":"req-1","statusCode":403,"message":"You are not allowed to read on secrets","error":"PermissionDenied","details":[{"a":"hunter2"}]}`, "PermissionDenied", "You are not allowed to read on secrets", false, false},
		"zod 2024":     {401, `{"statusCode":401,"message":[{"received":"hunter2","code":"invalid_enum_value","path":["recursive"],"message":"got 'hunter2'"}],"error":"ValidationFailure"}`, "ValidationFailure", "not valid: recursive", false, false},
		"zod 2025":     {422, `{"message":[{"path":["body","items",0,"name"]},{"path":["x"]}],"error":"ValidationFailure"}`, "ValidationFailure", "not valid: body.items.0.name, x", false, false},
		"zod no path":  {422, `{"message":[{"path":[],"message":"hunter2"}],"error":"ValidationFailure"}`, "ValidationFailure", "the request is not valid", false, false},
		"object":       {400, `{"message":{"password":"hunter2"},"error":"BadRequest"}`, "BadRequest", "", false, false},
		"null":         {400, `{"message":null,"error":null}`, "", "", false, false},
		"number":       {400, `{"message":7,"error":7,"reqId":7}`, "", "", false, false},
		"controls":     {400, "{\"message\":\"a\\u001b[31mb\\r\\n\\tc\\u0000\\u202ed\",\"error\":\"BadRequest\"}", "BadRequest", "a [31mb c d", false, false},
		"rate":         {429, `{"message":"Rate limit exceeded. Please try again in 1 minute","error":"RateLimitExceeded"}`, "RateLimitExceeded", "Rate limit exceeded. Please try again in 1 minute", false, true},
		"server":       {500, `{"message":"Something went wrong","error":"InternalServerError"}`, "InternalServerError", "Something went wrong", false, true},
		"501":          {501, `{}`, "", "", false, true},
		"error object": {403, `{"message":"m","error":{"x":1}}`, "", "m", false, false},
	} {
		e := fail(t, c.status, "application/json", c.body)
		if e.Kind != c.kind || e.Message != c.message || e.TokenRejected() != c.rejected || api.Failing(e) != c.fallback || e.NoRoute || e.Foreign {
			t.Errorf("%s: %+v (rejected %v, failing %v)", name, *e, e.TokenRejected(), api.Failing(e))
		}
		if strings.Contains(e.Error(), "hunter2") || strings.ContainsFunc(e.Error(), unicode.IsControl) {
			t.Errorf("%s: %q", name, e.Error())
		}
	}
}

func TestMessageIsCut(t *testing.T) {
	e := fail(t, 400, "application/json", `{"message":"`+strings.Repeat("é", 5000)+`"}`)
	if n := utf8.RuneCountInString(e.Message); n != 203 || !strings.HasSuffix(e.Message, "...") {
		t.Errorf("%d characters", n)
	}
}

func TestNoRoute(t *testing.T) {
	for body, want := range map[string]bool{
		`{"message":"Route GET:/api/v4/secrets?projectId=8&environment=dev not found","error":"Not Found","statusCode":404}`: true,
		`{"message":"Project with ID 'x' not found during bot lookup.","error":"NotFound","statusCode":404}`:                 false,
		`{"reqId":"req-1","message":"Folder with path '/x' not found","error":"SecretPathNotFound","statusCode":404}`:        false,
		`<html>nginx 404</html>`: true,
		``:                       true,
	} {
		e := fail(t, 404, "text/html", body)
		if e.NoRoute != want {
			t.Errorf("%q: NoRoute %v", body, e.NoRoute)
		}
		if strings.Contains(e.Error(), "projectId") {
			t.Errorf("the query is repeated: %v", e)
		}
	}
	if e := fail(t, 403, "text/html", "<html>hunter2</html>"); e.NoRoute || !e.Foreign || e.TokenRejected() || strings.Contains(e.Error(), "hunter2") {
		t.Errorf("a proxy's page: %+v", *e)
	}
}

// TestContent words every 2xx that is not the JSON that was asked for.
func TestContent(t *testing.T) {
	for name, c := range map[string]struct {
		contentType, body, want string
		web                     bool
	}{
		"html":          {"text/html; charset=utf-8", "<!doctype html><title>hunter2", "web page", true},
		"html as json":  {"application/json", "\n <html>hunter2", "web page", true},
		"empty":         {"application/json", "", "is empty", false},
		"blank":         {"application/json", " \n", "is empty", false},
		"cut":           {"application/json", `{"secrets":[{"secretKey":"A","secretValue":"hunter2`, "is cut: its JSON ends after 51 bytes", false},
		"cut in number": {"application/json", `{"secrets":[1`, "is cut", false},
		"image":         {"image/png", "\x89PNG hunter2", "is image/png, not JSON", true},
		"text":          {"text/plain", "hunter2", "is text/plain, not JSON", true},
		"garbage":       {"application/json", "hunter2", "not valid JSON", false},
		"two documents": {"application/json", "{}{}", "not valid JSON", false},
		"shape":         {"application/json", `{"secrets":{"hunter2":1}}`, "another shape", false},
		"null":          {"application/json", "null", "another shape", false},
		"no list":       {"application/json", `{"status":"hunter2"}`, "another shape", false},
		"null list":     {"application/json", `{"secrets":null,"imports":[]}`, "another shape", false},
		"array":         {"application/json", `["hunter2"]`, "another shape", false},
		"string":        {"application/json", `"hunter2"`, "another shape", false},
		"deep":          {"application/json", `{"x":` + strings.Repeat("[", 1<<20), "not valid JSON", false},
	} {
		n := 0
		cl := client(t, "http://h", api.TransportConfig{Base: handler(func(w http.ResponseWriter, r *http.Request) {
			n++
			w.Header().Set("Content-Type", c.contentType)
			_, _ = w.Write([]byte(c.body))
		})})
		_, err := cl.Do(t.Context(), api.Call{Method: "GET", Path: "/api/x"}, new(api.SecretList))
		e, ok := errors.AsType[*api.NetworkError](err)
		if !ok || n != 1 || !strings.Contains(e.Reason, c.want) || e.NotInfisical != c.web {
			t.Errorf("%s: %v after %d attempts", name, err, n)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s quotes the body: %v", name, err)
		}
	}
	for _, ok := range []string{"application/json", "application/problem+json", "text/plain; charset=utf-8", "", "bogus/;;"} {
		cl := client(t, "http://h", api.TransportConfig{Base: handler(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", ok)
			_, _ = w.Write([]byte(`{"secrets":[]}`))
		})})
		if _, err := cl.Do(t.Context(), api.Call{Method: "GET", Path: "/api/x"}, new(api.SecretList)); err != nil {
			t.Errorf("JSON as %q: %v", ok, err)
		}
	}
}

func FuzzErrorBody(f *testing.F) {
	for _, seed := range []string{
		`{"statusCode":401,"message":"Invalid credentials","error":"UnauthorizedError"}`,
		`{"message":[{"path":["a",1,null,{"b":2}]}],"error":"ValidationFailure"}`,
		`{"message":"Route GET:/api/v4/secrets not found","error":"Not Found","statusCode":404}`,
		`{"message":"Please try again in 12 seconds"}`, `<html>`, ``, `{"message":{"a":1}}`, "{\"message\":\"\xff\u202e\"}",
	} {
		f.Add(404, seed, "3")
		f.Add(429, seed, "Wed, 21 Oct 2015 07:28:00 GMT")
	}
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string) {
		if status < 400 || status > 599 || strings.ContainsAny(retryAfter, "\r\n") {
			return // not an error answer
		}
		c := client(t, "http://h", api.TransportConfig{Retries: -1, Base: handler(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", retryAfter)
			answer(w, status, body)
		})})
		_, err := c.Do(t.Context(), api.Call{Method: "GET", Path: "/api/x"}, nil)
		e, ok := errors.AsType[*api.Error](err)
		if !ok {
			t.Fatalf("%v", err)
		}
		if n := utf8.RuneCountInString(e.Message); n > 203 || !utf8.ValidString(e.Message) || strings.ContainsFunc(e.Message+e.Kind+e.RequestID, unicode.IsControl) {
			t.Errorf("a message of %d characters: %q", n, e.Message)
		}
		if e.RetryAfter < 0 || e.RetryAfter > 24*time.Hour {
			t.Errorf("a wait of %s", e.RetryAfter)
		}
		if e.NoRoute && status != 404 || e.TokenRejected() && status != 401 && status != 403 {
			t.Errorf("%+v", *e)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add(`{"secrets":[{"secretKey":"A","secretValue":"v","type":"shared","secretPath":"/","environment":"dev"}],"imports":[]}`)
	f.Add(`{"secrets":[{"secretKey":null,"secretValue":null,"type":null,"secretPath":null,"secretValueHidden":null}],"imports":[{"secretPath":"/x","environment":"prod","secrets":null}]}`)
	f.Add(`{"secrets":null,"imports":null}`)
	f.Add(`{"secrets":[{"secretValue":"\ud800\u0000"}]}`)
	f.Add(`<html>`)
	f.Fuzz(func(t *testing.T, body string) {
		c := client(t, "http://h", api.TransportConfig{Base: handler(func(w http.ResponseWriter, r *http.Request) { answer(w, 200, body) })})
		var list api.SecretList
		_, err := c.Do(t.Context(), api.Call{Method: "GET", Path: "/api/x"}, &list)
		if _, ok := errors.AsType[*api.NetworkError](err); err != nil && !ok {
			t.Fatalf("%v", err)
		}
		if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("%q", err)
		}
	})
}
