// Package runner turns a command and an environment into a running process.
//
// There are two ways, and [Choose] says which one fits:
//
//   - [Exec] replaces the calling process. Same process id, exact status, native signals and terminal, and nothing of
//     the caller stays behind. It is the right way whenever nothing has to be done afterwards.
//   - [Supervise] stays as the parent: as process 1, where an application would ignore SIGTERM and collect zombies, and
//     wherever something has to happen later (a restart when secrets change, masked output).
//
// Before either of them the command is looked up on the PATH that the child will have, and signals that arrive while the
// environment is still being put together end the process, before anything starts ([Termination]):
//
//	termination := runner.NewTermination(ctx)
//	path, err := runner.LookupIn("npm", env)             // *StartError: 126 or 127
//	env, err := compose(termination.Context())           // after Catch it ends early: the cause is runner.Terminated
//	if err := termination.Default(); err != nil { ... }  // a signal that came at the last moment
//	err = runner.Exec(path, []string{"npm", "start"}, env)
//
// A Terminated error, and a Status that carries a signal, are passed on by dying of that signal: [Raise], and where it
// returns (process 1), an exit with 128+n.
//
// With Config.Streams the output of a supervised command is masked on its way, see package mask. The command then keeps
// what it would have without: a terminal where there is one, its size, Ctrl-C, Ctrl-Z, its exact status.
//
// The package knows nothing about where an environment comes from and never logs one.
package runner
