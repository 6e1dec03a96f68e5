package main

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// quick fills the flags of `run` from a plain command line. Building kong's
// grammar of run costs more than all else that infuse computes before COMMAND
// starts, and a start seldom needs it. quick does not try to be complete:
// whatever is not plain (help, an alias, a bundle of short flags, a value it
// would have to refuse) makes it give up, and the caller asks kong, whose word
// counts. A property test holds the two together.
func quick(args []string, s *settings) (*runCommand, bool) {
	c := new(runCommand)
	flags := appendQuickFlags(make(quickFlags, 0, 96), reflect.ValueOf(c).Elem())
	rest, ok := flags.read(args)
	if !ok {
		return nil, false
	}
	c.Args = rest
	s.layers, s.flags, s.words = map[string]layer{}, nil, flags.words
	for i := range flags {
		f := &flags[i]
		if f.given {
			s.layers[f.name] = fromFlag
			continue
		}
		value, from := s.variable(f.name, f.tag.noenv, f.tag.infisical)
		if from == fromDefault {
			value = f.tag.fallback
		} else {
			s.layers[f.name] = from
		}
		if value != "" && !f.set(value) {
			return nil, false
		}
	}
	return c, true
}

// quickFlag is a field of a command's struct.
type quickFlag struct {
	name  string
	tag   quickTag
	field any // pointer to the field
	given bool
}

type quickFlags []quickFlag

func appendQuickFlags(flags quickFlags, v reflect.Value) quickFlags {
	t := v.Type()
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.Anonymous && !field.IsExported() {
			continue // not a flag
		}
		if field.Anonymous {
			flags = appendQuickFlags(flags, v.Field(i))
			continue
		}
		tag := readTag(string(field.Tag))
		if tag.arg {
			continue
		}
		name := tag.name
		if name == "" {
			name = dashed(field.Name)
		}
		flags = append(flags, quickFlag{name: name, tag: tag, field: v.Field(i).Addr().Interface()})
	}
	return flags
}

// quickTag is what quick reads of a flag's tag.
type quickTag struct {
	name, short, aliases, fallback, infisical, enum, sep, kind string

	arg, noenv, enumerated bool
}

// readTag reads a struct's tag in one pass: reflect's Lookup begins anew for
// every key, and eight keys of eighty flags are noticed in a start.
func readTag(text string) (tag quickTag) {
	for {
		key, rest, ok := strings.Cut(strings.TrimLeft(text, " "), `:"`)
		if !ok {
			return tag
		}
		end := 0
		for rest[end] != '"' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		value := rest[:end]
		text = rest[end+1:]
		switch key {
		case "name":
			tag.name = value
		case "short":
			tag.short = value
		case "aliases":
			tag.aliases = value
		case "default":
			tag.fallback = value
		case "infisical":
			tag.infisical = value
		case "enum":
			tag.enum, tag.enumerated = value, true
		case "sep":
			tag.sep = value
		case "type":
			tag.kind = value
		case "arg":
			tag.arg = true
		case "noenv":
			tag.noenv = true
		}
	}
}

// dashed is kong's name of a flag: ClientID is client-id, CACert is ca-cert.
func dashed(field string) string {
	upper := func(i int) bool { return i < len(field) && 'A' <= field[i] && field[i] <= 'Z' }
	name := make([]byte, 0, 32)
	for i := range len(field) {
		c := field[i]
		if !upper(i) {
			name = append(name, c)
			continue
		}
		if i > 0 && (!upper(i-1) || i+1 < len(field) && !upper(i+1)) {
			name = append(name, '-')
		}
		name = append(name, c+'a'-'A')
	}
	return string(name)
}

// read takes the flags in front of COMMAND and returns the rest.
func (flags quickFlags) read(args []string) (rest []string, ok bool) {
	for len(args) > 0 {
		word := args[0]
		if word == "--" || !strings.HasPrefix(word, "-") {
			return args, true
		}
		args = args[1:]
		name, value, inline := strings.Cut(word, "=")
		f := flags.find(name)
		if f == nil || f.given && !f.repeatable() {
			return nil, false
		}
		switch f.field.(type) {
		case *bool, *optional:
			if !inline {
				value = "true"
			}
		default:
			if !inline {
				if len(args) == 0 || strings.HasPrefix(args[0], "-") {
					return nil, false
				}
				value, args = args[0], args[1:]
			}
		}
		if value == "" || !f.set(value) {
			return nil, false
		}
		f.given = true
	}
	return nil, true
}

// words are the flags as they are written; compare settings.note.
func (flags quickFlags) words() map[string]bool {
	words := map[string]bool{"--help": true, "-h": true}
	for i := range flags {
		words["--"+flags[i].name] = true
		if short := flags[i].tag.short; short != "" {
			words["-"+short] = true
		}
		if aliases := flags[i].tag.aliases; aliases != "" {
			for alias := range strings.SplitSeq(aliases, ",") {
				words["--"+alias] = true
			}
		}
	}
	return words
}

// find looks up --name or -n, spelled out.
func (flags quickFlags) find(word string) *quickFlag {
	i := slices.IndexFunc(flags, func(f quickFlag) bool {
		if long, ok := strings.CutPrefix(word, "--"); ok {
			return f.name == long
		}
		return len(word) == 2 && f.tag.short == word[1:]
	})
	if i < 0 {
		return nil
	}
	return &flags[i]
}

func (f *quickFlag) repeatable() bool {
	_, ok := f.field.(*[]string)
	return ok
}

// set gives the flag a value, or reports that kong has to judge it.
func (f *quickFlag) set(value string) bool {
	if f.tag.kind != "" {
		return false
	}
	if f.tag.enumerated && !slices.Contains(strings.Split(f.tag.enum, ","), value) {
		return false
	}
	var err error
	switch field := f.field.(type) {
	case *string:
		*field = value
	case *[]string:
		if f.tag.sep != "none" && strings.ContainsAny(value, `,\`) {
			return false
		}
		*field = append(*field, value)
	case *bool:
		*field = value == "true"
		return *field || value == "false"
	case *int:
		*field, err = strconv.Atoi(value)
		return err == nil && strconv.Itoa(*field) == value
	case *duration:
		var parsed duration
		err = parsed.set(value)
		*field = parsed
	case *optional:
		field.set(value)
	default:
		return false
	}
	return err == nil
}
