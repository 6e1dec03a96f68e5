// Package creds answers one question: who is asking?
//
// A [Chain] is an ordered list of providers. The first one that is configured
// wins; one that is configured but wrong stops the chain with an error that
// names it. Nothing is guessed past an error.
//
//	chain := creds.Default(creds.Config{Environ: os.Environ(), Home: home})
//	credential, err := chain.Retrieve(ctx)
//
// The standard order is: credential process, explicit flags, environment,
// workload identity, the login of the official CLI. A program with a source of
// its own puts it in front (or at any other index):
//
//	chain.Insert(0, myProvider)
//
// A [Provider] is one method. It answers the zero [Credential] when it is not
// configured, a credential when it is, and an error when what it was given
// cannot work.
//
// A credential is either a bearer token or a way to log in. A [Session] turns
// both into a token that lives: it logs in once for any number of callers,
// renews in time, logs in again when it must, and never tries bad credentials twice.
//
//	session := creds.NewSession(client, credential)
//	token, err := session.Token(ctx) // for every request
//	session.Reject(ctx, token)       // the server refused it: the next Token logs in once more
//
// Nothing in this package reads the process's environment, arguments or
// standard streams by itself: everything arrives in [Config].
package creds
