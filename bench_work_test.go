//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"infuse/fetch"
	"infuse/fetch/api"
	"infuse/fetch/secret"
	"infuse/runner/envfile"
	"infuse/runner/environ"
	"infuse/runner/mask"
)

// workBody is a list answer as a server gives it, with values of 150 bytes: 5 MB for 10,000 secrets.
func workBody(tb testing.TB, secrets int) []byte {
	tb.Helper()
	rows := make([]map[string]any, secrets)
	for i := range rows {
		rows[i] = map[string]any{
			"id": "c3ae5b1d-4d63-4b1a-9ef5-0d4f3f5c1f5e", "_id": "c3ae5b1d-4d63-4b1a-9ef5-0d4f3f5c1f5e",
			"workspace": "896ccdce-063f-4c25-9324-7a2124a56e9a", "environment": "dev", "version": 1, "type": "shared",
			"secretKey": fmt.Sprintf("SERVICE_%05d_TOKEN", (i*7919)%secrets), "secretValue": strings.Repeat("v", 150), "secretComment": "",
			"createdAt": "2026-11-23T02:19:17.527Z", "updatedAt": "2026-11-23T02:19:17.527Z", "secretPath": "/", "tags": []any{},
		}
	}
	body, err := json.Marshal(map[string]any{"secrets": rows, "imports": []any{}})
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// bodyTransport answers every request with the same body.
type bodyTransport []byte

func (b bodyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		ContentLength: int64(len(b)), Body: io.NopCloser(bytes.NewReader(b))}, nil
}

// work is what a start does between the answer and execve, step by step.
type work struct {
	client *api.Client
	scope  fetch.Scope
	config environ.Config
}

func newWork(tb testing.TB, body []byte) *work {
	tb.Helper()
	client, err := api.NewHTTPClient(api.TransportConfig{Base: bodyTransport(body)})
	if err != nil {
		tb.Fatal(err)
	}
	base, err := api.ParseBase("http://127.0.0.1:1")
	if err != nil {
		tb.Fatal(err)
	}
	config := environ.Config{Limits: environ.Limits{String: 1 << 30, Total: 1 << 30}}
	for i := range 60 {
		config.Parent = append(config.Parent, fmt.Sprintf("PARENT_%d=%d", i, i))
	}
	return &work{&api.Client{Base: base, HTTP: client}, fetch.Scope{ProjectID: "p", Environment: "dev", Paths: []string{"/"}}, config}
}

func (w *work) decode(tb testing.TB) *api.SecretList {
	list := new(api.SecretList)
	if _, err := w.client.Do(context.Background(), api.Call{Method: "GET", Path: "/api/v4/secrets"}, list); err != nil {
		tb.Fatal(err)
	}
	return list
}

func (w *work) merge(tb testing.TB, list *api.SecretList) *fetch.Snapshot {
	secrets, err := fetch.Merge(w.scope, []*api.SecretList{list})
	if err != nil {
		tb.Fatal(err)
	}
	return &fetch.Snapshot{Secrets: secrets, FetchedAt: time.Now()}
}

func (w *work) compose(tb testing.TB, snapshot *fetch.Snapshot) *environ.Plan {
	plan, err := composeSnapshot(w.config, snapshot)
	if err != nil {
		tb.Fatal(err)
	}
	return plan
}

// fixedSource is a server that always says the same.
type fixedSource struct{ *fetch.Snapshot }

func (s fixedSource) Fetch(context.Context, fetch.Scope) (*fetch.Snapshot, error) {
	again := *s.Snapshot
	return &again, nil
}

// benchWork measures the work on 10,000 secrets, beside encoding/json decoding
// the same body into the same structs.
func benchWork(t *testing.T) {
	body := workBody(t, 10000)
	w := newWork(t, body)
	list := w.decode(t)
	snapshot := w.merge(t, list)
	plan := w.compose(t, snapshot)
	kept := &fetch.Copy{Source: fixedSource{snapshot}, Dir: t.TempDir(), Origin: "o", Identity: "i", Key: secret.New(strings.Repeat("k", 32)), Mode: fetch.CopyOffline}
	var vars []environ.Var
	for i := range snapshot.Secrets {
		vars = append(vars, environ.Var{Name: snapshot.Secrets[i].Key, Value: snapshot.Secrets[i].Value})
	}
	var values []secret.Value
	for i := range 100 {
		values = append(values, secret.New(fmt.Sprintf("%05d-%s", i, strings.Repeat("s", 30))))
	}
	output := bytes.Repeat([]byte("time=2026-11-25T10:00:00Z level=INFO msg=\"request served\" status=200\n"), 1<<20/69)
	steps := []struct {
		name string
		do   func()
	}{
		{"encoding/json alone: decode", func() {
			if err := json.Unmarshal(body, new(api.SecretList)); err != nil {
				t.Fatal(err)
			}
		}},
		{"parse, merge, compose", func() { w.compose(t, w.merge(t, w.decode(t))) }},
		{"parse", func() { w.decode(t) }},
		{"merge", func() { w.merge(t, list) }},
		{"compose", func() { w.compose(t, snapshot) }},
		{"digest", func() { plan.Digest() }},
		{"seal and keep the copy", func() {
			if _, err := kept.Refresh(context.Background(), w.scope); err != nil {
				t.Fatal(err)
			}
		}},
		{"open the copy", func() {
			if _, err := kept.Fetch(context.Background(), w.scope); err != nil {
				t.Fatal(err)
			}
		}},
		{"export as dotenv", func() {
			if _, err := envfile.Encode("dotenv", envfile.Document{Vars: vars}); err != nil {
				t.Fatal(err)
			}
		}},
		{"mask 1 MiB of output, 100 secrets", func() {
			writer := mask.NewWriter(io.Discard, mask.New(values))
			if _, err := writer.Write(output); err != nil {
				t.Fatal(err)
			}
			if err := writer.Close(); err != nil {
				t.Fatal(err)
			}
		}},
	}
	results := make([][]testing.BenchmarkResult, len(steps))
	for range 5 {
		for i, step := range steps {
			results[i] = append(results[i], testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					step.do()
				}
			}))
		}
	}
	printHead(fmt.Sprintf("The work on 10,000 secrets, %.1f MB; median of 5 interleaved benchmarks", float64(len(body))/1e6), "step", "time", "to encoding/json", "allocations", "memory")
	perOp := func(r testing.BenchmarkResult) time.Duration { return time.Duration(r.NsPerOp()) }
	reference := median(results[0], perOp)
	for i, step := range steps {
		took := median(results[i], perOp)
		printRow(step.name, ms(took), ratio(took, reference), median(results[i], testing.BenchmarkResult.AllocsPerOp),
			fmt.Sprintf("%.1f MB", float64(median(results[i], testing.BenchmarkResult.AllocedBytesPerOp))/1e6))
	}
}
