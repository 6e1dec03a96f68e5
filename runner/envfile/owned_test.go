package envfile

import (
	"os/exec"
	"strings"
	"testing"

	"infuse/fetch/secret"
	"infuse/runner/environ"
)

// TestOwnedNames goes through the variables that each shell lists as its own:
// what is not refused has to come back.
func TestOwnedNames(t *testing.T) {
	lists := map[string][]string{
		"bash": {"--noprofile", "--norc", "-c", "compgen -v"},
		"zsh":  {"-f", "-c", "zmodload zsh/parameter; print -l ${(k)parameters}"},
		"fish": {"--no-config", "-c", "set --names"},
	}
	var names []string
	for shell, args := range lists {
		path, err := exec.LookPath(shell)
		if err != nil {
			skip(t, &missingError{"no " + shell + " here"})
		}
		out, err := exec.Command(path, args...).Output()
		if err != nil {
			t.Fatalf("%s: %v", shell, err)
		}
		names = append(names, strings.Fields(string(out))...)
	}
	if len(names) < 100 {
		t.Fatalf("the shells list only %q", names)
	}
	for _, format := range []string{"shell", "fish"} {
		for _, value := range []string{"x y", "7", ""} {
			var vars []environ.Var
			for _, name := range names {
				if environ.Portable(name) && find(format).check(name, value) == "" {
					vars = append(vars, environ.Var{Name: name, Value: secret.New(value)})
				}
			}
			t.Run(format+" "+value, func(t *testing.T) { readBack(t, format, vars) })
		}
	}
}
