package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// command is one of infuse's commands: a struct of flags that can run itself.
type command interface {
	run(ctx context.Context, p *program) error
}

// entry is a line of the command table.
type entry struct {
	name, help string
	hidden     bool
	new        func() command
}

// commands is the table of commands, in the order of the help.
func commands() []entry {
	return []entry{
		{"run", "Run COMMAND with the secrets in its environment.", false, func() command { return new(runCommand) }},
		{"export", "Write the secrets as a file: dotenv, JSON, YAML, systemd, ...", false, func() command { return new(exportCommand) }},
		{"list", "List names, types and where they come from. Never a value.", false, func() command { return new(listCommand) }},
		{"get", "Print one value, exactly its bytes.", false, func() command { return new(getCommand) }},
		{"whoami", "Say which credential answers, and whether run would succeed.", false, func() command { return new(whoamiCommand) }},
		{"diff", "Say what differs from another environment or a file.", false, func() command { return new(diffCommand) }},
		{"dev", "Serve dotenv files as an Infisical-compatible API on loopback.", false, func() command { return new(devCommand) }},
		{"install", "Copy the binary into a directory, for init containers.", false, func() command { return new(installCommand) }},
		{"completion", "Print the completion script of a shell.", false, func() command { return new(completionCommand) }},
		{"man", "Print the manual page.", false, func() command { return new(manCommand) }},
		{"version", "Print the version.", false, func() command { return new(versionCommand) }},
		{"__complete", "Propose environments or paths, for the completion scripts.", true, func() command { return new(completeCommand) }},
	}
}

// grammar builds kong's model of the given commands only: all eleven cost about
// 6 ms, one about 1 ms, and that stands in front of every process.
func grammar(p *program, entries []entry, options ...kong.Option) (*kong.Kong, []command, error) {
	built := make([]command, len(entries))
	options = append(options,
		kong.Name("infuse"),
		kong.Description(description),
		kong.Writers(p.stdout, p.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Help(help),
		kong.Vars{"formats": formatNames()},
	)
	for i, e := range entries {
		built[i] = e.new()
		var tags []string
		if e.hidden {
			tags = append(tags, `hidden:""`)
		}
		options = append(options, kong.DynamicCommand(e.name, e.help, "", built[i], tags...))
	}
	k, err := kong.New(new(struct{}), options...)
	return k, built, err
}

// errDone says that parsing already did what was asked: help was printed.
var errDone = errors.New("done")

// parse turns the command line into a command with its flags filled in.
// Layers, high to low: flag, INFUSE_..., INFISICAL_..., .infisical.json.
func parse(p *program) (command, error) {
	if len(p.args) == 0 {
		printShortHelp(p)
		return nil, errDone
	}
	switch p.args[0] {
	case "--version", "-V":
		return new(versionCommand), nil
	case "help": // `infuse help run` is `infuse run --help`
		p.args = append(p.args[1:], "--help")
	}
	name, entries := p.chosen()
	settings := &settings{getenv: p.getenv}
	if name == "run" {
		if c, ok := quick(p.args[1:], settings); ok {
			if again, err := p.prepare(c, settings); err != nil || !again {
				return c, err
			}
		}
	}
	for {
		helped := false
		k, built, err := grammar(p, entries, kong.Resolvers(settings), kong.Exit(func(int) { helped = true }))
		if err != nil {
			return nil, fmt.Errorf("building the grammar: %w", err)
		}
		settings.layers, settings.flags = map[string]layer{}, map[string]bool{}
		parsed, err := k.Parse(p.args)
		if helped {
			return nil, errDone
		}
		if err != nil && name == "" && official(p.args[0]) {
			return nil, &usageError{hinted(fmt.Errorf("%s is a command of the official CLI", p.args[0]),
				"run `infisical "+p.args[0]+"`: infuse uses the login and the project file it leaves", "`infuse --help` lists what there is")}
		}
		if err != nil {
			return nil, usage(name, err)
		}
		settings.note(parsed)
		selected := parsed.Selected()
		if selected == nil {
			return nil, usage(name, errors.New("no command"))
		}
		for i, e := range entries {
			if e.name != selected.Name {
				continue
			}
			again, err := p.prepare(built[i], settings)
			if err != nil || !again {
				return built[i], err
			}
		}
	}
}

// official reports whether the official CLI has a command of this name and infuse has none.
func official(command string) bool {
	return slices.Contains([]string{"login", "logout", "init", "secrets", "user", "vault", "scan", "token", "reset", "service-token", "dynamic-secrets", "ssh", "gateway"}, command)
}

// chosen picks the command whose grammar is needed: the first word. Flags
// before it, as in `infisical --domain URL run`, are moved behind it.
func (p *program) chosen() (string, []entry) {
	all := commands()
	for i, word := range p.args {
		if word == "--" {
			break
		}
		for _, e := range all {
			if e.name != word || i > 0 && !flagsOnly(p.args[:i]) {
				continue
			}
			rest := append([]string{word}, p.args[:i]...)
			p.args = append(rest, p.args[i+1:]...)
			return word, []entry{e}
		}
	}
	return "", all
}

// flagsOnly reports whether words are global flags of the official CLI with
// their values, so that the next word is the command. Of any other flag it is
// not known here whether it takes a value: in `-e dev run`, dev is no command.
func flagsOnly(words []string) bool {
	for i := 0; i < len(words); i++ {
		name, _, valued := strings.Cut(words[i], "=")
		switch name {
		case "--domain", "--url", "--log-level", "-l", "--log-format", "--log-destination":
			if !valued {
				i++
			}
		case "--silent", "--quiet", "-q", "--verbose", "-v", "-vv", "--telemetry", "--no-telemetry":
		default:
			return false
		}
	}
	return true
}
