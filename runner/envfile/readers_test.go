package envfile

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	composedotenv "github.com/compose-spec/compose-go/v2/dotenv"
	goccy "github.com/goccy/go-yaml"
	"github.com/joho/godotenv"
	gotoml "github.com/pelletier/go-toml/v2"
	yamlv3 "go.yaml.in/yaml/v3"
)

// reader parses a file of one format the way a program in the wild does.
type reader struct {
	name   string
	format string
	read   func(file []byte) (map[string]string, error)
}

// libraries are the readers that run inside the test.
var libraries = []reader{
	{"joho/godotenv", "dotenv", func(file []byte) (map[string]string, error) { return godotenv.UnmarshalBytes(file) }},
	{"compose-go", "dotenv", func(file []byte) (map[string]string, error) {
		return composedotenv.Parse(bytes.NewReader(file))
	}},
	{"docker's grammar", "docker", readDocker},
	{"systemd's grammar", "systemd", readSystemd},
	{"encoding/json", "json", readJSON},
	{"encoding/json", "infisical-json", readInfisicalJSON},
	{"go.yaml.in/yaml/v3", "yaml", readYAMLv3},
	{"goccy/go-yaml", "yaml", readGoccy},
	{"pelletier/go-toml", "toml", readTOML},
	{"encoding/csv", "csv", readCSV},
	{"java's grammar", "properties", readProperties},
	{"go.yaml.in/yaml/v3", "k8s-secret", readSecret},
	{"the runner's grammar", "github-actions", readGitHub},
	{"PowerShell's grammar", "powershell", readPowerShell},
}

// readDocker is the grammar that docker/cli documents for pkg/kvfile.
func readDocker(file []byte) (map[string]string, error) {
	vars := map[string]string{}
	scanner := bufio.NewScanner(bytes.NewReader(file))
	for n := 0; scanner.Scan(); n++ {
		line := scanner.Text()
		if !utf8.ValidString(line) {
			return nil, fmt.Errorf("line %d is not UTF-8", n)
		}
		if n == 0 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if name == "" || !found || strings.ContainsAny(name, " \t\x00") {
			return nil, fmt.Errorf("line %d is no NAME=VALUE", n)
		}
		vars[name] = value
	}
	return vars, scanner.Err()
}

// readSystemd is the grammar of systemd.exec(5) EnvironmentFile= in full, with
// what systemd then drops: names and values that are no environment.
func readSystemd(file []byte) (map[string]string, error) {
	vars := map[string]string{}
	const blanks = " \t\n\r"
	s := string(file)
	for i := 0; i < len(s); {
		if strings.IndexByte(blanks, s[i]) >= 0 {
			i++
			continue
		}
		if s[i] == '#' || s[i] == ';' {
			for i < len(s) && s[i] != '\n' {
				if s[i] == '\\' {
					i++
				}
				i++
			}
			continue
		}
		eq := strings.IndexAny(s[i:], "=\n\r")
		if eq < 0 || s[i+eq] != '=' {
			return nil, fmt.Errorf("no = at %d", i)
		}
		name := strings.TrimRight(s[i:i+eq], blanks)
		i += eq + 1
		var value strings.Builder
		end := 0 // of the value without trailing blanks
		inside := false
	scan:
		for ; i < len(s); i++ {
			switch c := s[i]; {
			case c == '\n' || c == '\r':
				break scan
			case !inside && (c == '\'' || c == '"'):
				for i++; i < len(s) && s[i] != c; i++ {
					if c == '"' && s[i] == '\\' && i+1 < len(s) {
						i++
						if strings.IndexByte("\"\\`$", s[i]) < 0 {
							if s[i] == '\n' {
								continue
							}
							value.WriteByte('\\')
						}
					}
					value.WriteByte(s[i])
				}
				end = value.Len()
			case c == '\\':
				if i++; i < len(s) && s[i] != '\n' {
					value.WriteByte(s[i])
				}
				inside, end = true, value.Len()
			case !inside && (c == ' ' || c == '\t'):
			default:
				inside = true
				value.WriteByte(c)
				if c != ' ' && c != '\t' {
					end = value.Len()
				}
			}
		}
		v := value.String()[:end]
		if !utf8.ValidString(v) || strings.ContainsFunc(v, noncharacter) {
			return nil, fmt.Errorf("%s is not UTF-8 for systemd", name)
		}
		if posixName(name) == "" && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 127 }) {
			vars[name] = v
		}
	}
	return vars, nil
}

func readJSON(file []byte) (map[string]string, error) {
	var vars map[string]string
	err := json.Unmarshal(file, &vars)
	return vars, err
}

func readInfisicalJSON(file []byte) (map[string]string, error) {
	var list []struct{ Key, Value string }
	err := json.Unmarshal(file, &list)
	vars := map[string]string{}
	for _, v := range list {
		vars[v.Key] = v.Value
	}
	return vars, err
}

// readYAMLv3 decodes into any, so that a value that is not a string shows.
func readYAMLv3(file []byte) (map[string]string, error) {
	var doc map[string]any
	if err := yamlv3.Unmarshal(file, &doc); err != nil {
		return nil, err
	}
	return stringsOnly(doc)
}

func readGoccy(file []byte) (map[string]string, error) {
	var doc map[string]any
	if err := goccy.Unmarshal(file, &doc); err != nil {
		return nil, err
	}
	return stringsOnly(doc)
}

func readTOML(file []byte) (map[string]string, error) {
	var doc map[string]any
	if err := gotoml.Unmarshal(file, &doc); err != nil {
		return nil, err
	}
	return stringsOnly(doc)
}

func stringsOnly(doc map[string]any) (map[string]string, error) {
	vars := map[string]string{}
	for name, v := range doc {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%q is a %T", name, v)
		}
		vars[name] = s
	}
	return vars, nil
}

func readCSV(file []byte) (map[string]string, error) {
	rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		return nil, err
	}
	vars := map[string]string{}
	for i, row := range rows {
		if i == 0 {
			if strings.Join(row, ",") != "Key,Value" {
				return nil, fmt.Errorf("the header is %q", row)
			}
			continue
		}
		vars[row[0]] = row[1]
	}
	return vars, nil
}

// readProperties is the grammar of java.util.Properties.load(InputStream), for
// files without continued lines.
func readProperties(file []byte) (map[string]string, error) {
	vars := map[string]string{}
	for line := range strings.Lines(string(file)) {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\n"), " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		if strings.TrimRight(line, "\\") != line && (len(line)-len(strings.TrimRight(line, "\\")))%2 == 1 {
			return nil, fmt.Errorf("a continued line: %q", line)
		}
		end := 0
		for end < len(line) && strings.IndexByte(" \t\f:=", line[end]) < 0 {
			if line[end] == '\\' {
				end++
			}
			end++
		}
		value := strings.TrimLeft(line[end:], " \t\f")
		if value != "" && (value[0] == '=' || value[0] == ':') {
			value = strings.TrimLeft(value[1:], " \t\f")
		}
		name, err := unescapeProperty(line[:end])
		if err != nil {
			return nil, err
		}
		if vars[name], err = unescapeProperty(value); err != nil {
			return nil, err
		}
	}
	return vars, nil
}

func unescapeProperty(s string) (string, error) {
	var units []uint16
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' {
			units = append(units, uint16(c)) // Latin-1
			continue
		}
		i++
		switch s[i] {
		case 't', 'n', 'r', 'f':
			units = append(units, uint16("\t\n\r\f"[strings.IndexByte("tnrf", s[i])]))
		case 'u':
			unit, err := strconv.ParseUint(s[i+1:i+5], 16, 16)
			if err != nil {
				return "", err
			}
			units, i = append(units, uint16(unit)), i+4
		default:
			units = append(units, uint16(s[i]))
		}
	}
	return string(utf16.Decode(units)), nil
}

func readSecret(file []byte) (map[string]string, error) {
	var doc struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
		Data       map[string]string
	}
	if err := yamlv3.Unmarshal(file, &doc); err != nil {
		return nil, err
	}
	if doc.APIVersion != "v1" || doc.Kind != "Secret" || doc.Metadata.Name != "infuse" {
		return nil, fmt.Errorf("not a Secret: %+v", doc)
	}
	return decodeData(doc.Data)
}

func decodeData(data map[string]string) (map[string]string, error) {
	vars := map[string]string{}
	for name, encoded := range data {
		value, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, err
		}
		vars[name] = string(value)
	}
	return vars, nil
}

// readGitHub is SetEnvFileCommand of actions/runner.
func readGitHub(file []byte) (map[string]string, error) {
	if !utf8.Valid(file) {
		return nil, fmt.Errorf("not UTF-8")
	}
	vars := map[string]string{}
	rest := strings.TrimPrefix(string(file), "\ufeff")
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		if line == "" {
			continue
		}
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		if heredoc < 0 || equals >= 0 && equals < heredoc {
			return nil, fmt.Errorf("not a heredoc: %q", line)
		}
		name, delimiter := line[:heredoc], line[heredoc+2:]
		if name == "" || delimiter == "" {
			return nil, fmt.Errorf("no name or delimiter: %q", line)
		}
		var value []string
		for {
			next, after, newline := strings.Cut(rest, "\n")
			if next == delimiter {
				rest = after
				break
			}
			if !newline {
				return nil, fmt.Errorf("no end of %q", name)
			}
			value, rest = append(value, next), after
		}
		vars[name] = strings.Join(value, "\n")
	}
	return vars, nil
}

// readPowerShell is the part of PowerShell's grammar that the dialect uses
// (about_Quoting_Rules, about_Variables) and .NET's Regex.Unescape. Like Windows
// PowerShell it takes bytes for characters of an ANSI code page, and like
// Invoke-Expression in a pipeline it takes line by line.
func readPowerShell(file []byte) (map[string]string, error) {
	vars := map[string]string{}
	for line := range strings.Lines(string(file)) {
		line, ok := strings.CutSuffix(line, "\n")
		name, value, found := strings.Cut(line, "} = ")
		name, prefixed := strings.CutPrefix(name, "${env:")
		if !ok || !found || !prefixed || name == "" || strings.ContainsAny(name, "{}`") {
			return nil, fmt.Errorf("not an assignment: %q", line)
		}
		inner, unescape := strings.CutPrefix(value, "[regex]::Unescape(")
		if unescape {
			if inner, ok = strings.CutSuffix(inner, ")"); !ok {
				return nil, fmt.Errorf("no closing parenthesis: %q", line)
			}
		}
		s, err := powerShellString(inner)
		if err != nil {
			return nil, err
		}
		if unescape {
			if s, err = regexUnescape(s); err != nil {
				return nil, err
			}
		}
		if s == "" {
			continue // the variable is removed
		}
		vars[name] = s
	}
	return vars, nil
}

func powerShellString(s string) (string, error) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return "", fmt.Errorf("not a single-quoted string: %q", s)
	}
	var out strings.Builder
	for s = s[1 : len(s)-1]; s != ""; s = s[1:] {
		if s[0] >= 0x7f || s[0] < ' ' {
			return "", fmt.Errorf("not ASCII: %q", s)
		}
		if s[0] == '\'' {
			if len(s) < 2 || s[1] != '\'' {
				return "", fmt.Errorf("the string ends early: %q", s)
			}
			s = s[1:]
		}
		out.WriteByte(s[0])
	}
	return out.String(), nil
}

// regexUnescape knows \\ and \uXXXX; the dialect writes nothing else.
func regexUnescape(s string) (string, error) {
	var quoted strings.Builder
	quoted.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted.WriteString(`\"`)
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\\' || s[i+1] == 'u'):
			quoted.WriteString(s[i : i+2])
			i++
		case s[i] == '\\':
			return "", fmt.Errorf("an escape that is not known: %q", s[i:])
		default:
			quoted.WriteByte(s[i])
		}
	}
	quoted.WriteByte('"')
	var out string
	err := json.Unmarshal([]byte(quoted.String()), &out)
	return out, err
}
