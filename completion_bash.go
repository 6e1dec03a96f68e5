package main

import (
	"fmt"
	"slices"
	"strings"
)

// bashScript works with and without bash-completion, and with the bash 3.2 of
// macOS. Nothing that comes from a server is ever expanded: `compgen -W` would
// run a $(...) in a folder's name.
func bashScript(docs []commandDoc) string {
	var names, tables strings.Builder
	for _, doc := range docs {
		fmt.Fprintf(&names, " %s", doc.name)
		fmt.Fprintf(&tables, "    %s)\n", doc.name)
		fmt.Fprintf(&tables, "        flags=%s\n", shellQuote(strings.Join(allSpellings(doc.flags, func(flagDoc) bool { return true }), " ")))
		fmt.Fprintf(&tables, "        valued=%s\n", shellQuote(" "+strings.Join(allSpellings(doc.flags, flagDoc.takesValue), " ")+" "))
		for _, arg := range doc.args {
			fmt.Fprintf(&tables, "        argument=%s\n", shellQuote(bashAction(arg.value, arg.words)))
		}
		tables.WriteString("        ;;\n")
	}
	return strings.NewReplacer(
		"@NAMES@", strings.TrimSpace(names.String()),
		"@GLOBAL@", strings.Join(globalValues(), " | "),
		"@TABLES@", strings.TrimRight(tables.String(), "\n"),
		"@VALUES@", strings.TrimRight(bashValues(docs), "\n"),
	).Replace(bashTemplate)
}

func allSpellings(flags []flagDoc, want func(flagDoc) bool) []string {
	var all []string
	for _, flag := range flags {
		if want(flag) {
			all = append(all, flag.spellings()...)
		}
	}
	return all
}

// bashValues are the arms of a case over COMMAND:FLAG, one for each different action.
func bashValues(docs []commandDoc) string {
	var order []string
	patterns := map[string][]string{}
	for _, doc := range docs {
		for _, flag := range doc.flags {
			action := bashAction(flag.value, flag.words)
			if action == "" {
				continue
			}
			if patterns[action] == nil {
				order = append(order, action)
			}
			for _, spelling := range flag.spellings() {
				patterns[action] = append(patterns[action], doc.name+":"+spelling)
			}
		}
	}
	slices.Sort(order)
	var b strings.Builder
	for _, action := range order {
		slices.Sort(patterns[action])
		fmt.Fprintf(&b, "    %s)\n        %s ;;\n", strings.Join(patterns[action], " | "), action)
	}
	return b.String()
}

func bashAction(kind valueKind, words []string) string {
	switch kind {
	case kindWords:
		return "_infuse_add " + strings.Join(words, " ")
	case kindFile:
		return "_infuse_files default -f"
	case kindDir:
		return "_infuse_files dirnames -d"
	case kindEnvironment:
		return "_infuse_ask environments"
	case kindFolder:
		return "_infuse_ask paths"
	case kindURL:
		return "_infuse_url " + strings.Join(words, " ")
	}
	return ""
}

const bashTemplate = `# bash completion of infuse, printed by: infuse completion bash

# _infuse_add WORD...: proposes those that begin with what was typed. Readline
# replaces only what follows the last = or : of the word, so the part before it
# ($kept) is left out.
_infuse_add() {
    local word
    for word; do
        word=$prefix$word
        if [[ $word == "$current"* ]]; then
            COMPREPLY+=("${word#"$kept"}")
        fi
    done
    case ${COMPREPLY[0]} in
    *[:=])
        if ((${#COMPREPLY[@]} == 1)); then compopt -o nospace 2>/dev/null; fi
        ;;
    esac
}

# _infuse_files OPTION ACTION: leaves it to readline, which knows about quotes
# and tildes. bash 3 cannot change its mind here, there compgen has to do.
_infuse_files() {
    local name
    compopt -o "$1" 2>/dev/null && return
    while IFS= read -r name; do
        _infuse_add "$name"
    done < <(compgen "$2" -- "$value")
}

# _infuse_url WORD...: servers, or the directory behind file:
_infuse_url() {
    local name
    case $value in
    file:*)
        compopt -o filenames 2>/dev/null
        while IFS= read -r name; do
            _infuse_add "file:$name"
        done < <(compgen -d -- "${value#file:}")
        ;;
    *) _infuse_add "$@" ;;
    esac
}

# _infuse_ask environments|paths: what only the server knows.
_infuse_ask() {
    local name
    if [[ $1 == paths ]]; then compopt -o nospace 2>/dev/null; fi
    while IFS= read -r name; do
        _infuse_add "$name"
    done < <(command infuse __complete "$1" bash "$value" "${words[@]:1:count-2}" </dev/null 2>/dev/null)
}

# _infuse_command INDEX COLUMN: completes the command line that begins at that
# word of COMP_WORDS and that column of COMP_LINE, as its own command would.
_infuse_command() {
    if declare -F _comp_command_offset >/dev/null; then _comp_command_offset "$1"; return; fi
    if declare -F _command_offset >/dev/null; then _command_offset "$1"; return; fi
    local name spec function
    if (($1 == COMP_CWORD)); then
        compopt -o filenames 2>/dev/null
        while IFS= read -r name; do
            COMPREPLY+=("$name")
        done < <(compgen -c -- "$current"; case $current in */*) compgen -d -- "$current" ;; esac)
        return
    fi
    COMP_LINE=${COMP_LINE:$2}
    ((COMP_POINT -= $2))
    COMP_WORDS=("${COMP_WORDS[@]:$1}")
    ((COMP_CWORD -= $1))
    name=${COMP_WORDS[0]}
    spec=$(complete -p -- "$name" 2>/dev/null || complete -p -- "${name##*/}" 2>/dev/null)
    case $spec in
    *' -F '*)
        function=${spec#* -F }
        "${function%% *}" "$name" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        ;;
    complete*' -W '*)
        spec=${spec#complete }
        spec=${spec% *}
        while IFS= read -r name; do
            COMPREPLY+=("$name")
        done < <(eval "compgen $spec -- \"\$current\"")
        ;;
    *) compopt -o default 2>/dev/null ;;
    esac
}

_infuse() {
    COMPREPLY=()
    local IFS=$' \t\n'
    # Readline also cuts words at = and : (COMP_WORDBREAKS). What stands together
    # without a blank is put together again, up to the cursor.
    local -a words starts columns
    words=() starts=() columns=()
    local line=${COMP_LINE:0:COMP_POINT} length=$COMP_POINT count=0 i word
    for ((i = 0; i <= COMP_CWORD; i++)); do
        case $line in
        [[:space:]]*) word=new ;;
        *) if ((i > 0)); then word=; else word=new; fi ;;
        esac
        if [[ $word ]]; then
            line=${line#"${line%%[![:space:]]*}"}
            starts[count]=$i
            columns[count]=$((length - ${#line}))
            words[count++]=
        fi
        if ((i == COMP_CWORD)); then word=$line; else word=${COMP_WORDS[i]}; fi
        words[count-1]+=$word
        line=${line#"$word"}
    done
    local current=${words[count-1]} prefix= kept= value
    value=$current
    local breaks=
    case $COMP_WORDBREAKS in *=*) breaks+== ;; esac
    case $COMP_WORDBREAKS in *:*) breaks+=: ;; esac
    if [[ $breaks && $current == *[$breaks]* ]]; then
        kept=${current%"${current##*[$breaks]}"}
    fi

    local command= flags= valued= argument=
    for ((i = 1; i < count - 1; i++)); do
        case ${words[i]} in
        @GLOBAL@) ((i++)) ;;
        --) return ;;
        -*) ;;
        *) command=${words[i]}; break ;;
        esac
    done
    case $command in
@TABLES@
    *)
        _infuse_add @NAMES@ --help --version
        return
        ;;
    esac

    local flag= ended=
    for ((i++; i < count - 1; i++)); do
        word=${words[i]}
        if [[ $ended ]]; then continue; fi
        if [[ $flag ]]; then flag=; continue; fi
        case $word in
        --)
            ended=1
            if [[ $command == run ]]; then _infuse_command "${starts[i+1]}" "${columns[i+1]}"; return; fi
            ;;
        -*) case $valued in *" $word "*) flag=$word ;; esac ;;
        *) if [[ $command == run ]]; then _infuse_command "${starts[i]}" "${columns[i]}"; return; fi ;;
        esac
    done
    if [[ ! $flag && ! $ended ]]; then
        case $current in
        --*=*)
            flag=${current%%=*}
            prefix=$flag=
            value=${current#*=}
            ;;
        -*)
            _infuse_add $flags
            return
            ;;
        esac
    fi
    if [[ ! $flag ]]; then
        if [[ $command == run ]]; then
            _infuse_command "${starts[count-1]}" "${columns[count-1]}"
        elif [[ $argument ]]; then
            $argument
        fi
        return
    fi
    case $command:$flag in
@VALUES@
    esac
}

complete -F _infuse infuse
`
