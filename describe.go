package main

import (
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"infuse/runner/envfile"
)

// commandDoc is a command as completion scripts and the manual page show it:
// kong's model without hidden flags and aliases.
type commandDoc struct {
	name, help, detail string
	flags              []flagDoc // by name; a negated one follows its flag
	args               []argDoc
}

type flagDoc struct {
	name        string // without dashes
	short       string // one letter, or empty
	help, group string
	placeholder string
	negatable   bool   // --no-... takes it back
	negates     string // this is the --no-... of that flag
	value       valueKind
	words       []string // what it can be, for kindWords
	optional    bool     // the value may be left out: --cache[=DIR]
	repeatable  bool
	variables   []string // that set the flag too, best first
}

type argDoc struct {
	name, help string
	value      valueKind
	words      []string
	optional   bool
	rest       bool // COMMAND with its arguments
}

// valueKind is what a value is, as far as a shell can complete it.
type valueKind int

const (
	kindNone        valueKind = iota // no value
	kindFree                         // nothing to propose
	kindWords                        // one of a few words
	kindFile                         //
	kindDir                          //
	kindEnvironment                  // slug of an environment
	kindFolder                       // path of a folder on the server
	kindURL                          // server, or file:DIR
	kindProgram                      // COMMAND with its arguments
)

// describeGrammar builds the whole grammar, which only help, completion and the manual need.
func describeGrammar(p *program) ([]commandDoc, error) {
	k, _, err := grammar(p, commands())
	if err != nil {
		return nil, err
	}
	var docs []commandDoc
	for _, node := range k.Model.Children {
		if !node.Hidden {
			docs = append(docs, describeCommand(node))
		}
	}
	return docs, nil
}

func describeCommand(node *kong.Node) commandDoc {
	doc := commandDoc{name: node.Name, help: node.Help, detail: node.Detail}
	if helper, ok := node.Target.Addr().Interface().(kong.HelpProvider); ok && doc.detail == "" {
		doc.detail = helper.Help()
	}
	flags := slices.DeleteFunc(slices.Clone(node.Flags), func(f *kong.Flag) bool { return f.Hidden })
	slices.SortFunc(flags, func(a, b *kong.Flag) int { return strings.Compare(a.Name, b.Name) })
	for _, flag := range flags {
		described := describeFlag(node.Name, flag)
		doc.flags = append(doc.flags, described)
		if flag.Tag.Negatable != "" {
			doc.flags = append(doc.flags, flagDoc{
				name: "no-" + flag.Name, negates: flag.Name, group: described.group,
				help: "Not --" + flag.Name + ".",
			})
		}
	}
	for _, arg := range node.Positional {
		doc.args = append(doc.args, describeArg(arg))
	}
	return doc
}

func describeFlag(command string, flag *kong.Flag) flagDoc {
	doc := flagDoc{
		name: flag.Name, help: flag.Help, placeholder: flag.FormatPlaceHolder(),
		repeatable: flag.IsCumulative() || flag.IsCounter(), negatable: flag.Tag.Negatable != "",
		optional: flag.Target.Type() == reflect.TypeFor[optional](),
	}
	if flag.Short != 0 {
		doc.short = string(flag.Short)
	}
	if flag.Group != nil {
		doc.group = flag.Group.Title
	}
	if !flag.Tag.Has("noenv") && flag.Name != "help" {
		doc.variables = append(doc.variables, infuseVariable(flag.Name))
	}
	for _, name := range strings.Split(flag.Tag.Get("infisical"), ",") {
		if name != "" {
			doc.variables = append(doc.variables, name)
		}
	}
	doc.value, doc.words = flagValue(command, flag, doc.optional)
	return doc
}

// flagValue is what can follow a flag. Most of it is in the grammar: an
// enumeration, or a placeholder that says FILE or DIR.
func flagValue(command string, flag *kong.Flag, optional bool) (valueKind, []string) {
	switch {
	case (flag.IsBool() || flag.IsCounter()) && !optional:
		return kindNone, nil
	case flag.Enum != "":
		return kindWords, slices.DeleteFunc(flag.EnumSlice(), func(s string) bool { return s == "" })
	case strings.Contains(flag.PlaceHolder, "|"):
		return kindWords, strings.Split(flag.PlaceHolder, "|")
	case flag.PlaceHolder == "FILE":
		return kindFile, nil
	case flag.PlaceHolder == "DIR":
		return kindDir, nil
	}
	switch flag.Name {
	case "env", "against":
		return kindEnvironment, nil
	case "path":
		return kindFolder, nil
	case "url":
		return kindURL, append(knownClouds(), "file:")
	case "format":
		if command == "export" {
			return kindWords, formatWords()
		}
	case "log-level":
		return kindWords, []string{"error", "warn", "info", "debug"}
	case "auth-method":
		return kindWords, []string{"universal-auth", "kubernetes", "aws-iam", "gcp-id-token", "gcp-iam", "azure", "oidc", "jwt", "ldap", "tls-cert", "spiffe"}
	case "on-change":
		return kindWords, []string{"restart", "signal:HUP", "signal:USR1", "signal:USR2", "exit", "exec:", "none"}
	case "stop-signal":
		return kindWords, []string{"TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL"}
	}
	return kindFree, nil
}

func formatWords() []string {
	var words []string
	for _, format := range envfile.Formats() {
		words = append(words, format.Name)
	}
	return words
}

func describeArg(arg *kong.Positional) argDoc {
	doc := argDoc{name: strings.ToUpper(arg.Name), help: arg.Help, optional: !arg.Required, value: kindFree}
	switch {
	case arg.Enum != "":
		doc.value, doc.words = kindWords, arg.EnumSlice()
	case arg.Name == "dir":
		doc.value = kindDir
	case arg.PassthroughMode != kong.PassThroughModeNone:
		doc.value, doc.rest = kindProgram, true
	}
	return doc
}

// sentence is the first sentence of a help text, for a list of one line each.
func sentence(text string) string {
	text, _, _ = strings.Cut(text, ". ")
	if strings.HasSuffix(text, "...") {
		return text
	}
	return strings.TrimSuffix(text, ".")
}
