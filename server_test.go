//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"infuse/fetch/devserver"
)

// scriptServer is the development server of one script. It runs in the test
// process, over a real loopback socket.
//
//	server start [2024] [tls]        start it, filled from the directory store if there is one; sets INFISICAL_URL, ..._CLIENT_ID, ..._CLIENT_SECRET, ..._PROJECT_ID, ..._ENVIRONMENT=dev
//	server set ENV PATH KEY VALUE    create or change a secret; VALUE is unquoted if it starts with "
//	server big ENV PATH KEY BYTES    create a secret with a value of so many bytes
//	server delete ENV PATH KEY
//	server folder ENV PATH           make a folder
//	server import ENV PATH FROMENV FROMPATH
//	server personal NAME ENV PATH KEY VALUE   the personal value of a new user, whose token goes into the variable NAME
//	server tagged SLUG ENV PATH KEY VALUE     a secret with a tag
//	server token NAME                put a fresh access token of the identity into the variable NAME
//	server fail ROUTE TIMES STATUS [HEADER=VALUE]   ROUTE is a path, or a prefix that ends with *
//	server html ROUTE TIMES          answer HTML
//	server hang|drop|truncate ROUTE TIMES
//	server huge ROUTE BYTES
//	server redirect ROUTE URL
//	server clear                     no faults any more
//	server count logins|lists|renewals|ROUTE N   so many requests came; ROUTE as in "GET /api/status"
//	server streams N                 wait until N event streams are open
//	server waiting N                 wait until N requests came in all
//	server stop
type scriptServer struct {
	*devserver.Server
	http     *httptest.Server
	project  *devserver.Project
	identity devserver.Identity
}

func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server start|set|... (see server_test.go)")
	}
	st := state(ts)
	if args[0] == "start" {
		st.server = startServer(ts, args[1:])
		return
	}
	s := st.server
	if s == nil {
		ts.Fatalf("server start comes first")
	}
	want := map[string]int{
		"set": 4, "big": 4, "personal": 5, "tagged": 5, "delete": 3, "folder": 2, "import": 4, "token": 1, "html": 2, "hang": 2, "drop": 2, "truncate": 2,
		"huge": 2, "redirect": 2, "clear": 0, "count": 2, "stop": 0, "waiting": 1, "streams": 1, "hide": 3, "revoke": 0, "expire": 0, "reset": 0,
	}
	if n, ok := want[args[0]]; ok && len(args)-1 != n {
		ts.Fatalf("server %s takes %d arguments", args[0], n)
	}
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		ts.Check(err)
		return n
	}
	switch args[0] {
	case "set":
		s.project.Set(args[1], args[2], value(ts, args[3]), value(ts, args[4]))
	case "personal":
		user := s.AddUser(devserver.User{})
		s.project.Put(devserver.Secret{UserID: user.ID, Environment: args[2], Path: args[3], Key: value(ts, args[4]), Value: value(ts, args[5])})
		ts.Setenv(args[1], s.UserToken(user.ID))
	case "tagged":
		s.project.Put(devserver.Secret{Tags: []devserver.Tag{{Slug: args[1]}}, Environment: args[2], Path: args[3], Key: value(ts, args[4]), Value: value(ts, args[5])})
	case "big":
		s.project.Set(args[1], args[2], args[3], strings.Repeat("x", number(args[4])))
	case "hide":
		s.project.Put(devserver.Secret{Environment: args[1], Path: args[2], Key: args[3], Value: "hidden", Hidden: true})
	case "delete":
		s.project.Delete(args[1], args[2], value(ts, args[3]))
	case "folder":
		s.project.Folder(args[1], args[2])
	case "import":
		s.project.AddImport(devserver.Import{Environment: args[1], Path: args[2], FromEnvironment: args[3], FromPath: args[4]})
	case "token":
		ts.Setenv(args[1], s.IssueToken(s.identity.ID))
	case "revoke":
		s.RevokeTokens(s.identity.ID)
	case "expire":
		s.ExpireTokens(s.identity.ID)
	case "fail":
		fault := devserver.Fault{Path: args[1], Times: number(args[2]), Status: number(args[3]), Header: http.Header{}}
		for _, header := range args[4:] {
			name, v, _ := strings.Cut(header, "=")
			fault.Header.Set(name, v)
		}
		s.Inject(fault)
	case "html":
		fault := devserver.HTML(200)
		fault.Path, fault.Times = args[1], number(args[2])
		s.Inject(fault)
	case "hang":
		s.Inject(devserver.Fault{Path: args[1], Times: number(args[2]), Hang: true})
	case "drop":
		s.Inject(devserver.Fault{Path: args[1], Times: number(args[2]), Drop: true})
	case "truncate":
		s.Inject(devserver.Fault{Path: args[1], Times: number(args[2]), Truncate: true})
	case "huge":
		s.Inject(devserver.Fault{Path: args[1], Times: -1, Size: int64(number(args[2]))})
	case "redirect":
		s.Inject(devserver.Fault{Path: args[1], Times: -1, Status: 302, Header: http.Header{"Location": {args[2]}}})
	case "clear":
		s.ClearFaults()
	case "reset":
		s.ResetLog()
	case "count":
		got := 0
		for _, route := range countRoutes(args[1]) {
			got += s.Count(route)
		}
		if got != number(args[2]) {
			ts.Fatalf("%d requests of sort %s, want %s", got, args[1], args[2])
		}
	case "streams":
		for deadline := time.Now().Add(patience); s.Streams() != number(args[1]); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				ts.Fatalf("%d event streams are open, want %s", s.Streams(), args[1])
			}
		}
	case "waiting":
		for deadline := time.Now().Add(patience); s.Total() < number(args[1]); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				ts.Fatalf("only %d requests came", s.Total())
			}
		}
	case "stop":
		s.http.CloseClientConnections()
		s.http.Close()
	default:
		ts.Fatalf("unknown: server %s", args[0])
	}
}

func startServer(ts *testscript.TestScript, args []string) *scriptServer {
	cfg := devserver.Config{Seed: 1}
	secure := false
	for _, arg := range args {
		switch arg {
		case "2024":
			cfg.Era = devserver.Era2024
		case "tls":
			secure = true
		default:
			ts.Fatalf("server start: unknown %s", arg)
		}
	}
	s := &scriptServer{Server: devserver.New(cfg)}
	if fill := ts.MkAbs("store"); isDir(fill) {
		var err error
		s.project, err = s.FillFrom(fill)
		ts.Check(err)
	} else {
		s.project = s.AddProject(devserver.ProjectConfig{Slug: "shop", Name: "Shop"})
	}
	s.identity = s.AddIdentity(devserver.Identity{Name: "ci"})
	handler := state(ts).t.secret.listen(s)
	if secure {
		s.http = startTLS(ts, handler)
	} else {
		s.http = httptest.NewServer(handler)
	}
	ts.Defer(func() {
		s.http.CloseClientConnections()
		s.http.Close()
	})
	ts.Setenv("INFISICAL_URL", s.http.URL)
	ts.Setenv("INFISICAL_CLIENT_ID", s.identity.ClientID)
	ts.Setenv("INFISICAL_CLIENT_SECRET", s.identity.ClientSecret)
	ts.Setenv("INFISICAL_PROJECT_ID", s.project.ID())
	ts.Setenv("INFISICAL_ENVIRONMENT", "dev")
	return s
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// value unquotes a Go string, so that a script can say "a\nb".
func value(ts *testscript.TestScript, s string) string {
	if !strings.HasPrefix(s, `"`) {
		return s
	}
	unquoted, err := strconv.Unquote(s)
	ts.Check(err)
	return unquoted
}

// countRoutes gives short names to the routes that scripts count.
func countRoutes(sort string) []string {
	switch sort {
	case "logins":
		return []string{"POST /api/v1/auth/universal-auth/login"}
	case "renewals":
		return []string{"POST /api/v1/auth/token/renew"}
	case "lists":
		return []string{"GET /api/v4/secrets", "GET /api/v3/secrets/raw"}
	}
	return []string{sort}
}
