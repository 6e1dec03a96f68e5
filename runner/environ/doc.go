// Package environ composes the environment of a child process from layers, and
// remembers for every name who won over whom.
//
//	plan, err := environ.Compose(environ.Config{
//		Parent:      os.Environ(),
//		Credentials: []string{"INFISICAL_TOKEN"},
//		Secrets:     []environ.Secret{{Name: "DB_URL", Value: v, Source: "dev:/"}},
//		Set:         []environ.Var{{Name: "PORT", Value: secret.New("8080")}},
//	})
//	cmd.Env = plan.Environ()
//
// The layers, low to high: the parent's environment, the secrets, env files,
// --set. A [Plan] is what everything else asks: the child gets Plan.Environ, a
// file gets Plan.Vars, --dry-run and list print Plan.WriteText or its JSON, and
// a watcher compares Plan.Digest and logs Plan.Diff. Nothing but Environ, Vars
// and Files reveals a value.
//
// [Dir] writes secrets as the files of a directory that is replaced at once,
// the way a kubelet does.
package environ
