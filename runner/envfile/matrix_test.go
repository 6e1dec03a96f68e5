package envfile

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"infuse/fetch/secret"
	"infuse/runner/environ"
)

var update = flag.Bool("update", false, "rewrite the generated tables in testdata")

// TestMatrix writes every sample in every format, lets every reader of the
// format read it back, and prints the outcome as a table. There are two: the
// value comes back byte for byte, or it is refused by name.
func TestMatrix(t *testing.T) {
	t.Run("values", func(t *testing.T) {
		var vars []environ.Var
		for i, s := range samples {
			vars = append(vars, environ.Var{Name: fmt.Sprintf("V%03d", i), Value: secret.New(s.value)})
		}
		runMatrix(t, "matrix-values.md", "value", samples, vars)
	})
	t.Run("names", func(t *testing.T) {
		var vars []environ.Var
		for i, s := range oddNames {
			vars = append(vars, environ.Var{Name: s.value, Value: secret.New(fmt.Sprint("value ", i))})
		}
		runMatrix(t, "matrix-names.md", "name", oddNames, vars)
	})
}

func runMatrix(t *testing.T, golden, column string, rows []sample, vars []environ.Var) {
	cells := make([][]string, len(rows))
	for i := range cells {
		cells[i] = make([]string, len(dialects))
	}
	for f, format := range formatNames()[:len(dialects)] {
		var carried []environ.Var
		for i, v := range vars {
			if refusedByName(t, format, v) {
				cells[i][f] = "–"
				continue
			}
			cells[i][f] = "✓"
			carried = append(carried, v)
		}
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			readBack(t, format, carried)
		})
	}
	table := markdown(column, rows, cells)
	t.Logf("%s\n%s", golden, table)
	path := filepath.Join("testdata", golden)
	if *update {
		if err := os.WriteFile(path, table, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || !bytes.Equal(want, table) {
		t.Errorf("%s is not what the matrix shows (%v); go test -run Matrix -update rewrites it", path, err)
	}
}

// refusedByName encodes one variable alone. A refusal has to name it, not to
// quote its value, and to list the formats that really can.
func refusedByName(t *testing.T, format string, v environ.Var) bool {
	t.Helper()
	_, err := Encode(format, Document{Vars: []environ.Var{v}})
	if err == nil {
		return false
	}
	var refused *RefusedError
	if !errors.As(err, &refused) || len(refused.Refused) != 1 || refused.Refused[0].Name != v.Name || refused.Refused[0].Why == "" {
		t.Fatalf("%s: %q: %v", format, v.Name, err)
	}
	if value := reveal(v.Value); len(value) > 8 && strings.Contains(err.Error(), value) {
		t.Fatalf("%s: the error shows the value: %v", format, err)
	}
	for _, can := range refused.Refused[0].Can {
		if _, err := Encode(can, Document{Vars: []environ.Var{v}}); err != nil || can == format {
			t.Fatalf("%s: %s cannot carry %q either: %v", format, can, v.Name, err)
		}
	}
	return true
}

// readBack writes one file with all vars and compares what each reader finds.
func readBack(t *testing.T, format string, vars []environ.Var) {
	file, err := Encode(format, Document{Vars: vars})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range slices.Concat(libraries, programs) {
		if r.format != format {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			got, err := r.read(file)
			if reason, missing := errors.AsType[*missingError](err); missing {
				skip(t, reason)
			}
			if err != nil {
				t.Fatalf("reading back: %v", bisect(r, format, vars, err))
			}
			for _, v := range vars {
				value, found := got[v.Name]
				if want := reveal(v.Value); !found || value != want {
					t.Errorf("third outcome: %q was %.80q and came back as %.80q (there: %v)", v.Name, want, value, found)
				}
			}
		})
	}
}

// bisect finds the first variable that makes a reader fail.
func bisect(r reader, format string, vars []environ.Var, err error) error {
	for len(vars) > 1 {
		half := vars[:len(vars)/2]
		file, encodeErr := Encode(format, Document{Vars: half})
		if encodeErr != nil {
			return encodeErr
		}
		if _, halfErr := r.read(file); halfErr != nil {
			vars, err = half, halfErr
			continue
		}
		rest := vars[len(vars)/2:]
		file, encodeErr = Encode(format, Document{Vars: rest})
		if encodeErr != nil {
			return encodeErr
		}
		if _, restErr := r.read(file); restErr == nil {
			return fmt.Errorf("only together: %w", err)
		}
		vars = rest
	}
	return fmt.Errorf("third outcome for %q = %.80q: %w", vars[0].Name, reveal(vars[0].Value), err)
}

func markdown(column string, rows []sample, cells [][]string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "| %s | %s |\n| --- |%s\n", column, strings.Join(formatNames()[:len(dialects)], " | "), strings.Repeat(" :-: |", len(dialects)))
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s | %s |\n", row.label, strings.Join(cells[i], " | "))
	}
	return b.Bytes()
}
