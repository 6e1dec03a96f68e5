package main

import (
	"context"
	"io"
	"strings"
)

// completionCommand is `infuse completion SHELL`: a script that knows every
// command, flag and enumeration; what only the server knows (environments and
// folders) it asks the hidden command __complete for, see complete.go.
type completionCommand struct {
	messageFlags
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (c *completionCommand) messages() *messageFlags { return &c.messageFlags }

func (*completionCommand) Help() string {
	return `The script is printed; where it belongs depends on the shell. Behind -- it completes COMMAND and then
COMMAND's own arguments. Environments and folders are completed when the server answers within a second.

Examples:
  infuse completion bash > ~/.local/share/bash-completion/completions/infuse
  eval "$(infuse completion bash)"    # in ~/.bashrc, without bash-completion
  infuse completion zsh > ~/.zfunc/_infuse # fpath+=(~/.zfunc) before compinit
  source <(infuse completion zsh)     # in ~/.zshrc, after compinit
  infuse completion fish > ~/.config/fish/completions/infuse.fish`
}

func (c *completionCommand) run(_ context.Context, p *program) error {
	docs, err := describeGrammar(p)
	if err != nil {
		return err
	}
	write := map[string]func([]commandDoc) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
	_, err = io.WriteString(p.stdout, write[c.Shell](docs))
	return err
}

// spellings are the ways to type a flag: -e, --env.
func (f flagDoc) spellings() []string {
	if f.short == "" {
		return []string{"--" + f.name}
	}
	return []string{"-" + f.short, "--" + f.name}
}

// takesValue reports whether the next word is the flag's value.
func (f flagDoc) takesValue() bool { return f.value != kindNone && !f.optional }

// shellQuote quotes for bash, zsh and, without the backslash, fish.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// globalValues are the flags that may stand before the command with a value, as
// in `infisical --domain URL run`; see flagsOnly.
func globalValues() []string {
	return []string{"--domain", "--url", "--log-level", "-l", "--log-format", "--log-destination"}
}
