//go:build unix

package main

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestPsql: psql with its password from a secret, against a real PostgreSQL:
// its statuses, and its terminal with infuse gone and with infuse as parent.
func TestPsql(t *testing.T) {
	t.Parallel()
	require(t, "psql")
	port := startPostgres(t, "correct horse'battery")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "store", "dev.env"), "PGHOST=127.0.0.1\nPGPORT="+port+"\nPGUSER=app\nPGDATABASE=postgres\n"+
		"PGPASSWORD=\"correct horse'battery\"\nDATABASE_URL='postgres://app:correct%20horse%27battery@127.0.0.1:"+port+"/postgres'\n")
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PWD=" + dir, "TERM=dumb", "INPUTRC=/dev/null", "INFUSE_URL=file:store", "INFUSE_ENV=dev"}

	for _, c := range []struct {
		args   []string
		status int
		out    string
	}{
		{[]string{"--", "psql", "-XAtc", "select current_user, 6*7"}, 0, "app|42\n"},
		{[]string{"-c", `psql "$DATABASE_URL" -XAt -c "select 1"`}, 0, "1\n"},
		{[]string{"--", "psql", "-XAtc", "selct 1"}, 1, "syntax error"},
		{[]string{"--set", "PGPASSWORD=wrong", "--", "psql", "-XAtc", "select 1"}, 2, "password authentication failed"},
		{[]string{"--exclude", "PGPASSWORD", "--", "psql", "-wXAtc", "select 1"}, 2, "no password supplied"},
		{[]string{"--watch", "--", "psql", "-XAtc", "selct 1"}, 1, "syntax error"},
	} {
		cmd := exec.Command("infuse", append([]string{"run"}, c.args...)...)
		cmd.Dir, cmd.Env = dir, environ
		out, err := cmd.CombinedOutput()
		if status(err) != c.status || !strings.Contains(string(out), c.out) {
			t.Errorf("infuse run %q: status %d, want %d and %q:\n%s", c.args, status(err), c.status, c.out, out)
		}
	}

	for _, flags := range [][]string{nil, {"--watch"}} {
		t.Run(strings.Join(append([]string{"terminal"}, flags...), " "), func(t *testing.T) {
			s := startTypist(t, environ, "infuse", append(append([]string{"run"}, flags...), "--", "psql", "-X", "--no-readline")...)
			s.says("postgres=# ", 1)
			s.send("do $$ begin raise notice 'sleep%', 'ing'; perform pg_sleep(1000); end $$;\r")
			s.says("sleeping", 1) // said by the statement itself: it runs
			s.send("\x03")        // cancels the query, and nothing else
			s.says("canceling statement due to user request", 1)
			s.send("select 6*7 as answer;\r")
			s.says(" 42", 1)
			s.send("\\q\r")
			if err := s.ended(); err != nil {
				t.Errorf("psql: %v", err)
			}
		})
	}
}

// startPostgres starts a server with one role, app, on a port of loopback. Its
// files are private; as root it runs as nobody, since PostgreSQL refuses root.
func startPostgres(t *testing.T, password string) (port string) {
	t.Helper()
	initdb := postgresProgram(t, "initdb")
	server := postgresProgram(t, "postgres")
	dir, err := os.MkdirTemp("", "infuse") // not t.TempDir, which nobody else may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	passwordFile, data := filepath.Join(dir, "password"), filepath.Join(dir, "data")
	if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	attributes := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Skipf("skipped: PostgreSQL does not run as root, and there is no nobody: %v", err)
		}
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		for _, name := range []string{dir, passwordFile} {
			if err := os.Chown(name, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
	}
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C"}
	create := exec.Command(initdb, "--no-sync", "--no-instructions", "--auth=scram-sha-256", "--username=app", "--pwfile="+passwordFile, "--pgdata="+data)
	create.Dir, create.Env, create.SysProcAttr = dir, environ, attributes
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	port = freePort(t)
	s := &service{t: t, cmd: exec.Command(server, "-D", data, "-k", dir, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"), done: make(chan error, 1)}
	s.cmd.Dir, s.cmd.Env, s.cmd.SysProcAttr = dir, environ, attributes
	s.start()
	s.says("database system is ready to accept connections")
	return port
}

// postgresProgram finds a program of the server, which Debian keeps off PATH.
func postgresProgram(t *testing.T, name string) string {
	t.Helper()
	if file, err := exec.LookPath(name); err == nil {
		return file
	}
	files, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(files) == 0 {
		require(t, name)
	}
	return files[len(files)-1]
}
