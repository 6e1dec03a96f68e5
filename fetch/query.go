package fetch

import (
	"net/url"
	"strconv"
	"strings"
)

// query is the query of a list. Every boolean is sent, under both of its
// spellings: defaults differ between servers, and a server ignores a name it
// does not know (v3 calls it include_imports, v4 includeImports), so that
// a wrong name would silently fetch something else.
func (s Scope) query(route, path string) url.Values {
	imports := strconv.FormatBool(s.Imports)
	q := url.Values{
		"environment":              {s.Environment},
		"secretPath":               {path},
		"recursive":                {strconv.FormatBool(s.Recursive)},
		"includeImports":           {imports},
		"include_imports":          {imports},
		"expandSecretReferences":   {strconv.FormatBool(s.Expand)},
		"includePersonalOverrides": {strconv.FormatBool(s.Personal)},
		"viewSecretValue":          {"true"},
	}
	switch {
	case s.ProjectID != "" && strings.HasPrefix(route, "/api/v4/"):
		q.Set("projectId", s.ProjectID)
	case s.ProjectID != "":
		q.Set("workspaceId", s.ProjectID)
	default:
		q.Set("workspaceSlug", s.ProjectSlug)
	}
	if len(s.Tags) > 0 {
		q.Set("tagSlugs", strings.Join(s.Tags, ","))
	}
	return q
}
