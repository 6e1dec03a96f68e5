//go:build unix

package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

const canExec = true

const shell = "/bin/sh"

// Exec replaces the process by the program at path, which [Lookup] found. argv[0] is the name as typed. The environment
// is taken as it is: the caller has removed doubles, of which C's getenv would see the first and a shell the last.
//
// Nothing deferred runs: flush and close before. Exec returns only if it failed, with a [*StartError].
//
// A file that is neither a binary nor has a #! line is run by /bin/sh, as execvp(3) and every shell do.
func Exec(path string, argv, env []string) error {
	if len(argv) == 0 {
		return startError(path, syscall.EINVAL)
	}
	err := syscall.Exec(path, argv, env)
	if errors.Is(err, syscall.ENOEXEC) && isScript(path) {
		err = syscall.Exec(shell, scriptArgs(path, argv), env)
	}
	return execError(path, argv[0], err)
}

// scriptArgs is the command line for a script without a #! line. path holds a slash, so it is no option of the shell.
func scriptArgs(path string, argv []string) []string {
	return append([]string{shell, path}, argv[1:]...)
}

// isScript tells a script from a binary for another machine the way shells do: a binary has a NUL in its first line.
func isScript(path string) bool {
	head, err := readHead(path)
	if err != nil {
		return true // execute-only: execvp would try
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.IndexByte(line, 0) < 0
}

// execError words an exec failure. For a file that exists, ENOENT means the interpreter of its #! line.
func execError(path, command string, err error) *StartError {
	if errors.Is(err, syscall.ENOENT) {
		if head, herr := readHead(path); herr == nil {
			if line, ok := bytes.CutPrefix(head, []byte("#!")); ok {
				line, _, _ = bytes.Cut(line, []byte("\n"))
				if words := strings.Fields(string(line)); len(words) > 0 {
					err = fmt.Errorf("interpreter %q: %w", words[0], err)
				}
			}
		}
	}
	return startError(command, err)
}

func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return head[:n], nil
}
