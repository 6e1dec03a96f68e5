package envfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"

	"infuse/runner/environ"
)

// Item is one secret as the official CLI's template functions return it: a
// template written for them says {{ .Key }}, {{ .Value }}, {{ .SecretPath }}.
type Item struct {
	Key         string
	WorkspaceId string //nolint:revive // the name that templates use
	Value       string
	Type        string
	ID          string
	SecretPath  string
	Tags        []Tag
	Comment     string
}

// Query is what a template function asks for.
type Query struct {
	ProjectID   string // or
	ProjectSlug string
	Environment string
	Path        string
	Name        string // only this secret, for getSecretByName
	Recursive   bool
	Expand      bool
}

// Source answers the template functions that read other places than the scope.
type Source interface {
	Secrets(ctx context.Context, q Query) ([]Item, error)
}

// ExecuteTemplate renders a Go text/template over vars: {{ .NAME }}, or
// {{ range $name, $value := . }} in the order of the names. A name that is
// missing is an error; so is every failure half-way, and then nothing is
// returned. Errors do not hold values.
//
// Besides what [Functions] lists there are those of the official CLI, answered
// by source: secret and listSecrets (project id, environment, path, optional
// JSON options), listSecretsByProjectSlug, getSecretByName.
func ExecuteTemplate(ctx context.Context, text string, vars []environ.Var, source Source) ([]byte, error) {
	values := make(map[string]string, len(vars))
	for _, v := range vars {
		values[v.Name] = reveal(v.Value)
	}
	t := template.New("template").Option("missingkey=error").Funcs(textFunctions()).Funcs(sourceFunctions(ctx, source))
	t, err := t.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parsing the template: %w", trimTemplate(err))
	}
	// A Builder and not a writer of the caller's: half a file is worse than none.
	var out strings.Builder
	if err := t.Execute(&out, values); err != nil {
		return nil, fmt.Errorf("executing the template: %w", withoutValues(err, values))
	}
	return []byte(out.String()), nil
}

// sourceFunctions are the official CLI's.
func sourceFunctions(ctx context.Context, source Source) template.FuncMap {
	ask := func(q Query) ([]Item, error) {
		if source == nil {
			return nil, errors.New("there is no server to ask")
		}
		return source.Secrets(ctx, q)
	}
	list := func(q Query, options []string) ([]Item, error) {
		if len(options) > 1 {
			return nil, errors.New("more than one argument after the path")
		}
		parsed := struct {
			Recursive bool  `json:"recursive"`
			Expand    *bool `json:"expandSecretReferences"`
		}{}
		if len(options) == 1 {
			if err := json.Unmarshal([]byte(options[0]), &parsed); err != nil {
				return nil, fmt.Errorf(`the options are not JSON like {"recursive":true}: %w`, err)
			}
		}
		q.Recursive, q.Expand = parsed.Recursive, parsed.Expand == nil || *parsed.Expand
		return ask(q)
	}
	byID := func(project, environment, path string, options ...string) ([]Item, error) {
		return list(Query{ProjectID: project, Environment: environment, Path: path}, options)
	}
	return template.FuncMap{
		"secret":      byID,
		"listSecrets": byID,
		"listSecretsByProjectSlug": func(slug, environment, path string, options ...string) ([]Item, error) {
			return list(Query{ProjectSlug: slug, Environment: environment, Path: path}, options)
		},
		"getSecretByName": func(project, environment, path, name string) (Item, error) {
			items, err := ask(Query{ProjectID: project, Environment: environment, Path: path, Name: name, Expand: true})
			if err != nil {
				return Item{}, err
			}
			for _, item := range items {
				if item.Key == name {
					return item, nil
				}
			}
			return Item{}, fmt.Errorf("there is no secret %s in %s:%s", environ.Display(name), environment, path)
		},
	}
}

// withoutValues removes secrets from an error of text/template, which may quote
// what a function was given. Values too short to be told from words stay.
func withoutValues(err error, values map[string]string) error {
	text := trimTemplate(err).Error()
	clean := text
	for _, value := range values {
		if len(value) >= 4 {
			clean = strings.ReplaceAll(clean, value, "[redacted]")
			quoted := fmt.Sprintf("%q", value)
			clean = strings.ReplaceAll(clean, quoted[1:len(quoted)-1], "[redacted]")
		}
	}
	if clean == text {
		return trimTemplate(err)
	}
	return errors.New(clean)
}

// trimmedError drops the "template: template:" that text/template begins with.
type trimmedError struct{ error }

func (e trimmedError) Error() string {
	return "line " + strings.TrimPrefix(strings.TrimPrefix(e.error.Error(), "template: "), "template:")
}

func (e trimmedError) Unwrap() error { return e.error }

func trimTemplate(err error) error {
	if strings.HasPrefix(err.Error(), "template: template:") {
		return trimmedError{err}
	}
	return err
}
