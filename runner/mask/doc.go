// Package mask replaces secret values in the output of a child process by ***,
// while it streams and without taking its terminal away.
//
//	m := mask.New(secrets)
//	streams, err := mask.Open(mask.Config{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Matcher: m})
//	...
//	child, err := streams.Child() // once for each start
//	... start it with child.Files, in a session of its own if child.Session ...
//	child.Started(pid)
//	... wait for it; child.Resize() on SIGWINCH, child.Resume() on SIGCONT ...
//	err = child.Wait()
//
// # What is masked
//
// Every value of at least eight characters, and every such line of a value with
// several: as it is; with CR LF for LF, as a terminal shows it; in Base64 (both
// alphabets, padded or not, wrapped at 64 or 76 columns, and inside a longer
// encoded text at any alignment); percent-encoded; and escaped for JSON, with
// and without \u escapes. Lines on their own are found as they are,
// percent-encoded and escaped, not in Base64. Whatever matches cover without a
// gap becomes one ***.
//
// It is a net under mistakes, not a wall: a program that prints a secret in
// pieces, reversed, in hexadecimal or compressed gets it past. A value that
// stands inside a longer Base64 text leaves up to four bits of its first and
// last byte in the characters it shares with its neighbours.
//
// # When it is masked
//
// Bytes pass at once unless they may be the beginning of a secret. Those wait
// until they are decided, or until the output has paused for 100 ms: a prompt
// must not stay invisible. A secret that was begun before such a pause is
// masked from there on.
//
// # Terminals
//
// Where this process is a whole foreground job on a terminal, the child leads a
// session on a terminal of its own and everything works there; see
// Child.Session. Two things differ from a child without us. Ctrl-Z needs help
// (Child.Suspended). And when such a child ends while processes it left in the
// background still hold its terminal, the kernel hangs that up: they get
// SIGHUP, and the last output may be cut short, as with script(1) and ssh -t.
//
// # Costs
//
// A filter that looks at every fifth byte passes over output without secrets at
// about the speed of a memory scan; an Aho-Corasick automaton does the rest, at
// worst in linear time. A stream holds back at most the length of the longest
// form; the automaton takes about ten bytes for each byte of the forms.
package mask
