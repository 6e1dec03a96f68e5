package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/alecthomas/kong"
)

const description = "Start a program with its team's Infisical secrets in its environment."

// shortHelp is what `infuse` alone prints.
const shortHelp = `infuse starts a program with its team's Infisical secrets in its environment.

  infuse run -- npm start                 in the environment of .infisical.json
  infuse run -e prod -- ./server          in another one
  infuse run --watch -e prod -- ./server  restart it when they change
  infuse export -e dev -o .env            write a dotenv file
  infuse whoami                           which credential answers, what it can read

Commands: %s.
` + "`infuse COMMAND --help` tells the rest.\n"

func printShortHelp(p *program) {
	var names []string
	for _, e := range commands() {
		if !e.hidden {
			names = append(names, e.name)
		}
	}
	fmt.Fprintf(p.stdout, shortHelp, strings.Join(names, ", "))
}

// help prints kong's help and, for one command, what the system cannot do.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	if selected := ctx.Selected(); selected != nil && selected.Name == "run" && runtime.GOOS == "windows" {
		fmt.Fprintln(ctx.Stdout, "\nOn Windows there is no execve and there are no signals: infuse stays as COMMAND's parent,"+
			"\nCtrl-C reaches both, --on-change signal: is refused, and a restart ends COMMAND's whole job.")
	}
	return nil
}

// Help texts below the flags: examples, and what answers before the README does.

func (*runCommand) Help() string {
	return `Examples:
  infuse run -- npm start
  infuse run -e prod --path /backend -- ./server --port 8080
  infuse run --watch --on-change signal:HUP --file-dir /run/secrets -- nginx -g 'daemon off;'
  infuse run -c 'psql "$DATABASE_URL" -c "select 1"'
  infuse run --url file:testdata/demo -e dev -- env     (no account, no network)

Our flags stand before COMMAND, its own behind it. Exit status: COMMAND's own, 128+n for signal n,
127 not found, 126 not executable, 125 infuse itself failed and COMMAND was not started.

Without --watch infuse becomes COMMAND (execve) and nothing of it stays; as PID 1 it stays as an init.
Every flag can be set as INFUSE_<FLAG>, such as INFUSE_WATCH_INTERVAL=30s.`
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
  infuse install /shared          then ENTRYPOINT ["/shared/infuse", "run", "--"]`
}

func (*devCommand) Help() string {
	return `For development. DIR/<env>.env is the folder / of an environment, DIR/<env>/<folder>.env another one.
The variables to use are printed on stdout in a form that eval takes.

Examples:
  eval "$(infuse dev secrets &)"               then: infuse run -- npm start
  infuse dev secrets --listen 127.0.0.1:8090   in a terminal of its own`
}
