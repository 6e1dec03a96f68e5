package devserver

import (
	"encoding/json"
	"maps"
	"slices"
)

// row is a secret on the wire. Its members come in the server's order; which
// of them are there depends on the route and the era.
type row struct {
	ID              string          `json:"id"`
	UnderID         string          `json:"_id"`
	Workspace       string          `json:"workspace"`
	Environment     string          `json:"environment"`
	Version         int             `json:"version"`
	Type            string          `json:"type"`
	Key             string          `json:"secretKey"`
	Value           string          `json:"secretValue"`
	Comment         string          `json:"secretComment"`
	ReminderNote    json.RawMessage `json:"secretReminderNote,omitempty"`
	ReminderDays    json.RawMessage `json:"secretReminderRepeatDays,omitempty"`
	SkipMultiline   bool            `json:"skipMultilineEncoding"`
	OldMetadata     json.RawMessage `json:"metadata,omitempty"`
	CreatedAt       string          `json:"createdAt,omitempty"`
	UpdatedAt       string          `json:"updatedAt,omitempty"`
	Actor           json.RawMessage `json:"actor,omitempty"`
	IsRotatedSecret *bool           `json:"isRotatedSecret,omitempty"`
	RotationID      json.RawMessage `json:"rotationId,omitempty"`
	Path            string          `json:"secretPath,omitempty"`
	ValueHidden     *bool           `json:"secretValueHidden,omitempty"`
	Metadata        *[]metadata     `json:"secretMetadata,omitempty"`
	Tags            *[]Tag          `json:"tags,omitempty"`
}

type metadata struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	IsEncrypted bool   `json:"isEncrypted"`
}

// hiddenValue is what stands in the place of a value that may not be read.
const hiddenValue = "<hidden-by-infisical>"

var null = json.RawMessage("null")

// row is sec as it comes back from a write: the smallest form.
func (s *Server) row(p *Project, env string, sec *secret) row {
	r := row{
		ID: sec.ID, UnderID: sec.ID, Workspace: p.cfg.ID, Environment: env, Version: sec.version, Type: "shared",
		Key: sec.Key, Value: sec.Value, Comment: sec.Comment, ReminderNote: null, ReminderDays: null,
		SkipMultiline: sec.SkipMultiline, CreatedAt: timestamp(sec.createdAt), UpdatedAt: timestamp(sec.updatedAt),
	}
	if sec.UserID != "" {
		r.Type = "personal"
	}
	if s.cfg.Era == Era2024 {
		r.OldMetadata = null
		return r
	}
	no := false
	r.Actor, r.RotationID, r.IsRotatedSecret = null, null, &no
	hidden := sec.Hidden
	r.ValueHidden = &hidden
	list := []metadata{}
	for _, k := range slices.Sorted(maps.Keys(sec.Metadata)) {
		list = append(list, metadata{Key: k, Value: sec.Metadata[k]})
	}
	r.Metadata = &list
	if hidden {
		r.Value = hiddenValue
	}
	return r
}

// tagged adds the tags, which are in lists and single answers but not in imports. Of a list
// that was asked for some tags, only these are shown.
func (r row) tagged(sec *secret, asked []string) row {
	tags := []Tag{}
	for _, t := range sec.Tags {
		if asked == nil || slices.Contains(asked, t.Slug) {
			tags = append(tags, t)
		}
	}
	r.Tags = &tags
	return r
}

// hide takes the value away, for viewSecretValue=false.
func (r row) hide() row {
	yes := true
	r.Value, r.ValueHidden = hiddenValue, &yes
	return r
}

// imported takes away what entries of imports do not have.
func (s *Server) imported(r row) row {
	r.CreatedAt, r.UpdatedAt, r.ReminderNote, r.ReminderDays = "", "", nil, nil
	if s.cfg.Era == Era2024 {
		r.Workspace = ""
	}
	return r
}

// importRow is one imported folder of a list.
type importRow struct {
	Path        string `json:"secretPath"`
	Environment string `json:"environment"`
	FolderID    string `json:"folderId"`
	Secrets     []row  `json:"secrets"`
}
