// Package devserver is an Infisical server in memory: the HTTP API as an
// http.Handler over a small model of projects, environments, folders, secrets, imports,
// tags, users, machine identities and service tokens. `infuse dev DIR` serves it, filled
// from a directory of dotenv files; every test that needs a server uses it.
//
//	srv := devserver.New(devserver.Config{})
//	project, err := srv.FillFrom("testdata/demo")    // or AddProject and Set
//	identity := srv.AddIdentity(devserver.Identity{})
//	http.ListenAndServe("127.0.0.1:8080", srv)       // or srv.Transport() without a socket
//	// INFISICAL_CLIENT_ID = identity.ClientID, INFISICAL_PROJECT_ID = project.ID(), ...
//
// # What it covers
//
// Logins: Universal Auth with client secrets that expire and run out, token
// renewal and revocation, TTL, max TTL and use limits, lockout; users' tokens; service
// tokens; the other methods (kubernetes, oidc, jwt, gcp, azure, aws, ldap, tls-cert,
// spiffe, ...) as far as an identity is given a function that verifies them.
//
// Secrets: lists and single secrets of v3 (raw) and v4 with folders, recursion, imports,
// references, tags, personal values and hidden values; create, update, delete, singly and in
// batches. Folders, imports and projects are read-only over HTTP. Project events as a stream.
//
// Behaviour: ETag and 304, the real errors with the real quirks, rate limits, HEAD
// and OPTIONS, slashes at the end of a path. Config.Era chooses between a server of 2024,
// which is replayed exchange by exchange against recordings of a real one, and a current
// one, which follows what was read in the server's source.
//
// Not there: encryption, the web interface, organisations beyond one, approval
// policies, rotation, dynamic secrets, audit logs, and everything else that writes.
//
// # Trouble on demand
//
// Inject makes requests fail, wait, hang, break off or answer something else; SetFlicker,
// AnswerStale, ExpireTokens, RevokeTokens, SetEvents, CloseStreams and SilenceStreams do what
// real servers do at the wrong moment. Requests, Count and Total tell what was asked.
package devserver
