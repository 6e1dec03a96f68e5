package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

func ExampleClient_Do() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"secrets":[{"secretKey":"DB_URL","secretValue":"postgres://"}]}`)
	}))
	defer server.Close()
	base, _ := api.ParseBase(server.URL + "/api/")
	hc, _ := api.NewHTTPClient(api.TransportConfig{UserAgent: "infuse/1.0"})
	client := &api.Client{Base: base, HTTP: hc}
	var list api.SecretList
	_, err := client.Do(context.Background(), api.Call{Method: "GET", Path: "/api/v4/secrets"}, &list)
	fmt.Println(len(list.Secrets), list.Secrets[0].Key, err)
	// Output: 1 DB_URL <nil>
}

func TestRequest(t *testing.T) {
	var got *http.Request
	h, err := api.ParseHeaders("CF-Id=1 Authorization=mine User-Agent=other Content-Type=x Accept=y")
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, "https://h/prefix", api.TransportConfig{UserAgent: "infuse/7", Headers: h, Base: handler(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("ETag", `"abc="`)
		w.WriteHeader(304)
	})})
	call := api.Call{Method: "POST", Path: "/api/v4/secrets/A%2FB%20C", Query: url.Values{"a": {"b c"}}, Token: secret.New("st.id.secret.key.more"), Body: 1, ETag: `"abc="`}
	answer, err := c.Do(t.Context(), call, nil)
	if err != nil || !answer.NotModified || answer.ETag != `"abc="` {
		t.Fatalf("%+v, %v", answer, err)
	}
	if got.URL.String() != "https://h/prefix/api/v4/secrets/A%2FB%20C?a=b+c" {
		t.Errorf("the address is %s", got.URL)
	}
	for name, want := range map[string]string{
		"User-Agent": "infuse/7", "Accept": "application/json", "Content-Type": "application/json", "Cf-Id": "1",
		"Authorization": "Bearer st.id.secret", "If-None-Match": `"abc="`,
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	for _, token := range []string{"hunter2\n", "hunter2 x", "hunter2\x00", "hünter2"} {
		_, err := c.Do(t.Context(), api.Call{Method: "GET", Path: "/api/x", Token: secret.New(token)}, nil)
		if err == nil || strings.Contains(err.Error(), "nter2") {
			t.Errorf("a token that cannot be sent: %v", err)
		}
	}
}

// TestNoTokenNoHeader: an old token in the header makes a login fail.
func TestNoTokenNoHeader(t *testing.T) {
	c := client(t, "https://h", api.TransportConfig{Base: handler(func(w http.ResponseWriter, r *http.Request) {
		if r.Header["Authorization"] != nil || r.Header["If-None-Match"] != nil || r.Header["Content-Type"] != nil || r.UserAgent() != "infuse" {
			t.Errorf("headers: %v", r.Header)
		}
		answer(w, 200, "{}")
	})})
	if _, err := c.Do(t.Context(), api.Call{Method: "GET", Path: "/api/x"}, nil); err != nil {
		t.Error(err)
	}
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "http://h", api.TransportConfig{Base: trip(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Accept") != "text/event-stream" {
				return nil, errors.New("not a stream")
			}
			body := pulse{r.Context(), 5}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: &body, Request: r}, nil
		})})
		start := time.Now()
		resp, err := c.Stream(t.Context(), api.Call{Method: "POST", Path: "/api/v1/events", Body: 1})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for s := bufio.NewScanner(resp.Body); s.Scan(); n++ {
		}
		resp.Body.Close()
		if n != 5 || time.Since(start) != 5*time.Minute {
			t.Errorf("%d lines in %s", n, time.Since(start))
		}
	})
	n := 0
	c := client(t, "http://h", api.TransportConfig{Base: handler(func(w http.ResponseWriter, r *http.Request) {
		n++
		answer(w, 503, `{"message":"no events today"}`)
	})})
	_, err := c.Stream(t.Context(), api.Call{Method: "POST", Path: "/api/v1/events"})
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Message != "no events today" || n != 1 {
		t.Errorf("%d attempts: %v", n, err)
	}
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "http://h", api.TransportConfig{Base: trip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		_, err := c.Stream(t.Context(), api.Call{Method: "POST", Path: "/api/v1/events"})
		if err == nil || !strings.Contains(err.Error(), "no answer within 10s") {
			t.Errorf("%v", err)
		}
	})
}

// pulse is a body with a line each minute.
type pulse struct {
	ctx  context.Context
	left int
}

func (p *pulse) Read(b []byte) (int, error) {
	if p.left--; p.left < 0 {
		return 0, errors.New("end")
	}
	time.Sleep(time.Minute)
	return copy(b, ":\n"), p.ctx.Err()
}

func (p *pulse) Close() error { return nil }

// bulk is the answer of a large project: 10,000 secrets, about 5 MB.
func bulk(tb testing.TB) []byte {
	rows := make([]map[string]any, 10_000)
	for i := range rows {
		rows[i] = map[string]any{
			"id": fmt.Sprintf("0811cc2d-626b-4358-9a5c-%012d", i), "_id": fmt.Sprintf("0811cc2d-626b-4358-9a5c-%012d", i),
			"workspace": "896ccdce-063f-4c25-9324-7a2124a56e9a", "environment": "dev", "version": 1, "type": "shared",
			"secretKey": fmt.Sprintf("SERVICE_%05d_TOKEN", i), "secretValue": strings.Repeat("v", 40) + "\n\"" + fmt.Sprint(i), "secretComment": "",
			"skipMultilineEncoding": false, "metadata": nil, "createdAt": "2026-11-23T02:19:17.527Z", "updatedAt": "2026-11-23T02:19:17.527Z", "secretPath": "/", "tags": []any{},
		}
	}
	b, err := json.Marshal(map[string]any{"secrets": rows, "imports": []any{}})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// BenchmarkDecode compares a list through the client with encoding/json alone.
func BenchmarkDecode(b *testing.B) {
	body := bulk(b)
	b.Run("json", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if err := json.Unmarshal(body, new(api.SecretList)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("client", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		hc, err := api.NewHTTPClient(api.TransportConfig{Base: trip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body))}, nil
		})})
		if err != nil {
			b.Fatal(err)
		}
		base, _ := api.ParseBase("http://h")
		c := &api.Client{Base: base, HTTP: hc}
		for b.Loop() {
			if _, err := c.Do(b.Context(), api.Call{Method: "GET", Path: "/api/x"}, new(api.SecretList)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
