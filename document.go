package main

import (
	"context"
	"path/filepath"
	"strings"

	"infuse/fetch"
	"infuse/runner/envfile"
	"infuse/runner/environ"
)

// document is what a format is made of: the variables, and what some formats
// have a place for beside them.
func (w *exporter) document(plan *environ.Plan) envfile.Document {
	d := envfile.Document{Vars: plan.Vars(), SecretName: w.c.SecretName, Namespace: w.c.Namespace}
	if d.SecretName == "" && w.target.Path != "" && w.target.Path != "-" {
		d.SecretName = kubernetesName(w.target.Path)
	}
	if w.c.Format != "infisical-json" {
		return d
	}
	d.Details = make(map[string]envfile.Detail, len(plan.Entries))
	for i := range plan.Entries {
		e := &plan.Entries[i]
		if found, ok := w.read.snapshot.Lookup(e.Secret); ok && e.Layer == environ.Store {
			d.Details[e.Name] = envfile.Detail{
				Workspace: w.read.scope.ProjectID, Type: secretType(found.Origin), SecretPath: found.Origin.Path,
			}
		}
	}
	return d
}

// kubernetesName makes a DNS subdomain name (RFC 1123) of a file's name: what
// metadata.name may be. "" where nothing is left.
func kubernetesName(file string) string {
	name := strings.ToLower(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, name)
	return strings.Trim(name, "-")
}

func secretType(o fetch.Origin) string {
	if o.Personal {
		return "personal"
	}
	return "shared"
}

// templateSource answers the template functions of the official CLI, which
// read other places than the scope.
type templateSource struct {
	read  *reading
	flags *scopeFlags
}

// Secrets fetches one folder. An empty project is the scope's own.
func (s *templateSource) Secrets(ctx context.Context, q envfile.Query) ([]envfile.Item, error) {
	scope := fetch.Scope{
		ProjectID: q.ProjectID, ProjectSlug: q.ProjectSlug, Environment: q.Environment, Paths: []string{q.Path},
		Recursive: q.Recursive, Expand: q.Expand, Imports: s.flags.Imports, Personal: s.flags.Personal,
	}
	if scope.ProjectID == "" && scope.ProjectSlug == "" {
		scope.ProjectID, scope.ProjectSlug = s.read.scope.ProjectID, s.read.scope.ProjectSlug
	}
	snapshot, err := s.read.source.Fetch(ctx, scope)
	if err != nil {
		return nil, err
	}
	items := make([]envfile.Item, 0, len(snapshot.Secrets))
	for i := range snapshot.Secrets {
		from := &snapshot.Secrets[i]
		if q.Name != "" && from.Key != q.Name {
			continue
		}
		items = append(items, envfile.Item{
			Key: from.Key, Value: from.Value.Reveal(), WorkspaceId: scope.ProjectID,
			Type: secretType(from.Origin), SecretPath: from.Origin.Path,
		})
	}
	return items, nil
}
