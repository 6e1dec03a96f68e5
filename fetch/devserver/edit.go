package devserver

import "time"

// Secret is one secret to put into the model.
type Secret struct {
	ID                string
	Environment, Path string // Path empty: /
	Key, Value        string
	UserID            string // set: the personal value of that user
	Comment           string
	Tags              []Tag
	SkipMultiline     bool              // skipMultilineEncoding
	Metadata          map[string]string // secretMetadata of a current server
	// Hidden makes a current server answer "<hidden-by-infisical>" for it, as
	// for a reader that may describe the secret and not read its value.
	Hidden               bool
	Version              int // 0: 1, or one more than before
	CreatedAt, UpdatedAt time.Time
}

// Tag of a secret.
type Tag struct {
	ID    string `json:"id"`
	Slug  string `json:"slug"`
	Color string `json:"color"`
	Name  string `json:"name"`
}

// Set creates or changes a shared secret, with environment and folders where they are missing.
func (p *Project) Set(environment, path, key, value string) {
	p.Put(Secret{Environment: environment, Path: path, Key: key, Value: value})
}

// Put creates or replaces a secret. One that is there keeps its id and
// creation date and gets a new version, unless nothing changed.
func (p *Project) Put(sec Secret) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	p.put(sec)
}

func (p *Project) put(sec Secret) *secret {
	s := p.server
	sec.Path = clean(or(sec.Path, "/"))
	f := p.make(sec.Environment, sec.Path)
	now := s.now()
	for i, t := range sec.Tags {
		sec.Tags[i].ID = or(t.ID, s.newID())
		sec.Tags[i].Name = or(t.Name, t.Slug)
		sec.Tags[i].Color = or(t.Color, "#0c1117")
	}
	have := f.secret(sec.Key, sec.UserID)
	if have == nil {
		sec.ID = or(sec.ID, s.newID())
		have = &secret{Secret: sec, version: max(1, sec.Version), createdAt: pick(sec.CreatedAt, now), updatedAt: pick(sec.UpdatedAt, pick(sec.CreatedAt, now))}
		f.add(have)
		s.emit(p, "secret:create", sec.Environment, sec.Path, sec.Key)
		return have
	}
	if have.same(sec) {
		return have
	}
	sec.ID = have.ID
	have.Secret, have.updatedAt = sec, pick(sec.UpdatedAt, now)
	have.version = max(have.version+1, sec.Version)
	s.emit(p, "secret:update", sec.Environment, sec.Path, sec.Key)
	return have
}

func (sec *secret) same(other Secret) bool {
	if len(sec.Tags) != len(other.Tags) || len(sec.Metadata) != len(other.Metadata) {
		return false
	}
	for i := range sec.Tags {
		if sec.Tags[i].Slug != other.Tags[i].Slug {
			return false
		}
	}
	for k, v := range sec.Metadata {
		if other.Metadata[k] != v {
			return false
		}
	}
	return sec.Value == other.Value && sec.Comment == other.Comment && sec.SkipMultiline == other.SkipMultiline && sec.Hidden == other.Hidden
}

func pick(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// Delete removes a shared secret and the personal values of its key. It reports whether it was there.
func (p *Project) Delete(environment, path, key string) bool {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return p.delete(environment, clean(or(path, "/")), key)
}

func (p *Project) delete(environment, path, key string) bool {
	f := p.find(environment, path)
	if f == nil {
		return false
	}
	sec := f.secret(key, "")
	if sec == nil {
		return false
	}
	f.remove(sec)
	p.server.emit(p, "secret:delete", environment, path, key)
	return true
}

// Folder makes a folder, with those above it and the environment.
func (p *Project) Folder(environment, path string) {
	p.FolderWith(Folder{Environment: environment, Path: path})
}

// Folder is a folder with what a test may want to fix about it.
type Folder struct {
	ID, Environment, Path string
	CreatedAt             time.Time
}

// FolderWith makes a folder, or gives one that is there the id and date.
func (p *Project) FolderWith(f Folder) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	made := p.make(f.Environment, or(f.Path, "/"))
	made.id = or(f.ID, made.id)
	if !f.CreatedAt.IsZero() {
		made.createdAt, made.updatedAt = f.CreatedAt, f.CreatedAt
	}
}

// DeleteFolder removes a folder and everything below it. It reports whether it was there.
func (p *Project) DeleteFolder(environment, path string) bool {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	f := p.find(environment, path)
	if f == nil || f.parent == nil {
		return false
	}
	for i, c := range f.parent.children {
		if c == f {
			f.parent.children = append(f.parent.children[:i:i], f.parent.children[i+1:]...)
		}
	}
	return true
}

// Import makes the folder Path of Environment import the folder FromPath of FromEnvironment.
// Of several imports the last one wins, and a direct secret beats them all.
type Import struct {
	ID                        string
	Environment, Path         string
	FromEnvironment, FromPath string
	CreatedAt                 time.Time
}

// AddImport appends an import to the folder's list.
func (p *Project) AddImport(imp Import) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	s := p.server
	imp.Path, imp.FromPath = clean(or(imp.Path, "/")), clean(or(imp.FromPath, "/"))
	f := p.make(imp.Environment, imp.Path)
	p.make(imp.FromEnvironment, imp.FromPath)
	at := pick(imp.CreatedAt, s.now())
	f.imports = append(f.imports, &importLink{
		id: or(imp.ID, s.newID()), folder: f, env: p.environment(imp.FromEnvironment), path: imp.FromPath,
		position: len(f.imports) + 1, createdAt: at, updatedAt: at,
	})
	s.emit(p, "secret:import-mutation", imp.Environment, imp.Path, "")
}
