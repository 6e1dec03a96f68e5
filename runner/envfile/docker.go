package envfile

import (
	"bufio"
	"strings"
	"unicode"
)

// docker is the env-file of docker run and podman run: NAME=VALUE, one a line,
// nothing quoted and nothing escaped
// (https://pkg.go.dev/github.com/docker/cli/pkg/kvfile).
var docker = dialect{
	Format: Format{Name: "docker", Reader: "docker run --env-file, podman run --env-file"},
	name:   dockerName,
	value:  dockerValue,
	line: func(name, value string) string {
		// The readers' bufio.Scanner gives up on a longer line.
		if len(name)+1+len(value) >= bufio.MaxScanTokenSize-1 {
			return "the line would have more than 65534 bytes"
		}
		return ""
	},
	entry: func(dst []byte, it item) []byte {
		dst = append(append(dst, it.name...), '=')
		return append(append(dst, it.value...), '\n')
	},
}

func dockerName(name string) string {
	if why := utf8Name(name); why != "" {
		return why
	}
	switch {
	case name[0] == '#':
		return "the name begins with #"
	case strings.IndexFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '=' || r == '\ufeff' }) >= 0:
		return "the name holds a blank, a control character or ="
	}
	return ""
}

func dockerValue(value string) string {
	if why := textValue(value); why != "" {
		return why
	}
	switch {
	case strings.IndexByte(value, '\n') >= 0:
		return whyNewline
	case strings.HasSuffix(value, "\r"):
		return "the value ends in a carriage return"
	}
	return ""
}
