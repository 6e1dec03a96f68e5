package main

import (
	"fmt"
	"strings"
)

// zshScript is a function for compsys: a file _infuse in $fpath, or sourced
// after compinit. https://zsh.sourceforge.io/Doc/Release/Completion-System.html
func zshScript(docs []commandDoc) string {
	var commands, cases strings.Builder
	for _, doc := range docs {
		describe := strings.ReplaceAll(doc.name, ":", `\:`) + ":" + sentence(doc.help)
		fmt.Fprintf(&commands, "        %s\n", shellQuote(describe))
		fmt.Fprintf(&cases, "    %s)\n        _arguments -s -S", doc.name)
		for _, flag := range doc.flags {
			for _, spec := range zshSpecs(flag, doc.flags) {
				fmt.Fprintf(&cases, " \\\n            %s", shellQuote(spec))
			}
		}
		for _, arg := range doc.args {
			for _, spec := range zshArgument(arg) {
				fmt.Fprintf(&cases, " \\\n            %s", shellQuote(spec))
			}
		}
		cases.WriteString(" && result=0\n        ;;\n")
	}
	var global strings.Builder
	for _, name := range globalValues() {
		suffix := "="
		if !strings.HasPrefix(name, "--") {
			suffix = "+"
		}
		fmt.Fprintf(&global, " %s", shellQuote("!"+name+suffix+": : "))
	}
	return strings.NewReplacer(
		"@COMMANDS@", strings.TrimRight(commands.String(), "\n"),
		"@GLOBAL@", strings.TrimSpace(global.String()),
		"@CASES@", strings.TrimRight(cases.String(), "\n"),
		"@CLOUDS@", strings.Join(knownClouds(), " "),
	).Replace(zshTemplate)
}

// zshSpecs are the specifications of _arguments for one flag, one a spelling.
func zshSpecs(flag flagDoc, all []flagDoc) []string {
	first := "*"
	if !flag.repeatable {
		excluded := flag.spellings()
		for _, other := range all {
			if other.negates == flag.name || flag.negates == other.name && flag.negates != "" {
				excluded = append(excluded, other.spellings()...)
			}
		}
		first = "(" + strings.Join(excluded, " ") + ")"
	}
	var specs []string
	for _, spelling := range flag.spellings() {
		spec := first + spelling
		switch {
		case flag.optional:
			spec += "=-"
		case flag.value != kindNone && strings.HasPrefix(spelling, "--"):
			spec += "="
		case flag.value != kindNone:
			spec += "+"
		}
		spec += "[" + zshEscape(sentence(flag.help), `[]\`) + "]"
		if flag.optional {
			spec += ":"
		}
		if flag.value != kindNone {
			spec += ":" + zshEscape(strings.ToLower(flag.placeholder), `:\`) + ":" + zshAction(flag.value, flag.words)
		}
		specs = append(specs, spec)
	}
	return specs
}

func zshArgument(arg argDoc) []string {
	if arg.rest {
		return []string{"(-)1:command:_command_names -e", "*::argument:_normal"}
	}
	colon := ":"
	if arg.optional {
		colon = "::"
	}
	return []string{colon + zshEscape(strings.ToLower(arg.name), `:\`) + ":" + zshAction(arg.value, arg.words)}
}

func zshAction(kind valueKind, words []string) string {
	switch kind {
	case kindWords:
		escaped := make([]string, len(words))
		for i, word := range words {
			escaped[i] = zshEscape(word, `:\ ()`)
		}
		return "(" + strings.Join(escaped, " ") + ")"
	case kindFile:
		return "_files"
	case kindDir:
		return "_directories"
	case kindEnvironment:
		return "_infuse_ask environments"
	case kindFolder:
		return "_infuse_ask paths"
	case kindURL:
		return "_infuse_url"
	}
	return " "
}

func zshEscape(s, special string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

const zshTemplate = `#compdef infuse
# zsh completion of infuse, printed by: infuse completion zsh

# _infuse_ask environments|paths: what only the server knows. _arguments puts
# its own options for compadd in front.
_infuse_ask() {
    local -a found suffix
    found=(${(f)"$(command infuse __complete "$argv[-1]" zsh "${(Q)PREFIX}" "${infuse_words[@]}" </dev/null 2>/dev/null)"})
    [[ $argv[-1] == paths ]] && suffix=(-S '')
    compadd "${(@)argv[1,-2]}" "${suffix[@]}" -a found
}

# _infuse_url: servers, or the directory behind file:
_infuse_url() {
    if compset -P 'file:'; then
        _directories
        return
    fi
    compadd "$@" -- @CLOUDS@
    compadd "$@" -S '' -- file:
}

_infuse_commands() {
    local -a names
    names=(
@COMMANDS@
    )
    _describe -t commands command names
}

_infuse() {
    local curcontext=$curcontext state line result=1
    local -a infuse_words
    infuse_words=("${(@Q)words[2,CURRENT-1]}")
    _arguments -C \
        '(- : *)'{-h,--help}'[Show help]' \
        '(- : *)--version[Print the version]' \
        @GLOBAL@ \
        '(-): :_infuse_commands' \
        '*:: :->arguments' && result=0
    [[ $state == arguments ]] || return result
    curcontext=${curcontext%:*:*}:infuse-$words[1]:
    case $words[1] in
@CASES@
    esac
    return result
}

if [[ $funcstack[1] == _infuse ]]; then
    _infuse "$@"
else
    compdef _infuse infuse
fi
`
