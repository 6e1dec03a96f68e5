package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"infuse/fetch"
)

// memoryAge is how long an answer stands in for the next one. Without it every
// key press would log in anew: client secrets can have a number of uses, and
// three refused logins lock the identity for minutes
// (https://infisical.com/docs/documentation/platform/identities/universal-auth).
const memoryAge = time.Minute

// remembered keeps the answers of a server, refusals too, in the user's cache
// directory. They are names of environments and folders, never of secrets.
type remembered struct {
	places
	connection *connection
	p          *program
}

func (r *remembered) environments(ctx context.Context, scope fetch.Scope) ([]string, error) {
	scope.Environment = ""
	return r.recall("environments", scope, "", func() ([]string, error) { return r.places.environments(ctx, scope) })
}

func (r *remembered) folders(ctx context.Context, scope fetch.Scope, parent string) ([]string, error) {
	return r.recall("folders", scope, parent, func() ([]string, error) { return r.places.folders(ctx, scope, parent) })
}

// recall asks only where the memory has no answer. What cannot be kept is asked again.
func (r *remembered) recall(what string, scope fetch.Scope, parent string, ask func() ([]string, error)) ([]string, error) {
	file := r.file(what, scope, parent)
	if file == "" {
		return ask()
	}
	if names, ok := r.read(file); ok {
		return names, nil
	}
	// A refusal is written first: the process may be gone before the answer comes.
	r.write(file, nil)
	names, err := ask()
	if err == nil {
		r.write(file, names)
	}
	return names, err
}

// file is named by a hash of the question and of who asks; never of a secret.
func (r *remembered) file(what string, scope fetch.Scope, parent string) string {
	cred := r.connection.credential
	if cred.Login == nil { // a token costs no login
		return ""
	}
	dir := r.p.getenv("XDG_CACHE_HOME")
	if home := homeDir(r.p.getenv); !filepath.IsAbs(dir) && home != "" {
		dir = filepath.Join(home, ".cache")
	}
	if !filepath.IsAbs(dir) {
		return ""
	}
	question := fmt.Sprintf("%q", []string{
		what, r.connection.server.Base.String(), scope.ProjectID, scope.ProjectSlug, scope.Environment, parent,
		cred.Provider, cred.Method, cred.Identity,
	})
	return filepath.Join(dir, "infuse", "completion", fmt.Sprintf("%x.json", sha256.Sum256([]byte(question)))[:32])
}

// memory is an answer with its time.
type memory struct {
	At    time.Time `json:"at"`
	Names []string  `json:"names"`
}

func (r *remembered) read(file string) ([]string, bool) {
	var m memory
	body, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(body, &m) != nil || r.p.now().Sub(m.At).Abs() > memoryAge {
		return nil, false
	}
	return m.Names, true
}

func (r *remembered) write(file string, names []string) {
	body, err := json.Marshal(memory{r.p.now(), names})
	if err != nil || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	_ = saveFile(file, body, 0o600) // at worst the next key press asks again
}
