//go:build unix

package main

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

// TestBench prints the figures of the README as Markdown tables: whole
// processes, medians of interleaved runs, ratios in one run. It judges nothing:
// time is the machine's. `make bench` runs it; RUNS, WAIT and PEER are its settings.
func TestBench(t *testing.T) {
	if os.Getenv("BENCH") == "" {
		t.Skip("skipped: measures for minutes; make bench runs it")
	}
	infuse := asInstalled(t, filepath.Join("bin", "infuse")) // as make build made it
	t.Run("start", func(t *testing.T) { benchStart(t, infuse) })
	t.Run("copy", func(t *testing.T) { benchPreferCache(t, infuse) })
	t.Run("counts", func(t *testing.T) { benchCounts(t, infuse) })
	t.Run("wait", func(t *testing.T) { benchWait(t, infuse) })
	t.Run("change", func(t *testing.T) { benchChange(t, infuse) })
	t.Run("work", benchWork)
}

// benchRuns is how often each command runs.
func benchRuns(t *testing.T) int {
	runs, err := strconv.Atoi(cmp.Or(os.Getenv("RUNS"), "21"))
	if err != nil || runs < 1 {
		t.Fatalf("RUNS=%s is not a number of runs", os.Getenv("RUNS"))
	}
	return runs
}

// sample is what a run of a program costs.
type sample struct {
	wall, cpu time.Duration // cpu is user and system time, which a busy machine changes less
	faults    int64         // pages
}

// interleave runs the commands in turn and returns the median of each.
func interleave(t *testing.T, env []string, commands ...[]string) []sample {
	t.Helper()
	runs := make([][]sample, len(commands))
	debug.FreeOSMemory() // what an earlier table left is not collected during this one
	for run := range benchRuns(t) + 2 {
		for i, argv := range commands {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Env = env
			began := time.Now()
			out, err := cmd.CombinedOutput()
			wall := time.Since(began)
			if err != nil {
				t.Fatalf("%s: %v\n%s", argv[0], err, out)
			}
			if run < 2 { // the first two warm the caches
				continue
			}
			runs[i] = append(runs[i], sample{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), pageFaults(cmd.ProcessState)})
		}
	}
	medians := make([]sample, len(commands))
	for i, all := range runs {
		medians[i] = sample{
			median(all, func(s sample) time.Duration { return s.wall }),
			median(all, func(s sample) time.Duration { return s.cpu }),
			median(all, func(s sample) int64 { return s.faults }),
		}
	}
	return medians
}

func median[S any, T cmp.Ordered](all []S, of func(S) T) T {
	values := make([]T, len(all))
	for i := range all {
		values[i] = of(all[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

func ratio(a, b time.Duration) string { return fmt.Sprintf("%.2f", float64(a)/float64(b)) }

// printHead begins a table, printRow goes on with it.
func printHead(title string, columns ...any) {
	fmt.Printf("\n%s\n\n", title)
	printRow(columns...)
	fmt.Println(strings.Repeat("| --- ", len(columns)) + "|")
}

func printRow(cells ...any) {
	for _, cell := range cells {
		fmt.Print("| ", cell, " ")
	}
	fmt.Println("|")
}

// benchServer is a development server on loopback with so many secrets.
type benchServer struct {
	*devserver.Server
	project     *devserver.Project
	identity    string   // its id
	env         []string // asks it
	roots       string   // file of certificates, for https
	connections atomic.Int64
}

func startBenchServer(t *testing.T, secrets int, secure bool) *benchServer {
	t.Helper()
	s := &benchServer{Server: devserver.New(devserver.Config{Seed: 1, KeepRequests: 10})}
	s.project = s.AddProject(devserver.ProjectConfig{Slug: "bench"})
	size := 40
	if secrets == 10000 {
		size = 150 // an environment is limited to 2 MiB
	}
	for i := range secrets {
		s.project.Set("dev", "/", fmt.Sprintf("SECRET_%05d", i), strings.Repeat("x", size))
	}
	identity := s.AddIdentity(devserver.Identity{})
	listener := httptest.NewUnstartedServer(s)
	listener.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.identity = identity.ID
	s.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	if secure {
		listener.StartTLS()
		s.roots = writeRoots(t, listener)
		s.env = append(s.env, "SSL_CERT_FILE="+s.roots, "SSL_CERT_DIR=/nonexistent")
	} else {
		listener.Start()
	}
	t.Cleanup(func() {
		listener.CloseClientConnections()
		listener.Close()
	})
	s.env = append(s.env,
		"INFISICAL_URL="+listener.URL, "INFISICAL_PROJECT_ID="+s.project.ID(), "INFISICAL_ENVIRONMENT=dev",
		"INFISICAL_CLIENT_ID="+identity.ClientID, "INFISICAL_CLIENT_SECRET="+identity.ClientSecret)
	return s
}

// writeRoots writes the machine's own roots and the server's: to read all of
// them is part of every https start.
func writeRoots(t *testing.T, server *httptest.Server) string {
	roots, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		t.Logf("only one root is read, since the machine has none: %v", err)
	}
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, append(roots, certificatePEM(server)...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// buildProgram builds a package as `make build` builds infuse.
func buildProgram(t testing.TB, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, output)
	}
	return out
}

// asInstalled is a program as an installation leaves it: copied. A file that the
// linker has just written lies in the page cache in small pieces, and its start
// takes up to a millisecond longer.
func asInstalled(t testing.TB, program string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), filepath.Base(program))
	if out, err := exec.Command("cp", program, copied).CombinedOutput(); err != nil { // not by ourselves: a fork would keep it open for writing
		t.Fatalf("cp: %v\n%s", err, out)
	}
	return copied
}
