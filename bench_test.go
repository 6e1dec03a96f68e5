//go:build unix

package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

// benchRuns is how often each command runs; the runs of all commands are interleaved.
const benchRuns = 41

// TestBench prints the figures of the README: whole processes, medians of
// interleaved runs, as ratios in one run. It judges nothing: wall time is the
// machine's. `make bench` runs it.
func TestBench(t *testing.T) {
	if os.Getenv("BENCH") != "1" {
		t.Skip("skipped: measures for minutes; make bench sets BENCH=1")
	}
	infuse, bare := buildProgram(t, "."), buildProgram(t, "./testdata/bench/bare")
	fmt.Printf("\nstart-up, median of %d interleaved runs\n\n", benchRuns)
	fmt.Printf("| secrets | transport | bare program | infuse run | ratio |\n| --- | --- | --- | --- | --- |\n")
	for _, secure := range []bool{false, true} {
		for _, secrets := range []int{1, 40, 1000, 10000} {
			env := benchServer(t, secrets, secure)
			m := interleave(t, env, [][]string{{bare, "true"}, {infuse, "run", "--", "true"}})
			fmt.Printf("| %d | %s | %s | %s | %.2f |\n", secrets, transportName(secure), ms(m[0]), ms(m[1]), ratio(m[1], m[0]))
		}
	}
	benchPreferCache(t, infuse)
	benchPeers(t, infuse)
}

func transportName(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

// benchPreferCache compares a start from the copy with what any exec costs.
func benchPreferCache(t *testing.T, infuse string) {
	env := append(benchServer(t, 40, false), "INFUSE_CACHE="+t.TempDir(), "INFUSE_PREFER_CACHE=true", "INFUSE_QUIET=true")
	commands := [][]string{{"env", "true"}, {infuse, "run", "--", "true"}}
	if path, err := exec.LookPath("tini"); err == nil {
		commands = append(commands, []string{path, "-s", "--", "true"})
	}
	m := interleave(t, env, commands)
	fmt.Printf("\nstart from the copy (--prefer-cache): env %s, infuse %s, difference %s", ms(m[0]), ms(m[1]), ms(m[1]-m[0]))
	if len(m) > 2 {
		fmt.Printf(", tini %s", ms(m[2]))
	}
	fmt.Println()
}

// benchPeers measures another program in the same run: PEER="infisical run --".
func benchPeers(t *testing.T, infuse string) {
	peer := strings.Fields(os.Getenv("PEER"))
	if len(peer) == 0 {
		return
	}
	env := benchServer(t, 40, false)
	m := interleave(t, env, [][]string{append(peer, "true"), {infuse, "run", "--", "true"}})
	fmt.Printf("\n%s: %s, infuse %s, ratio %.2f\n", peer[0], ms(m[0]), ms(m[1]), ratio(m[1], m[0]))
}

// interleave runs the commands in turn and returns the median of each.
func interleave(t *testing.T, env []string, commands [][]string) []time.Duration {
	t.Helper()
	times := make([][]time.Duration, len(commands))
	for run := range benchRuns + 2 {
		for i, argv := range commands {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Env = env
			began := time.Now()
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", argv[0], err, out)
			}
			if run >= 2 { // the first two warm the caches
				times[i] = append(times[i], time.Since(began))
			}
		}
	}
	medians := make([]time.Duration, len(commands))
	for i := range times {
		slices.Sort(times[i])
		medians[i] = times[i][len(times[i])/2]
	}
	return medians
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// benchServer serves so many secrets and returns the environment to ask for them.
func benchServer(t *testing.T, secrets int, secure bool) []string {
	t.Helper()
	server := devserver.New(devserver.Config{Seed: 1, KeepRequests: 10})
	project := server.AddProject(devserver.ProjectConfig{Slug: "bench"})
	size := 40
	if secrets == 10000 {
		size = 150 // an environment is limited to 2 MiB
	}
	for i := range secrets {
		project.Set("dev", "/", fmt.Sprintf("SECRET_%05d", i), strings.Repeat("x", size))
	}
	identity := server.AddIdentity(devserver.Identity{})
	listener := httptest.NewUnstartedServer(server)
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	if secure {
		listener.StartTLS()
		ca := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(ca, certificatePEM(listener), 0o600); err != nil {
			t.Fatal(err)
		}
		env = append(env, "SSL_CERT_FILE="+ca, "SSL_CERT_DIR=/nonexistent")
	} else {
		listener.Start()
	}
	t.Cleanup(listener.Close)
	return append(env,
		"INFISICAL_URL="+listener.URL, "INFISICAL_PROJECT_ID="+project.ID(), "INFISICAL_ENVIRONMENT=dev",
		"INFISICAL_CLIENT_ID="+identity.ClientID, "INFISICAL_CLIENT_SECRET="+identity.ClientSecret)
}

// buildProgram builds a package as `make build` does.
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
