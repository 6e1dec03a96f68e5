//go:build unix

package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"infuse/fetch/devserver"
)

// cmdIdentity and cmdServiceToken make who asks the server of a script:
//
//	identity METHOD [CLAIM=VALUE...]   give the server an identity that logs in by METHOD and is verified as the real one does;
//	                                   sets INFISICAL_MACHINE_IDENTITY_ID, and takes the client id and secret away.
//	                                   CLAIM=VALUE is what the identity is bound to instead; organization=SLUG its sub-organisation
//	identity again METHOD [...]        bind the last identity anew
//	identity role ROLE                 admin, member, viewer or none: what the last identity may do in the project
//	identity uses N FILE               write a token that is good for N requests to FILE
//	identity user EMAIL FILE           write what "infisical login" of a new user stores to FILE
//	identity revoke                    the tokens of the last identity are good no more
//	servicetoken NAME ENV:PATH...      put a service token with these scopes into NAME (four parts) and NAME_3 (three parts)
func cmdIdentity(ts *testscript.TestScript, neg bool, args []string) {
	st := state(ts)
	if neg || len(args) == 0 || st.server == nil {
		ts.Fatalf("usage: identity METHOD|role|... (see platform_identity_test.go), after server start")
	}
	want := map[string]int{"role": 1, "uses": 2, "user": 2, "revoke": 0}
	if n, ok := want[args[0]]; ok && len(args)-1 != n {
		ts.Fatalf("identity %s takes %d arguments", args[0], n)
	}
	last := ts.Getenv("INFISICAL_MACHINE_IDENTITY_ID")
	switch args[0] {
	case "role":
		role := devserver.Role(args[1])
		if role == "none" {
			role = ""
		}
		st.server.SetRole(last, st.server.project.ID(), role)
	case "revoke":
		st.server.RevokeTokens(last)
	case "uses":
		uses, err := strconv.Atoi(args[1])
		ts.Check(err)
		id := st.server.AddIdentity(devserver.Identity{Name: "few", Uses: uses})
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(st.server.IssueToken(id.ID)), 0o600))
	case "user":
		user := st.server.AddUser(devserver.User{Email: args[1]})
		entry, err := json.Marshal(map[string]string{"email": user.Email, "privateKey": "", "JTWToken": st.server.UserToken(user.ID), "RefreshToken": ""})
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), entry, 0o600))
	default:
		uuid := newUUID()
		if args[0] == "again" {
			uuid, args = last, args[1:]
		}
		id, err := addWorkload(st.server.Server, uuid, args[0], claimsOf(ts, args[1:]))
		ts.Check(err)
		ts.Setenv("INFISICAL_MACHINE_IDENTITY_ID", id.ID)
		ts.Setenv("INFISICAL_CLIENT_ID", "")
		ts.Setenv("INFISICAL_CLIENT_SECRET", "")
	}
}

func cmdServiceToken(ts *testscript.TestScript, neg bool, args []string) {
	s := state(ts).server
	if neg || len(args) < 2 || s == nil {
		ts.Fatalf("usage: servicetoken NAME ENV:PATH..., after server start")
	}
	token := devserver.ServiceToken{Name: "deploy", ProjectID: s.project.ID(), Permissions: []string{"read"}, ExpiresAt: time.Now().Add(time.Hour)}
	for _, scope := range args[1:] {
		env, path, _ := strings.Cut(scope, ":")
		token.Scopes = append(token.Scopes, devserver.ServiceTokenScope{Environment: env, Path: path})
	}
	bearer := s.AddServiceToken(token).Bearer()
	ts.Setenv(args[0]+"_3", bearer)
	ts.Setenv(args[0], bearer+".k3y0f0ldclients")
}
