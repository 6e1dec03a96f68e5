//go:build unix

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	faultTableHead = "| fault | infuse says | first start | with a copy | while watching |\n| --- | --- | --- | --- | --- |\n"
	faultFullHead  = "| fault | when | the program got | infuse said | status | requests | logins |\n| --- | --- | --- | --- | --- | --- | --- |\n"
)

// compareFaultTable compares what was seen with the table in the README, of
// which a row that could not be made here is taken.
func compareFaultTable(t *testing.T, cases []fault, rows []faultRow) {
	file, err := os.ReadFile("README.md")
	check(t, err)
	before, rest, found := strings.Cut(string(file), faultTableHead)
	old, after, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatal("the README has no table of faults")
	}
	table, full, ran := "", faultFullHead, 0
	for i, row := range rows {
		if row == nil {
			table += rowOf(old, cases[i].name)
			continue
		}
		ran++
		cells := []string{cases[i].name, row.says()}
		for j, cell := range row {
			cells = append(cells, cell.String())
			full += fmt.Sprintf("| %s | %s | %s | %s | %d | %d | %d |\n", cases[i].name, faultMoments[j].name, cell.got, cell.text, cell.status, cell.requests, cell.logins)
		}
		table += "| " + strings.Join(cells, " | ") + " |\n"
	}
	t.Logf("%d faults at %d moments", ran, len(faultMoments))
	if testing.Verbose() {
		t.Log("\n" + full)
	}
	table = strings.TrimSuffix(table, "\n")
	switch {
	case table == old:
	case !*update:
		t.Errorf("the README's table of faults is not what was seen (-update rewrites it):\n%s", tableDiff(old, table))
	case t.Failed():
		t.Error("the README is not rewritten while a case fails")
	default:
		check(t, os.WriteFile("README.md", []byte(before+faultTableHead+table+"\n\n"+after), 0o644))
	}
}

// says is what infuse said at a start: once where it is the same with a copy.
func (r faultRow) says() string {
	var texts []string
	for _, cell := range r[:2] {
		if cell.text != "" && !slices.Contains(texts, cell.text) {
			texts = append(texts, cell.text)
		}
	}
	return strings.Join(texts, "<br>")
}

func rowOf(table, name string) string {
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "| "+name+" |") {
			return strings.TrimSuffix(line, "\n") + "\n"
		}
	}
	return ""
}

func tableDiff(old, now string) string {
	var b strings.Builder
	for _, side := range []struct{ mark, have, other string }{{"-", old, now}, {"+", now, old}} {
		for line := range strings.Lines(side.have) {
			if !strings.Contains(side.other, strings.TrimSuffix(line, "\n")) {
				b.WriteString(side.mark + " " + line)
			}
		}
	}
	return b.String()
}
