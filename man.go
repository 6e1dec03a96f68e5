package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"

	"infuse/creds"
)

// manCommand is `infuse man`: the manual page, made from the same grammar that
// parses the command line, so that it cannot say anything else.
type manCommand struct {
	messageFlags
}

func (c *manCommand) messages() *messageFlags { return &c.messageFlags }

func (*manCommand) Help() string {
	return `Examples:
  infuse man | man -l -
  infuse man > /usr/local/share/man/man1/infuse.1`
}

func (c *manCommand) run(_ context.Context, p *program) error {
	docs, err := describeGrammar(p)
	if err != nil {
		return err
	}
	_, err = io.WriteString(p.stdout, manPage(docs, version))
	return err
}

// manPage writes the page in the macros of man(7). It depends on nothing but
// its arguments: no date, no terminal.
func manPage(docs []commandDoc, version string) string {
	docs = slices.Clone(docs)
	sort.Slice(docs, func(i, j int) bool { return docs[i].name < docs[j].name }) // slices.SortFunc costs 15 KB for every type
	r := new(roff)
	r.line(".TH INFUSE 1 \"\" %s \"User Commands\"", roffArgument("infuse "+version))
	r.line(".nh\n.ad l")
	r.section("NAME")
	r.text("infuse - start a program with its team's Infisical secrets in its environment")
	r.section("SYNOPSIS")
	for _, doc := range docs {
		r.line(".PP\n\\fBinfuse %s\\fR%s", roffEscape(doc.name), r.synopsis(doc))
	}
	r.section("DESCRIPTION")
	for _, paragraph := range manDescription() {
		r.line(".PP")
		r.text(paragraph)
	}
	groups := sharedGroups(docs)
	r.section("COMMANDS")
	for _, doc := range docs {
		r.command(doc, groups)
	}
	r.section("OPTIONS")
	r.text("Those that several commands take. \\-\\-help prints a command's own list.")
	for _, group := range groups {
		r.line(".SS %s", roffArgument(group.title))
		for _, flag := range group.flags {
			if flag.negates == "" {
				r.flag(flag)
			}
		}
	}
	r.section("EXIT STATUS")
	r.terms(manStatuses())
	r.section("ENVIRONMENT")
	r.environment(docs)
	r.section("FILES")
	r.terms(manFiles())
	r.section("EXAMPLES")
	for _, doc := range docs {
		_, examples := splitExamples(doc.detail)
		r.example(examples)
	}
	r.section("SEE ALSO")
	r.line("\\fBenv\\fR(1), \\fBexecve\\fR(2), \\fBsystemd.exec\\fR(5), \\fBenviron\\fR(7)")
	return r.String()
}

// optionGroup is a group of flags that more than one command has.
type optionGroup struct {
	title string
	flags []flagDoc
}

// sharedGroups are the groups that every command which has them has in full.
func sharedGroups(docs []commandDoc) []optionGroup {
	count := map[string]int{}
	flags := map[string][]flagDoc{}
	same := map[string]bool{}
	for _, doc := range docs {
		for title, mine := range groupsOf(doc) {
			count[title]++
			if count[title] == 1 {
				flags[title], same[title] = mine, true
			} else {
				same[title] = same[title] && slices.EqualFunc(flags[title], mine, func(a, b flagDoc) bool { return a.name == b.name && a.help == b.help })
			}
		}
	}
	var groups []optionGroup
	for title, n := range count {
		if n > 1 && same[title] {
			groups = append(groups, optionGroup{title, flags[title]})
		}
	}
	sort.Slice(groups, func(i, j int) bool { return groups[i].title < groups[j].title })
	return groups
}

func groupsOf(doc commandDoc) map[string][]flagDoc {
	groups := map[string][]flagDoc{}
	for _, flag := range doc.flags {
		if flag.group != "" {
			groups[flag.group] = append(groups[flag.group], flag)
		}
	}
	return groups
}

// roff collects a page.
type roff struct{ strings.Builder }

func (r *roff) line(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

func (r *roff) section(title string) { r.line(".SH %s", roffArgument(title)) }

// text writes running text, whose markup is already that of roff.
func (r *roff) text(s string) {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	r.line("%s", s)
}

func (r *roff) synopsis(doc commandDoc) string {
	text := ""
	if len(doc.flags) > 0 {
		text = " [\\fIoptions\\fR]"
	}
	for _, arg := range doc.args {
		name := "\\fI" + roffEscape(arg.name) + "\\fR"
		switch {
		case arg.rest:
			name = `\-\- \fICOMMAND\fR [\fIARG\fR ...]`
		case len(arg.words) > 0:
			name = "\\fB" + roffEscape(strings.Join(arg.words, "|")) + "\\fR"
		case arg.optional:
			name = "[" + name + "]"
		}
		text += " " + name
	}
	return text
}

func (r *roff) command(doc commandDoc, shared []optionGroup) {
	r.line(".SS %s", roffArgument("infuse "+doc.name))
	r.text(roffEscape(doc.help))
	detail, _ := splitExamples(doc.detail)
	for _, paragraph := range strings.Split(detail, "\n\n") {
		if paragraph = strings.Join(strings.Fields(paragraph), " "); paragraph != "" {
			r.line(".PP")
			r.text(roffEscape(paragraph))
		}
	}
	for _, arg := range doc.args {
		r.line(".TP\n\\fI%s\\fR", roffEscape(arg.name))
		r.text(roffEscape(arg.help))
	}
	var titles []string
	for _, flag := range doc.flags {
		i := slices.IndexFunc(shared, func(g optionGroup) bool { return g.title == flag.group })
		switch {
		case flag.negates != "": // said with its flag
		case i < 0:
			r.flag(flag)
		case !slices.Contains(titles, flag.group):
			titles = append(titles, flag.group)
		}
	}
	if len(titles) > 0 {
		slices.Sort(titles)
		r.line(".PP")
		r.text("Also takes, see OPTIONS: " + roffEscape(strings.Join(titles, ", ")) + ".")
	}
}

func (r *roff) flag(flag flagDoc) {
	var forms []string
	for _, spelling := range flag.spellings() {
		form := "\\fB" + roffEscape(spelling) + "\\fR"
		if flag.negatable && strings.HasPrefix(spelling, "--") {
			form = `\fB\-\-\fR[\fBno\-\fR]\fB` + roffEscape(flag.name) + `\fR`
		}
		if flag.value != kindNone && strings.HasPrefix(spelling, "--") {
			value := "=\\fI" + roffEscape(flag.placeholder) + "\\fR"
			if flag.optional {
				value = "[" + value + "]"
			}
			form += value
		}
		forms = append(forms, form)
	}
	r.line(".TP\n%s", strings.Join(forms, ", "))
	r.text(roffEscape(flag.help))
}

func (r *roff) terms(terms [][2]string) {
	for _, term := range terms {
		r.line(".TP\n\\fB%s\\fR", roffEscape(term[0]))
		r.text(roffEscape(term[1]))
	}
}

func (r *roff) example(lines []string) {
	if len(lines) == 0 {
		return
	}
	r.line(".PP\n.RS 2\n.nf")
	for _, line := range lines {
		r.text(roffEscape(line))
	}
	r.line(".fi\n.RE")
}

// environment lists the variables that set a flag, and the others.
func (r *roff) environment(docs []commandDoc) {
	r.text(roffEscape("Every option can be set as INFUSE_ followed by its name in capitals with _ for -, such as INFUSE_WATCH_INTERVAL for " +
		"--watch-interval; except --help, --dry-run, --command, export --watch and those that carry a credential. " +
		"The order is: command line, INFUSE_..., INFISICAL_..., .infisical.json. An empty variable is as good as none."))
	flags := map[string]string{}
	for _, doc := range docs {
		for _, flag := range doc.flags {
			for _, variable := range flag.variables {
				if !strings.HasPrefix(variable, "INFUSE_") {
					flags[variable] = "Sets --" + flag.name + "."
				}
			}
		}
	}
	for _, variable := range manVariables() {
		flags[variable[0]] = variable[1]
	}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		r.terms([][2]string{{name, flags[name]}})
	}
	credentials := slices.Clone(creds.EnvironmentNames())
	credentials = slices.DeleteFunc(credentials, func(name string) bool { return flags[name] != "" })
	slices.Sort(credentials)
	r.line(".PP")
	r.text(roffEscape("These carry a credential or point to one. `infuse whoami` says which one counts; none is passed on to COMMAND unless --pass-credentials is given: " +
		strings.Join(credentials, ", ") + "."))
}

// splitExamples takes the indented lines below "Examples:", or "Example, where
// it is for:", off a help text.
func splitExamples(detail string) (text string, examples []string) {
	exampleHeading := regexp.MustCompile(`(?m)^Examples?(?:, (.*))?:\n`)
	at := exampleHeading.FindStringSubmatchIndex(detail)
	if at == nil {
		return detail, nil
	}
	if at[2] >= 0 {
		examples = append(examples, "# "+detail[at[2]:at[3]])
	}
	lines := strings.Split(detail[at[1]:], "\n")
	for len(lines) > 0 && strings.HasPrefix(lines[0], "  ") {
		examples = append(examples, strings.TrimPrefix(lines[0], "  "))
		lines = lines[1:]
	}
	return detail[:at[0]] + strings.Join(lines, "\n"), examples
}

// roffEscape makes text literal: the backslash, and the characters that roff
// would set as typographic ones (groff_char(7)).
func roffEscape(s string) string {
	return strings.NewReplacer(
		`\`, `\(rs`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`,
	).Replace(s)
}

func roffArgument(s string) string { return `"` + roffEscape(s) + `"` }
