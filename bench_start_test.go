//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func pageFaults(state *os.ProcessState) int64 { return state.SysUsage().(*syscall.Rusage).Minflt }

// benchStart compares a start with the least a Go program can do for the same
// result, and with another program: PEER="infisical run --".
func benchStart(t *testing.T, infuse string) {
	bare := asInstalled(t, buildProgram(t, "./testdata/bench/bare"))
	columns := []any{"secrets", "over", "bare program", "infuse run", "ratio", "CPU, bare", "CPU, infuse", "ratio"}
	peer := strings.Fields(os.Getenv("PEER"))
	if len(peer) > 0 {
		columns = append(columns, filepath.Base(peer[0]), "ratio to infuse")
	}
	printHead(fmt.Sprintf("Start, until COMMAND has ended; median of %d interleaved runs", benchRuns(t)), columns...)
	for _, secure := range []bool{false, true} {
		for _, secrets := range []int{1, 40, 1000, 10000} {
			commands := [][]string{{bare, "true"}, {infuse, "run", "--", "true"}}
			if len(peer) > 0 {
				commands = append(commands, append(peer[:len(peer):len(peer)], "true"))
			}
			m := interleave(t, startBenchServer(t, secrets, secure).env, commands...)
			cells := []any{secrets, transportName(secure), ms(m[0].wall), ms(m[1].wall), ratio(m[1].wall, m[0].wall), ms(m[0].cpu), ms(m[1].cpu), ratio(m[1].cpu, m[0].cpu)}
			if len(peer) > 0 {
				cells = append(cells, ms(m[2].wall), ratio(m[2].wall, m[1].wall))
			}
			printRow(cells...)
		}
	}
}

func transportName(secure bool) string {
	if secure {
		return "HTTPS"
	}
	return "HTTP"
}

// benchPreferCache compares a start from the copy with what any exec costs.
func benchPreferCache(t *testing.T, infuse string) {
	env := append(startBenchServer(t, 40, false).env, "INFUSE_CACHE="+t.TempDir(), "INFUSE_PREFER_CACHE=true", "INFUSE_QUIET=true")
	names := []string{"env", "infuse run --prefer-cache"}
	commands := [][]string{{"env", "true"}, {infuse, "run", "--", "true"}}
	if path, err := exec.LookPath("tini"); err == nil {
		names, commands = append(names, "tini"), append(commands, []string{path, "-s", "--", "true"})
	}
	m := interleave(t, env, commands...)
	printHead(fmt.Sprintf("Start from the copy, 40 secrets; median of %d interleaved runs", benchRuns(t)), "program", "time", "over env", "CPU")
	for i, name := range names {
		printRow(name+" true", ms(m[i].wall), ms(m[i].wall-m[0].wall), ms(m[i].cpu))
	}
}

// benchCounts prints what a start does, in counts that are no machine's.
func benchCounts(t *testing.T, infuse string) {
	require(t, "strace")
	bare := asInstalled(t, buildProgram(t, "./testdata/bench/bare"))
	printHead("What a start with 40 secrets does, whole process", "program", "over", "requests", "connections", "system calls", "threads", "page faults")
	for _, secure := range []bool{false, true} {
		for i, argv := range [][]string{{bare, "true"}, {infuse, "run", "--", "true"}} {
			s := startBenchServer(t, 40, secure)
			faults := interleave(t, s.env, argv)[0].faults
			requests, connections := s.Total(), s.connections.Load()
			calls := traceCalls(t, s.env, argv)
			printRow([]string{"bare program", "infuse run"}[i], transportName(secure),
				s.Total()-requests, s.connections.Load()-connections, calls["total"], 1+calls["clone"]+calls["clone3"], faults)
		}
	}
}

// traceCalls counts system calls by their name, all of them as "total".
func traceCalls(t *testing.T, env, argv []string) map[string]int {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command("strace", append([]string{"-f", "-c", "-U", "calls,name", "-o", file, "--"}, argv...)...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("strace: %v\n%s", err, out)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	for line := range bytes.Lines(body) {
		var n int
		var name string
		if _, err := fmt.Sscan(string(line), &n, &name); err == nil {
			calls[name] = n
		}
	}
	return calls
}
