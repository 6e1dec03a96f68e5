//go:build unix

package main

import (
	"net"
	"strings"
	"testing"
)

// shellsToAsk start a shell with more variables each; said is all that its
// terminal showed, where it has one.
func shellsToAsk() map[string]func(t *testing.T, more []string) (ask func(string) []string, said func() string) {
	return map[string]func(*testing.T, []string) (func(string) []string, func() string){
		"bash": func(t *testing.T, more []string) (func(string) []string, func() string) {
			shell := startBashIn(t, more)
			return shell.ask, shell.out.String
		},
		"zsh": func(t *testing.T, more []string) (func(string) []string, func() string) {
			shell := startZsh(t, more, "autoload -Uz compinit; compinit -u -D", `eval "$(infuse completion zsh)"`)
			return shell.ask, shell.out.String
		},
		"fish": func(t *testing.T, more []string) (func(string) []string, func() string) {
			return fish(t, more), func() string { return "" }
		},
	}
}

// TestCompletionOfAServer: with credentials a key press proposes what the server
// has; what a session in a real shell sees of it.
func TestCompletionOfAServer(t *testing.T) {
	s := newRecipeServer(t)
	more := []string{"INFUSE_URL=" + s.url, "INFISICAL_PROJECT_ID=" + recipeProject, "INFISICAL_CLIENT_ID=" + recipeClient, "INFISICAL_CLIENT_SECRET=" + s.secret}
	for name, start := range shellsToAsk() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require(t, name)
			ask, _ := start(t, more)
			checkCompletions(t, []completionCase{
				{line: "infuse run --env ", want: []string{"ci", "dev", "prod"}, exact: true},
				{line: "infuse export -e p", want: []string{"prod"}, exact: true},
				{line: "infuse run -e dev --path /b", want: []string{"/backend"}, exact: true},
			}, ask)
		})
	}
}

// TestCompletionWithoutAnAnswer: a server that refuses, one that never answers
// and a wrong credential propose nothing, and nothing is printed into the line
// that somebody is typing.
func TestCompletionWithoutAnAnswer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // its backlog takes connections, and nobody reads them
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	s := newRecipeServer(t)
	client := []string{"INFISICAL_PROJECT_ID=" + recipeProject, "INFISICAL_CLIENT_ID=" + recipeClient, "INFISICAL_CLIENT_SECRET=" + s.secret}
	for name, start := range shellsToAsk() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require(t, name)
			ask, said := start(t, client)
			for problem, flags := range map[string]string{
				"refuses":          "--url http://127.0.0.1:1",
				"never answers":    "--url http://" + silent.Addr().String(),
				"wrong credential": "--url " + s.url + " --client-id " + recipeClient + " --client-secret wrong",
				"half a pair":      "--url " + s.url + " --client-id " + recipeClient,
			} {
				for _, line := range []string{"infuse run " + flags + " --env ", "infuse run " + flags + " -e dev --path /"} {
					if got := ask(line); len(got) > 0 {
						t.Errorf("%s: %q: proposed %q", problem, line, got)
					}
				}
			}
			_, after, _ := strings.Cut(said(), "\x02") // behind the set-up
			for _, word := range []string{"infuse:", "hint:", "error", "warning"} {
				if strings.Contains(after, word) {
					t.Errorf("the terminal shows %q: %q", word, after)
				}
			}
		})
	}
}
