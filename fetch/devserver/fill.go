package devserver

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"infuse/fetch/store"
)

// fill is where a project's secrets come from.
type fill struct {
	store store.Store
	last  map[place]string // what the files said
}

type place struct{ env, path, key string } // key "" is the folder itself

// Change is one difference that Reload found and applied. It holds no value.
type Change struct {
	Project                *Project
	Kind                   string // "added", "changed", "removed"
	Environment, Path, Key string // Key empty: a folder
}

// FillFrom makes a project of a directory of dotenv files (package store describes the
// layout). Its id follows from the directory, so that it stays the same from run to run;
// name and slug are the directory's. Call Reload when files have changed.
// A directory that already made a project is loaded into that again.
func (s *Server) FillFrom(dir string) (*Project, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("filling the development server: %w", err)
	}
	st, err := store.Open(abs)
	if err != nil {
		return nil, err
	}
	for _, p := range s.filled() {
		if p.fill.store.Dir() == abs {
			_, err := p.reload()
			return p, err
		}
	}
	now, err := scan(st) // before the project is made: a broken file leaves nothing behind
	if err != nil {
		return nil, err
	}
	name := filepath.Base(abs)
	p := s.AddProject(ProjectConfig{ID: stableID("project:" + abs), Name: name, Slug: s.freeSlug(slugify(name)), Environments: []Environment{}})
	s.mu.Lock()
	defer s.mu.Unlock()
	p.fill = &fill{store: st, last: map[place]string{}}
	p.apply(now)
	return p, nil
}

func (s *Server) filled() []*Project {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Project
	for _, p := range s.projects {
		if p.fill != nil {
			out = append(out, p)
		}
	}
	return out
}

func (s *Server) freeSlug(slug string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := slug
	for n := 2; s.projectBySlug(free) != nil; n++ {
		free = fmt.Sprintf("%s-%d", slug, n)
	}
	return free
}

// stableID is a UUID that is always the same for one text.
func stableID(text string) string {
	sum := sha256.Sum256([]byte("infuse development server " + text))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Reload reads the directories of FillFrom again and applies what changed in the files: new
// versions, and an event for each secret. Secrets that were written through the API
// stay as they are until their line in the file changes. If a file cannot be read, nothing
// is applied for its project.
func (s *Server) Reload() ([]Change, error) {
	var all []Change
	for _, p := range s.filled() {
		changes, err := p.reload()
		if err != nil {
			return all, err
		}
		all = append(all, changes...)
	}
	return all, nil
}

func (p *Project) reload() ([]Change, error) {
	now, err := scan(p.fill.store)
	if err != nil {
		return nil, err
	}
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	return p.apply(now), nil
}

func scan(st store.Store) (map[place]string, error) {
	envs, err := st.Environments()
	if err != nil {
		return nil, err
	}
	now := map[place]string{}
	for _, env := range envs {
		tree, err := st.Tree(env)
		if err != nil {
			return nil, err
		}
		for path, entries := range tree {
			now[place{env: env, path: path}] = ""
			for _, e := range entries {
				now[place{env, path, e.Key}] = e.Value.Reveal()
			}
		}
	}
	return now, nil
}

// apply brings the model from what the files said to what they say now.
func (p *Project) apply(now map[place]string) []Change {
	var changes []Change
	for _, at := range sortedPlaces(now) {
		before, had := p.fill.last[at]
		value := now[at]
		if had && before == value {
			continue
		}
		kind := "added"
		if had {
			kind = "changed"
		}
		changes = append(changes, Change{p, kind, at.env, at.path, at.key})
		if at.key == "" {
			p.make(at.env, at.path)
			continue
		}
		sec := Secret{Environment: at.env, Path: at.path, Key: at.key, Value: value}
		if f := p.find(at.env, at.path); f != nil {
			if have := f.secret(at.key, ""); have != nil {
				sec.Comment, sec.Tags, sec.SkipMultiline, sec.Metadata = have.Comment, have.Tags, have.SkipMultiline, have.Metadata
			}
		}
		p.put(sec)
	}
	gone := sortedPlaces(p.fill.last)
	slices.Reverse(gone) // secrets before their folder, folders before those above
	for _, at := range gone {
		if _, still := now[at]; still {
			continue
		}
		changes = append(changes, Change{p, "removed", at.env, at.path, at.key})
		if at.key != "" {
			p.delete(at.env, at.path, at.key)
			continue
		}
		p.removeFolder(at.env, at.path)
	}
	p.fill.last = now
	return changes
}

// removeFolder removes a folder, or with the root of it an environment.
func (p *Project) removeFolder(env, path string) {
	f := p.find(env, path)
	switch {
	case f == nil:
	case f.parent == nil:
		p.envs = slices.DeleteFunc(p.envs, func(e *environment) bool { return e.Slug == env })
	default:
		f.parent.children = slices.DeleteFunc(f.parent.children, func(c *folder) bool { return c == f })
	}
}

func sortedPlaces(m map[place]string) []place {
	places := make([]place, 0, len(m))
	for at := range m {
		places = append(places, at)
	}
	sort.Slice(places, func(i, j int) bool {
		a, b := places[i], places[j]
		return cmp.Or(strings.Compare(a.env, b.env), strings.Compare(a.path, b.path), strings.Compare(a.key, b.key)) < 0
	})
	return places
}
