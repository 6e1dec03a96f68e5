package watch

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"unicode"
)

// subscription is the body of the subscribe call.
type subscription struct {
	ProjectID string         `json:"projectId"`
	Register  []registration `json:"register"`
}

type registration struct {
	Event      string     `json:"event"`
	Conditions conditions `json:"conditions"`
}

// conditions are always sent: without them the server checks the permission
// for the root folder of no environment, which a narrow identity lacks.
type conditions struct {
	EnvironmentSlug string `json:"environmentSlug"`
	SecretPath      string `json:"secretPath"` // a picomatch glob
}

// registrations the server accepts in one subscription.
const registrations = 10

// register names the events of every path. Where they would be too many, the
// import events go first (polling sees imports), then the paths become their
// common ancestor.
func (s *stream) register() []registration {
	names := []string{"secret:create", "secret:update", "secret:delete", "secret:import-mutation"}
	globs := s.globs()
	if len(globs)*len(names) > registrations {
		names = names[:3]
	}
	if len(globs)*len(names) > registrations {
		names, globs = append(names, "secret:import-mutation"), []string{subtree(ancestor(s.Paths))}
	}
	var all []registration
	for _, glob := range globs {
		for _, name := range names {
			all = append(all, registration{name, conditions{s.Environment, glob}})
		}
	}
	return all
}

func (s *stream) globs() []string {
	var globs []string
	for _, p := range s.Paths {
		p = path.Clean("/" + p)
		if s.Recursive {
			p = subtree(p)
		}
		globs = append(globs, p)
	}
	if len(globs) == 0 {
		globs = []string{"/"}
		if s.Recursive {
			globs[0] = "/**"
		}
	}
	slices.Sort(globs)
	return slices.Compact(globs)
}

// subtree is the glob of a folder and all below it: picomatch's /a/** matches /a too.
func subtree(p string) string { return strings.TrimSuffix(p, "/") + "/**" }

func ancestor(paths []string) string {
	common := path.Clean("/" + paths[0])
	for _, p := range paths[1:] {
		p = path.Clean("/" + p)
		for common != "/" && p != common && !strings.HasPrefix(p, common+"/") {
			common = path.Dir(common)
		}
	}
	return common
}

// concerns reports whether an event may be about our environment, and says
// what it is in words. What cannot be read counts: a look too many is cheap.
func (s *stream) concerns(kind, data string) (reason string, ok bool) {
	if kind != "" && !strings.HasPrefix(kind, "secret:") && data == "" {
		return "", false
	}
	var message struct {
		Data struct {
			EventType string          `json:"eventType"`
			Type      string          `json:"type"` // older builds
			Payload   json.RawMessage `json:"payload"`
		} `json:"data"`
	}
	_ = json.Unmarshal([]byte(data), &message)
	reason = strings.TrimSpace(kind)
	for _, t := range []string{message.Data.EventType, message.Data.Type, "event"} {
		if reason == "" {
			reason = t
		}
	}
	items := payload(message.Data.Payload)
	var names []string
	ours := len(items) == 0
	for _, item := range items {
		if item.Environment != "" && item.Environment != s.Environment {
			continue
		}
		ours = true
		names = append(names, item.names()...)
	}
	const named = 5
	if len(names) > named {
		names = append(names[:named], "...")
	}
	return printable(strings.Join(append([]string{reason}, names...), " ")), ours
}

type change struct {
	Environment string          `json:"environment"`
	SecretKey   string          `json:"secretKey"`
	SecretKeys  json.RawMessage `json:"secretKeys"` // older builds
}

func (c change) names() []string {
	var keys []string
	_ = json.Unmarshal(c.SecretKeys, &keys)
	if c.SecretKey != "" {
		keys = append(keys, c.SecretKey)
	}
	return keys
}

// payload is a list of changes, or, of import mutations, a single one.
func payload(raw json.RawMessage) []change {
	var list []change
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var one change
	if json.Unmarshal(raw, &one) == nil {
		return []change{one}
	}
	return nil
}

// printable keeps names that came over the wire from writing on the terminal.
func printable(s string) string {
	const most = 160
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
