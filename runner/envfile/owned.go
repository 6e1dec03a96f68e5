package envfile

import (
	"strings"
	"sync"
)

// shellOwned are the variables that bash or zsh sets itself, takes for a number
// or an array, or does not let anybody set: ". FILE" would fail half-way or the
// program would see another value. The test of this package goes through the
// shells' own lists.
var shellOwned = nameSet(`
	ARGC BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_CMDS BASH_COMMAND BASH_LINENO
	BASH_MONOSECONDS BASH_SOURCE BASH_SUBSHELL BASH_TRAPSIG BASH_VERSINFO COLUMNS DIRSTACK
	EGID EPOCHREALTIME EPOCHSECONDS ERRNO EUID FUNCNAME FUNCNEST GID GROUPS HISTCMD HISTSIZE
	KEYBOARD_HACK KEYTIMEOUT LINENO LINES LISTMAX LOGCHECK MAILCHECK OPTIND PPID RANDOM
	SAVEHIST SECONDS SHELLOPTS SHLVL SRANDOM TRY_BLOCK_ERROR TRY_BLOCK_INTERRUPT TTYIDLE UID
	USERNAME WATCH ZSH_EVAL_CONTEXT ZSH_SUBSHELL _ aliases argv builtins cdpath commands
	dirstack dis_aliases dis_builtins dis_functions dis_functions_source dis_galiases
	dis_patchars dis_reswords dis_saliases fignore fpath funcfiletrace funcsourcetrace
	funcstack functions functions_source functrace galiases history historywords jobdirs
	jobstates jobtexts keymaps mailpath manpath module_path modules nameddirs options
	parameters patchars path pipestatus psvar reswords saliases signals status termcap
	terminfo userdirs usergroups watch widgets zsh_eval_context zsh_scheduled_events
`)

// fishOwned are the read-only variables of fish, and those it computes.
var fishOwned = nameSet(`
	FISH_VERSION PWD SHLVL _ fish_kill_signal fish_killring fish_pid history hostname
	pipestatus status status_generation umask version
`)

// nameSet splits words when it is first asked: a start that writes no file
// shall not pay for it.
func nameSet(words string) func() map[string]bool {
	return sync.OnceValue(func() map[string]bool {
		set := make(map[string]bool)
		for word := range strings.FieldsSeq(words) {
			set[word] = true
		}
		return set
	})
}
