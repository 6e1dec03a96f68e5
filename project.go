package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// projectFileName is the file `infisical init` writes.
const projectFileName = ".infisical.json"

// projectFile is .infisical.json as the official CLI writes it, and the key
// "infuse" with settings for a team.
type projectFile struct {
	File               string            `json:"-"`
	WorkspaceID        string            `json:"workspaceId"`
	DefaultEnvironment string            `json:"defaultEnvironment"`
	DefaultSecretPath  string            `json:"defaultSecretPath"`
	Domain             string            `json:"domain"`
	Branches           map[string]string `json:"gitBranchToEnvironmentMapping"`
	Infuse             map[string]any    `json:"infuse"`
}

// findProject reads .infisical.json of dir or, unless only, of the nearest
// directory above it. No file is no error: nil.
func findProject(dir string, only bool) (*projectFile, error) {
	for {
		file := filepath.Join(dir, projectFileName)
		body, err := os.ReadFile(file)
		switch {
		case err == nil:
			return readProject(file, body)
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return nil, readError(err)
		case errors.Is(err, fs.ErrPermission) && only:
			return nil, readError(err)
		}
		up := filepath.Dir(dir)
		if only || up == dir {
			return nil, nil
		}
		dir = up
	}
}

func readProject(file string, body []byte) (*projectFile, error) {
	project := &projectFile{File: file}
	if err := json.Unmarshal(body, project); err != nil {
		return nil, hinted(fmt.Errorf("reading %s: %s", file, jsonReason(err)),
			"repair the file, or pass --config-dir to name the directory of another one")
	}
	for name := range project.Infuse {
		if neverFromProject[name] {
			return nil, hinted(fmt.Errorf("reading %s: %q must not be set under the key infuse", file, name),
				"a checked-in file could send credentials elsewhere or run code with it; use --"+name)
		}
	}
	return project, nil
}

// jsonReason words a decoding error by its place, without quoting the input.
func jsonReason(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what := kind.Field
		if what == "" {
			what = "the whole"
		}
		return what + " must be " + jsonKind(kind.Type.Kind())
	}
	return "not JSON"
}

// jsonKind is the JSON of a Go kind, in words.
func jsonKind(kind reflect.Kind) string {
	switch kind {
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	}
	return "a number"
}

// environment is the environment that the branch maps to, else the default
// one. The whole branch name counts first, then its last segment as in the
// official CLI; a `*` in the mapping stands for anything, the longest such
// pattern first.
func (f *projectFile) environment(branch string) string {
	if branch == "" {
		return f.DefaultEnvironment
	}
	for _, name := range []string{branch, path.Base(branch)} {
		if env := f.Branches[name]; env != "" {
			return env
		}
	}
	patterns := make([]string, 0, len(f.Branches))
	for pattern := range f.Branches {
		patterns = append(patterns, pattern)
	}
	slices.SortFunc(patterns, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	for _, pattern := range patterns {
		if f.Branches[pattern] != "" && matchBranch(pattern, branch) {
			return f.Branches[pattern]
		}
	}
	return f.DefaultEnvironment
}

// matchBranch matches * against any run of characters, slashes too: release/*
// means release/1/rc as well.
func matchBranch(pattern, branch string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return false
	}
	rest, ok := strings.CutPrefix(branch, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// branch is the git branch checked out in dir, read from .git/HEAD as
// gitrepository-layout(5) describes it, without running git. On a detached
// HEAD (a CI checkout) the variables of the usual CI systems name it.
func branch(dir string, getenv func(string) string) string {
	if head, ok := strings.CutPrefix(gitHead(dir), "ref: refs/heads/"); ok {
		return head
	}
	for _, name := range []string{"GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME", "BUILDKITE_BRANCH", "CIRCLE_BRANCH", "BITBUCKET_BRANCH"} {
		if value := getenv(name); value != "" {
			return value
		}
	}
	return ""
}

func gitHead(dir string) string {
	for {
		git := filepath.Join(dir, ".git")
		if info, err := os.Stat(git); err == nil {
			if !info.IsDir() { // a worktree or a submodule: "gitdir: PATH"
				body, _ := os.ReadFile(git)
				to, ok := strings.CutPrefix(strings.TrimSpace(string(body)), "gitdir: ")
				if !ok {
					return ""
				}
				if !filepath.IsAbs(to) {
					to = filepath.Join(dir, to)
				}
				git = to
			}
			body, _ := os.ReadFile(filepath.Join(git, "HEAD"))
			return strings.TrimSpace(string(body))
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}
