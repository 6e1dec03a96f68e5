package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"infuse/fetch"
)

// scopeOf resolves which secrets are asked for, from flags, variables and
// .infisical.json. What is missing is left empty: fetch refuses it, unless the
// source knows (a service token names its project, a file: URL needs none).
func scopeOf(flags *scopeFlags, s *settings, project *projectFile, getenv func(string) string) (fetch.Scope, error) {
	scope := fetch.Scope{
		Environment: flags.Env, Paths: flags.Path,
		Recursive: flags.Recursive, Imports: flags.Imports, Expand: flags.Expand, Personal: flags.Personal,
		Tags: flags.Tag,
	}
	var err error
	if scope.ProjectID, scope.ProjectSlug, err = projectOf(flags, s, project); err != nil {
		return scope, err
	}
	if project != nil {
		if scope.Environment == "" {
			scope.Environment = project.environment(branch(filepath.Dir(project.File), getenv))
		}
		if len(scope.Paths) == 0 && project.DefaultSecretPath != "" {
			scope.Paths = []string{project.DefaultSecretPath}
		}
	}
	return scope, nil // no path means /, or the one of a service token
}

// projectOf picks the project: a higher layer wins over a lower one, whichever
// of id and slug it names; both in one layer is an error.
func projectOf(flags *scopeFlags, s *settings, project *projectFile) (id, slug string, err error) {
	idLayer, slugLayer := s.layer("project-id"), s.layer("project-slug")
	id, slug = flags.ProjectID, flags.ProjectSlug
	if id == "" && project != nil && project.WorkspaceID != "" {
		id, idLayer = project.WorkspaceID, fromProject
	}
	switch {
	case id == "" || slug == "":
		return id, slug, nil
	case idLayer > slugLayer:
		return id, "", nil
	case slugLayer > idLayer:
		return "", slug, nil
	}
	return "", "", hinted(fmt.Errorf("the project is named twice by %s: by id and by slug", idLayer),
		"keep --project-id or --project-slug, not both")
}

// prepare runs between two looks at the command line: it finds .infisical.json
// and reports whether settings for a team in it make a second look necessary.
func (p *program) prepare(c command, s *settings) (again bool, err error) {
	if m, ok := c.(interface{ messages() *messageFlags }); ok {
		log, err := p.newLogger(m.messages())
		if err != nil {
			return false, err // said by the logger there was
		}
		p.log = log
	}
	if checked, ok := c.(interface{ check() error }); ok {
		if err := checked.check(); err != nil {
			return false, usage("", err)
		}
	}
	p.settings = s
	scoped, ok := c.(interface{ scope() *scopeFlags })
	if !ok || s.project != nil {
		p.warnUnknownSettings()
		return false, nil
	}
	dir, only := scoped.scope().ConfigDir, scoped.scope().ConfigDir != ""
	if !only {
		if dir, err = os.Getwd(); err != nil {
			return false, nil // a deleted working directory has no project file
		}
	}
	if p.project, err = findProject(dir, only); err != nil {
		return false, err
	}
	if p.project == nil {
		if only {
			return false, missingProject(dir, p.log)
		}
		return false, nil
	}
	s.project, s.projectDir = p.project.Infuse, filepath.Dir(p.project.File)
	s.unused = map[string]bool{}
	for name := range s.project {
		s.unused[name] = true
	}
	return len(s.project) > 0, nil
}

// missingProject: a directory that was named and has no project file is worth a
// word; one that is not there is a mistake.
func missingProject(dir string, log *logger) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return &usageError{fmt.Errorf("--config-dir: %s is not a directory", dir)}
	}
	log.Warn("there is no "+projectFileName+" in the directory of --config-dir", "dir", dir)
	return nil
}

// warnUnknownSettings names the keys of "infuse" in .infisical.json that no flag
// of any command has: a typing error there would otherwise go unnoticed. It
// costs the whole grammar, so it looks only at keys this command did not use.
func (p *program) warnUnknownSettings() {
	if p.settings == nil || len(p.settings.unused) == 0 {
		return
	}
	k, _, err := grammar(p, commands())
	if err != nil {
		return
	}
	for _, command := range k.Model.Children {
		for _, flag := range command.Flags {
			delete(p.settings.unused, flag.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.settings.unused)) {
		p.log.Warn("no such setting under the key infuse of "+projectFileName, "name", name)
	}
}

// normalDomain drops what makes two spellings of one server differ.
func normalDomain(domain string) string {
	domain = strings.TrimRight(strings.ToLower(strings.TrimSpace(domain)), "/")
	return strings.TrimRight(strings.TrimSuffix(domain, "/api"), "/")
}
