//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// completionCase is a command line as it is typed, and what a key press has to
// propose for its last word: all of want, or exactly want.
type completionCase struct {
	line  string
	want  []string
	exact bool
}

// completionCases hold in every shell. mytool is a program with completions of
// its own: alpha and beta.
func completionCases() []completionCase {
	return []completionCase{
		{line: "infuse ", want: []string{"run", "export", "list", "get", "whoami", "diff", "dev", "install", "completion", "man", "version"}},
		{line: "infuse wh", want: []string{"whoami"}, exact: true},
		{line: "infuse __c", exact: true},
		{line: "infuse --url x who", want: []string{"whoami"}, exact: true},
		{line: "infuse run --wat", want: []string{"--watch", "--watch-events", "--watch-interval"}, exact: true},
		{line: "infuse run --no-wat", want: []string{"--no-watch", "--no-watch-events"}, exact: true},
		{line: "infuse run --telem", exact: true}, // accepted, but hidden
		{line: "infuse run --include-im", exact: true},
		{line: "infuse export --wat", want: []string{"--watch", "--watch-events", "--watch-interval"}, exact: true},
		{line: "infuse run --on-conflict ", want: []string{"error", "first", "last"}, exact: true},
		{line: "infuse run --mode=", want: []string{"auto", "exec", "init"}, exact: true},
		{line: "infuse run --on-change signal:U", want: []string{"signal:USR1", "signal:USR2"}, exact: true},
		{line: "infuse run --on-change=signal:H", want: []string{"signal:HUP"}, exact: true},
		{line: "infuse export --format k8", want: []string{"k8s-secret"}, exact: true},
		{line: "infuse export -f doc", want: []string{"docker"}, exact: true},
		{line: "infuse list --format ", want: []string{"text", "json"}, exact: true},
		{line: "infuse run --log-level d", want: []string{"debug"}, exact: true},
		{line: "infuse completion ", want: []string{"bash", "zsh", "fish"}, exact: true},
		{line: "infuse run --env-file some", want: []string{"some.txt", "somedir"}, exact: true},
		{line: "infuse run --config-dir some", want: []string{"somedir"}, exact: true},
		{line: "infuse run --ca-cert=some", want: []string{"some.txt", "somedir"}, exact: true},
		{line: "infuse install some", want: []string{"somedir"}, exact: true},
		{line: "infuse run --url file:stor", want: []string{"file:store"}, exact: true},
		{line: "infuse run --url https://e", want: []string{"https://eu.infisical.com"}, exact: true},

		{line: "infuse run --env ", want: []string{"dev", "prod"}, exact: true},
		{line: "infuse run -r --env=p", want: []string{"prod"}, exact: true},
		{line: "infuse run -e ", want: []string{"dev", "prod"}, exact: true},
		{line: "infuse diff -e dev --against ", want: []string{"dev", "prod"}, exact: true},
		{line: "infuse export --url file:other --env ", want: []string{"staging"}, exact: true},
		{line: "infuse export --url 'file:with blank' --env ", want: []string{"spaced"}, exact: true},
		{line: "infuse dev other -e ", want: []string{"staging"}, exact: true},
		{line: "infuse run -e dev --path /b", want: []string{"/backend"}, exact: true},
		{line: "infuse run -e dev --path b", want: []string{"backend"}, exact: true},
		{line: "infuse run --env dev --path=/backend/", want: []string{"/backend/cache", "/backend/db"}, exact: true},
		{line: "infuse run --credential-process x --env ", want: []string{"dev", "prod"}, exact: true},

		{line: "infuse run -- mytoo", want: []string{"mytool"}, exact: true},
		{line: "infuse run mytoo", want: []string{"mytool"}, exact: true},
		{line: "infuse run -e dev --watch -- mytool ", want: []string{"alpha", "beta"}, exact: true},
		{line: "infuse run --env=dev mytool al", want: []string{"alpha"}, exact: true},
		{line: "infuse run --env=dev -- mytool --env x b", want: []string{"beta"}, exact: true},
		{line: "infuse run -- mytool --wat", exact: true}, // not our flags any more
	}
}

// completionWorld is a directory to complete in, and the environment of a shell
// there: `infuse` and `mytool` on PATH, a store of secrets, an empty home.
func completionWorld(t *testing.T) (dir string, environ []string) {
	t.Helper()
	dir = t.TempDir()
	for name, body := range map[string]string{
		"some.txt": "", "somedir/file": "",
		"store/dev.env": "A=1\n", "store/prod.env": "A=2\n", "store/dev/backend.env": "B=1\n",
		"store/dev/backend/db.env": "", "store/dev/backend/cache.env": "",
		"other/staging.env": "", "with blank/spaced.env": "",
		"bin/mytool": "#!/bin/sh\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	home := filepath.Join(dir, ".home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, []string{
		"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + home, "PWD=" + dir,
		"TERM=dumb", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "INPUTRC=/dev/null", "INFUSE_URL=file:store",
	}
}

// checkCompletions asks every case until the answer is right: only the wait for
// a busy machine is forgiven, since a proposal that takes over a second is none.
func checkCompletions(t *testing.T, cases []completionCase, ask func(line string) []string) {
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			deadline := time.Now().Add(patience)
			for {
				got := ask(c.line)
				missing := slices.DeleteFunc(slices.Clone(c.want), func(w string) bool { return slices.Contains(got, plainValue(w)) })
				if len(missing) == 0 && (!c.exact || len(got) == len(c.want)) {
					return
				}
				if slow := strings.Contains(c.line, "-e") || strings.Contains(c.line, "--path"); !slow || len(got) > 0 || time.Now().After(deadline) {
					t.Fatalf("proposed %q, want %q (exactly: %v)", got, c.want, c.exact)
				}
			}
		})
	}
}

func TestCompletionBash(t *testing.T) {
	require(t, "bash")
	const mytool = `complete -W "alpha beta" mytool`
	t.Run("alone", func(t *testing.T) {
		shell := startBash(t, mytool)
		checkCompletions(t, completionCases(), shell.ask)
	})
	t.Run("bash-completion", func(t *testing.T) {
		library := "/usr/share/bash-completion/bash_completion"
		if _, err := os.Stat(library); err != nil {
			if os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
				t.Fatal("bash-completion is not installed, and INFUSE_TEST_REQUIRE=1 forbids to skip")
			}
			t.Skip("skipped: bash-completion is not installed")
		}
		shell := startBash(t, mytool, ". "+library)
		checkCompletions(t, completionCases(), shell.ask)
	})
	t.Run("function and word breaks", func(t *testing.T) {
		shell := startBash(t, `_mytool() { [[ ${COMP_WORDS[*]} == "mytool x "* && $COMP_LINE == "mytool x "* ]] && COMPREPLY=("$2-$3-$COMP_CWORD"); }; complete -F _mytool mytool`,
			"COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}")
		checkCompletions(t, []completionCase{
			{line: "infuse run --env=dev -- mytool x a", want: []string{"a-x-2"}, exact: true},
			{line: "infuse run --mode=e", want: []string{"exec"}, exact: true},
			{line: "infuse run --on-change signal:U", want: []string{"signal:USR1", "signal:USR2"}, exact: true},
			{line: "infuse run --env=p", want: []string{"prod"}, exact: true},
		}, shell.ask)
	})
}

func startBash(t *testing.T, setup ...string) *typist { return startBashIn(t, nil, setup...) }

// startBashIn starts it with more variables.
func startBashIn(t *testing.T, more []string, setup ...string) *typist {
	_, environ := completionWorld(t)
	shell := startTypist(t, append(environ, more...), "bash", "--norc", "--noprofile", "-i")
	shell.setup(append([]string{
		"PS1= PS2=", "unset HISTFILE",
		"bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; bind 'set completion-query-items 0'; bind 'set page-completions off'",
		`bind '"\C-xa": insert-completions'`,
		`bind -x '"\C-xp": printf "\002%s\003" "$READLINE_LINE"'`,
		`eval "$(infuse completion bash)"`,
	}, setup...)...)
	return shell
}

func TestCompletionZsh(t *testing.T) {
	require(t, "zsh")
	for name, load := range map[string][]string{
		"sourced": {"autoload -Uz compinit; compinit -u -D", `eval "$(infuse completion zsh)"`},
		"fpath":   {"mkdir $HOME/zfunc; infuse completion zsh > $HOME/zfunc/_infuse; fpath+=($HOME/zfunc)", "autoload -Uz compinit; compinit -u -D"},
	} {
		t.Run(name, func(t *testing.T) {
			shell := startZsh(t, nil, load...)
			checkCompletions(t, completionCases(), shell.ask)
		})
	}
}

func startZsh(t *testing.T, more []string, load ...string) *typist {
	_, environ := completionWorld(t)
	shell := startTypist(t, append(environ, more...), "zsh", "-f", "-i")
	shell.setup(append([]string{
		"PS1= PS2= RPS1=", "unset zle_bracketed_paste", "setopt no_beep", "bindkey -e",
		`show() { print -rn -- $'\x02'"$BUFFER"$'\x03' }; zle -N show; bindkey '^Xp' show`,
		"LISTMAX=10000; zmodload zsh/complist",
	}, append(load,
		"_mytool() { compadd alpha beta }; compdef _mytool mytool",
		"zle -C all-matches complete-word _generic; bindkey '^Xa' all-matches",
		"zstyle ':completion:all-matches::::' completer _all_matches _complete",
		"zstyle ':completion:all-matches:*' insert yes",
	)...)...)
	return shell
}

func TestCompletionFish(t *testing.T) {
	require(t, "fish")
	checkCompletions(t, completionCases(), fish(t, nil))
}

// fish asks a fish for the completions of a line. Whatever it and infuse say
// beside them counts as one.
func fish(t *testing.T, more []string) func(line string) []string {
	dir, environ := completionWorld(t)
	return func(line string) []string {
		cmd := exec.Command("fish", "-N", "-c", `infuse completion fish | source
complete -c mytool -x -a 'alpha beta'
complete --do-complete=$LINE`)
		cmd.Dir = dir
		cmd.Env = append(append(environ, "LINE="+line), more...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("fish: %v\n%s", err, out)
		}
		var got []string
		for _, proposal := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			proposal, _, _ = strings.Cut(proposal, "\t")
			got = append(got, plainValue(proposal))
		}
		return slices.DeleteFunc(got, func(s string) bool { return s == "" })
	}
}

// plainValue is what shells agree on: without --flag=, without what stands
// before a colon (readline replaces only what follows it), and without the slash
// that marks a directory.
func plainValue(proposal string) string {
	if flag, value, ok := strings.Cut(proposal, "="); ok && strings.HasPrefix(flag, "--") {
		if proposal = value; value == "" {
			return flag
		}
	}
	return strings.TrimSuffix(proposal[strings.LastIndexByte(proposal, ':')+1:], "/")
}
