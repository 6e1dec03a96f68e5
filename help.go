package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const description = "Start a program with its team's Infisical secrets in its environment."

// shortHelp is what `infuse` alone prints, and how `infuse --help` begins.
const shortHelp = `infuse starts a program with its team's Infisical secrets in its environment.

  infuse run -- npm start                 in the environment of .infisical.json
  infuse run -e prod -- ./server          in another one
  infuse run --watch -e prod -- ./server  restart it when they change
  infuse export -e dev -o .env            write a dotenv file
  infuse whoami                           which credential answers
`

// longHelp is the rest of `infuse --help`: what has to be known before the first run.
const longHelp = `
Who asks     INFISICAL_CLIENT_ID and INFISICAL_CLIENT_SECRET, INFISICAL_TOKEN,
             the platform's identity, or ` + "`infisical login`" + `, once.
Which        -e SLUG and --project-id ID, or INFISICAL_ENVIRONMENT and
             INFISICAL_PROJECT_ID, or .infisical.json.
Where        --url or INFISICAL_URL (default: https://us.infisical.com).
No account?  --url file:DIR reads DIR/SLUG.env instead.

` + "`infuse COMMAND --help` tells the rest, `infuse man` all of it.\n"

func printShortHelp(p *program) {
	var names []string
	for _, e := range commands() {
		if !e.hidden {
			names = append(names, e.name)
		}
	}
	fmt.Fprintf(p.stdout, "%s\nCommands:\n  %s.\n`infuse COMMAND --help` tells the rest.\n", shortHelp, strings.Join(names, ", "))
}

// help prints the help of one command, or of all: how it is called, what it
// does, what this system cannot do of it, and its flags, the command's own first.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	selected := ctx.Selected()
	if selected == nil {
		return helpOfAll(ctx.Stdout)
	}
	options.NoAppSummary = true // kong's would put [flags] behind COMMAND
	fmt.Fprintf(ctx.Stdout, "Usage: infuse %s\n", strings.Join(callOf(describeCommand(selected)), " "))
	if note := systemNote(runtime.GOOS, selected.Name); note != "" {
		selected.Detail += "\n\n" + note
	}
	slices.SortStableFunc(selected.Flags, func(a, b *kong.Flag) int { return groupRank(a) - groupRank(b) })
	return kong.DefaultHelpPrinter(options, ctx)
}

func helpOfAll(w io.Writer) error {
	text := "Usage: infuse COMMAND [flags]\n\n" + shortHelp + "\nCommands:\n"
	for _, e := range commands() {
		if !e.hidden {
			text += fmt.Sprintf("  %-11s  %s\n", e.name, e.help)
		}
	}
	_, err := io.WriteString(w, text+longHelp)
	return err
}

// callOf is a command line as it is typed: the command, [flags], its arguments.
func callOf(doc commandDoc) []string {
	call := []string{doc.name}
	if len(doc.flags) > 1 { // more than --help
		call = append(call, "[flags]")
	}
	for _, arg := range doc.args {
		name := arg.name
		switch {
		case arg.rest:
			name = "-- COMMAND [ARG...]"
		case len(arg.words) > 0:
			name = strings.Join(arg.words, "|")
		case arg.optional:
			name = "[" + name + "]"
		}
		call = append(call, name)
	}
	return call
}

// groupRank orders the groups of flags: what most people look for stands first.
func groupRank(flag *kong.Flag) int {
	if flag.Group == nil {
		return 0
	}
	order := []string{"Which secrets", "Running", "Environment", "Files", "Watching", "File", "Who is asking", "Server", "Offline copy", "Messages"}
	return slices.Index(order, flag.Group.Title) + 1
}

// systemNote says what a system cannot do of what Linux does.
func systemNote(system, command string) string {
	if command != "run" {
		return ""
	}
	switch system {
	case "linux":
		return ""
	case "windows":
		return `On Windows there is no execve and there are no signals: infuse stays as COMMAND's parent,
Ctrl-C reaches both, a restart ends COMMAND's whole job at once, --on-change signal:NAME is
refused. There are no sealed memory files: use --file-dir instead of --file.`
	}
	return `On this system there are no sealed memory files: use --file-dir instead of --file. Nothing ends
COMMAND when infuse itself is killed (SIGKILL) while it stays as its parent.`
}

// Help texts below the flags: examples, and what answers before the README does.

func (*runCommand) Help() string {
	return `Examples:
  infuse run -- npm start
  infuse run -e prod --path /backend -- ./server --port 8080
  infuse run --watch -e prod -- ./server    # restart it when they change
  infuse run --watch --on-change signal:HUP --file-dir /run/secrets \
    -- nginx -g 'daemon off;'
  infuse run -c 'psql "$DATABASE_URL" -c "select 1"'
  infuse run --dry-run -- true              # names and sources, no value
  infuse run --url file:secrets -e dev -- env   # no account, no network

Our flags stand before COMMAND, its own behind it. Exit status: COMMAND's own, 128+n for signal n,
127 not found, 126 not executable, 125 infuse itself failed and COMMAND was not started.

infuse becomes COMMAND (execve) and nothing of it stays; except with --watch, --mask or --status-file,
and as PID 1, where it is the init. Flags can be set as INFUSE_<FLAG>, such as INFUSE_WATCH_INTERVAL=30s;
not the credentials, --command and --dry-run.`
}

func (*listCommand) Help() string {
	return `Examples:
  infuse list -e prod
  infuse list -e prod --recursive --format json | jq -r '.variables[].name'`
}

func (*getCommand) Help() string {
	return `Prints exactly the value's bytes, and one newline only when stdout is a terminal.

Examples:
  infuse get DATABASE_URL -e prod
  infuse get TLS_CERT -e prod > cert.pem`
}

func (*whoamiCommand) Help() string {
	return `Shows every credential provider's answer, whose token it is, how long it lives, whether the scope
can be read, and whether run would start a program with it. Exit 0 only if run would succeed.
Nothing in it is secret: paste it into a bug report.

Examples:
  infuse whoami -e prod
  infuse whoami --format json`
}

func (*versionCommand) Help() string { return "Example:\n  infuse version" }

func (*installCommand) Help() string {
	return `Example, in an init container that shares the volume /shared:
  infuse install /shared    # then: ["/shared/infuse", "run", "--", ...]`
}

func (*devCommand) Help() string {
	return `For development. DIR/<env>.env is the folder / of an environment, DIR/<env>/<folder>.env another one.
The variables to use are printed on stdout in a form that eval takes.

Examples:
  infuse dev secrets --listen 127.0.0.1:8090   # in a terminal of its own
  eval "$(infuse dev secrets &)"               # then: infuse run -- npm start`
}
