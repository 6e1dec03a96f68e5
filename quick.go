package main

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// quick fills the flags of `run` from a plain command line. Building kong's
// grammar of run costs more than all else that infuse computes before COMMAND
// starts, and a start seldom needs it. quick does not try to be complete:
// whatever is not plain (help, an alias, a bundle of short flags, a value it
// would have to refuse) makes it give up, and the caller asks kong, whose word
// counts. A property test holds the two together.
func quick(args []string, s *settings) (*runCommand, bool) {
	c := new(runCommand)
	flags := appendQuickFlags(nil, reflect.ValueOf(c).Elem())
	rest, ok := flags.read(args)
	if !ok {
		return nil, false
	}
	c.Args = rest
	s.layers, s.flags = map[string]layer{}, flags.words()
	for i := range flags {
		f := &flags[i]
		if f.given {
			s.layers[f.name] = fromFlag
			continue
		}
		_, noenv := f.tag.Lookup("noenv")
		value, from := s.variable(f.name, noenv, f.tag.Get("infisical"))
		if from == fromDefault {
			value = f.tag.Get("default")
		} else {
			s.layers[f.name] = from
		}
		if value != "" && !f.set(value) {
			return nil, false
		}
	}
	return c, true
}

// quickFlag is a field of a command's struct, with its tag as kong reads it.
type quickFlag struct {
	name  string
	tag   reflect.StructTag
	field any // pointer to the field
	given bool
}

type quickFlags []quickFlag

func appendQuickFlags(flags quickFlags, v reflect.Value) quickFlags {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.Anonymous && !field.IsExported() {
			continue // not a flag
		}
		if field.Anonymous {
			flags = appendQuickFlags(flags, v.Field(i))
			continue
		}
		if _, ok := field.Tag.Lookup("arg"); ok {
			continue
		}
		name := field.Tag.Get("name")
		if name == "" {
			name = dashed(field.Name)
		}
		flags = append(flags, quickFlag{name: name, tag: field.Tag, field: v.Field(i).Addr().Interface()})
	}
	return flags
}

// dashed is kong's name of a flag: ClientID is client-id, CACert is ca-cert.
func dashed(field string) string {
	var b strings.Builder
	for i, r := range field {
		if i > 0 && unicode.IsUpper(r) && (unicode.IsLower(rune(field[i-1])) || i+1 < len(field) && unicode.IsLower(rune(field[i+1]))) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
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
		if short := flags[i].tag.Get("short"); short != "" {
			words["-"+short] = true
		}
		if aliases := flags[i].tag.Get("aliases"); aliases != "" {
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
		return len(word) == 2 && f.tag.Get("short") == word[1:]
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
	if f.tag.Get("type") != "" {
		return false
	}
	if enum, ok := f.tag.Lookup("enum"); ok && !slices.Contains(strings.Split(enum, ","), value) {
		return false
	}
	var err error
	switch field := f.field.(type) {
	case *string:
		*field = value
	case *[]string:
		if f.tag.Get("sep") != "none" && strings.ContainsAny(value, `,\`) {
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
