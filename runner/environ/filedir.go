package environ

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Dir writes secrets as files, DIR/NAME with mode 0400, in the layout of a
// Kubernetes volume: each NAME is a link to ..data/NAME, and ..data is a link to
// the directory of one generation. A new generation is swapped in by one
// rename, so that a reader sees the old set or the new one and never a mixture,
// and a program that watches the directory (for "..data", as those for
// Kubernetes do) is told once. Two writers of one directory take turns.
//
// Where links need a privilege (Windows), every file is replaced on its own.
type Dir struct {
	Path string // made if it is missing, with mode 0700

	written []string // by the last Write: where there are no links, nothing else tells what is ours
}

const (
	dataLink         = "..data"
	generationPrefix = "..data-"
)

// Write makes the directory hold exactly files. It reports whether it had to
// change anything. Names that cannot be files (empty, ".", "..", a leading
// "..", a slash) are refused with a [*RefusedError] before anything is written;
// so is a file of somebody else that stands in the way.
func (d *Dir) Write(files []Entry) (changed bool, err error) {
	if err := CheckFileNames(files); err != nil {
		return false, err
	}
	changed, err = d.write(files)
	if err != nil {
		return changed, fmt.Errorf("writing secrets to %s: %w", d.Path, err)
	}
	d.written = make([]string, len(files))
	for i := range files {
		d.written[i] = files[i].Name
	}
	return changed, nil
}

// CheckFileNames is the part of [Dir.Write] that refuses names.
func CheckFileNames(files []Entry) error {
	var refused []Refusal
	for i := range files {
		if why := badFileName(files[i].Name); why != "" {
			refused = append(refused, Refusal{files[i].Name, files[i].origin(), why})
		}
	}
	if refused != nil {
		return &RefusedError{refused}
	}
	return nil
}

// badFileName says why name is no file of a Dir, or "".
func badFileName(name string) string {
	switch {
	case name == "" || name == ".":
		return "not the name of a file"
	case strings.HasPrefix(name, ".."):
		return `a file name cannot begin with ".." here`
	case strings.ContainsAny(name, "/\x00"):
		return "a file name cannot hold a slash or NUL"
	case len(name) > 255:
		return "a file name cannot have more than 255 bytes"
	case !filepath.IsLocal(name) || strings.ContainsAny(name, string(filepath.Separator)):
		return "not the name of a file on this system"
	}
	return ""
}
