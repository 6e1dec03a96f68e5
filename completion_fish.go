package main

import (
	"fmt"
	"strings"
)

// fishScript is a list of `complete` lines; fish itself filters and sorts.
// https://fishshell.com/docs/current/completions.html
func fishScript(docs []commandDoc) string {
	var lines, valued strings.Builder
	for _, doc := range docs {
		fmt.Fprintf(&lines, "\ncomplete -c infuse -n __infuse_no_command -a %s -d %s\n", doc.name, fishQuote(sentence(doc.help)))
		condition := fishQuote("__infuse_flags_of " + doc.name)
		for _, flag := range doc.flags {
			fmt.Fprintf(&lines, "complete -c infuse -n %s", condition)
			if flag.short != "" {
				fmt.Fprintf(&lines, " -s %s", flag.short)
			}
			fmt.Fprintf(&lines, " -l %s%s -d %s\n", flag.name, fishValue(flag.value, flag.words, flag.optional), fishQuote(sentence(flag.help)))
		}
		for _, arg := range doc.args {
			if action := fishValue(arg.value, arg.words, true); action != "" && !arg.rest {
				fmt.Fprintf(&lines, "complete -c infuse -n %s%s\n", fishQuote("__infuse_in "+doc.name), action)
			}
		}
		fmt.Fprintf(&valued, "        case %s\n            set valued %s\n", doc.name, strings.Join(allSpellings(doc.flags, flagDoc.takesValue), " "))
	}
	return strings.NewReplacer(
		"@GLOBAL@", strings.Join(globalValues(), " "),
		"@VALUED@", strings.TrimRight(valued.String(), "\n"),
		"@CLOUDS@", strings.Join(knownClouds(), " "),
		"@LINES@", strings.TrimSpace(lines.String()),
	).Replace(fishTemplate)
}

// fishValue are the options of `complete` for a value: -x takes no files.
func fishValue(kind valueKind, words []string, optional bool) string {
	required := " -x"
	if optional {
		required = ""
	}
	switch kind {
	case kindNone:
		return ""
	case kindWords:
		return required + " -a " + fishQuote(strings.Join(words, " "))
	case kindFile:
		return " -r -F"
	case kindDir:
		return required + " -a '(__fish_complete_directories (__infuse_value))'"
	case kindEnvironment:
		return required + " -a '(__infuse_ask environments)'"
	case kindFolder:
		return required + " -a '(__infuse_ask paths)'"
	case kindURL:
		return required + " -a '(__infuse_url)'"
	}
	return required
}

// fishQuote: only the quote and the backslash are special between single quotes.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

const fishTemplate = `# fish completion of infuse, printed by: infuse completion fish

# __infuse_split prints the command and what of it is behind the flags of infuse:
# the name, then, where COMMAND may stand, "rest" and the words of COMMAND.
function __infuse_split
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case @GLOBAL@
                set -e words[1]
                set -e words[1]
            case '-*'
                set -e words[1]
            case '*'
                break
        end
    end
    set -q words[1]; or return 1
    set -l name $words[1]
    set -e words[1]
    echo $name
    test $name = run; or return 0
    set -l valued
    switch $name
@VALUED@
    end
    while set -q words[1]
        if contains -- $words[1] $valued
            # the value of a flag is being typed, or was
            set -q words[2]; or return 0
            set -e words[1]
            set -e words[1]
            continue
        end
        switch $words[1]
            case --
                set -e words[1]
                echo rest
                break
            case '-*'
                set -e words[1]
            case '*'
                echo rest
                break
        end
    end
    set -q words[1]; and printf '%s\n' $words
    return 0
end

function __infuse_no_command
    not __infuse_split >/dev/null
end

# __infuse_in NAME: that command is being typed.
function __infuse_in
    set -l split (__infuse_split)
    test "$split[1]" = $argv[1]
end

# __infuse_flags_of NAME: ... and the cursor is before COMMAND.
function __infuse_flags_of
    set -l split (__infuse_split)
    test "$split[1]" = $argv[1]; and test "$split[2]" != rest
end

# __infuse_rest: the cursor is where COMMAND or one of its arguments stands.
function __infuse_rest
    set -l split (__infuse_split)
    test "$split[1]" = run; or return 1
    test "$split[2]" = rest; and return 0
    not string match -q -- '-*' (commandline -ct)
end

function __infuse_command
    set -l split (__infuse_split)
    set -l line (string escape -- $split[3..]) (commandline -ct)
    complete --do-complete=(string join ' ' -- $line)
end

# __infuse_value is the value being typed, without --flag=.
function __infuse_value
    commandline -ct | string replace -r -- '^--[a-z-]+=' ''
end

# __infuse_ask environments|paths: what only the server knows.
function __infuse_ask
    set -l words (commandline -opc)
    command infuse __complete $argv[1] fish (__infuse_value) $words[2..] </dev/null 2>/dev/null
end

# __infuse_url: servers, or the directory behind file:
function __infuse_url
    set -l value (__infuse_value)
    if string match -q -- 'file:*' $value
        printf 'file:%s\n' (__fish_complete_directories (string replace -- file: '' $value))
    else
        printf '%s\n' @CLOUDS@ file:
    end
end

complete -c infuse -e
complete -c infuse -f
complete -c infuse -n __infuse_no_command -s h -l help -d 'Show help'
complete -c infuse -n __infuse_no_command -l version -d 'Print the version'
complete -c infuse -n __infuse_rest -x -a '(__infuse_command)'

@LINES@
`
