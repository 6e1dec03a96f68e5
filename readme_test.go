package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeHoldsTheTables compares the README with the tables that tests
// write: a figure in it is one that was measured.
func TestReadmeHoldsTheTables(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"matrix-values.md", "matrix-names.md"} {
		table, err := os.ReadFile(filepath.Join("runner", "envfile", "testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(readme), strings.TrimSpace(string(table))) {
			t.Errorf("README.md does not hold the table of %s as it is: copy it", file)
		}
	}
}
