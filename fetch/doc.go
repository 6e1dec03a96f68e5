// Package fetch answers one question: which secrets does a scope hold? A Scope
// goes in, a Snapshot comes out, and Source is whatever can do that:
//
//   - HTTPSource asks an Infisical server,
//   - DirSource reads a directory of dotenv files (a file: URL),
//   - Copy wraps another source and keeps an encrypted last-known-good copy.
//
// The rules of precedence are the same for all of them, and independent of the
// order in which a server happens to answer (real ones answer in random order):
// a local secret beats an import, of imports the last wins, a personal secret
// beats the shared one, of several paths the last wins, and of two folders of
// one recursive fetch the one nearest to the requested path.
//
//	source := &fetch.HTTPSource{API: client, Tokens: session}
//	snapshot, err := source.Fetch(ctx, fetch.Scope{ProjectID: id, Environment: "dev", Imports: true})
//	for _, s := range snapshot.Secrets {
//		fmt.Println(s.Key, s.Origin) // a value prints as [redacted]
//	}
package fetch

import (
	"context"

	"infuse/fetch/secret"
)

// Source fetches the secrets of a scope. It is safe for parallel use.
type Source interface {
	Fetch(ctx context.Context, scope Scope) (*Snapshot, error)
}

// TokenSource supplies the bearer of a request. Reject says "the server
// refused this token": the next Token is another one, where there can be
// another one, and parallel rejections of one token count once.
type TokenSource interface {
	Token(ctx context.Context) (secret.Value, error)
	Reject(ctx context.Context, token secret.Value)
}
