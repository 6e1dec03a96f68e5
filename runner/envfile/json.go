package envfile

import (
	"bytes"
	"encoding/json"
)

// jsonObject is one object, name to value.
var jsonObject = dialect{
	Format: Format{Name: "json", Reader: "a JSON parser"},
	name:   utf8Name,
	value:  utf8Value,
	open:   func(dst []byte, _ *Document) []byte { return append(dst, '{') },
	entry: func(dst []byte, it item) []byte {
		if !it.first {
			dst = append(dst, ',')
		}
		dst = append(appendJSON(append(dst, "\n  "...), it.name), ": "...)
		return appendJSON(dst, it.value)
	},
	done: func(dst []byte, _ *Document, empty bool) []byte {
		if empty {
			return append(dst, "}\n"...)
		}
		return append(dst, "\n}\n"...)
	},
}

// infisicalJSON is the array of "infisical export --format json", with the
// fields of its models.SingleEnvironmentVariable in their order.
var infisicalJSON = dialect{
	Format: Format{Name: "infisical-json", Reader: "what reads infisical export --format json"},
	name:   utf8Name,
	value:  utf8Value,
	open:   func(dst []byte, _ *Document) []byte { return append(dst, '[') },
	entry: func(dst []byte, it item) []byte {
		if !it.first {
			dst = append(dst, ',')
		}
		tags := it.detail.Tags
		if tags == nil {
			tags = []Tag{}
		}
		return appendJSON(append(dst, "\n  "...), struct {
			Key                   string `json:"key"`
			Workspace             string `json:"workspace"`
			Value                 string `json:"value"`
			Type                  string `json:"type"`
			ID                    string `json:"_id"`
			SecretPath            string `json:"secretPath"`
			Tags                  []Tag  `json:"tags"`
			Comment               string `json:"comment"`
			Etag                  string `json:"Etag"`
			SkipMultilineEncoding bool   `json:"skipMultilineEncoding"`
		}{
			Key: it.name, Value: it.value, Workspace: it.detail.Workspace, Type: it.detail.Type,
			ID: it.detail.ID, SecretPath: it.detail.SecretPath, Tags: tags, Comment: it.detail.Comment,
		})
	},
	done: func(dst []byte, _ *Document, empty bool) []byte {
		if empty {
			return append(dst, "]\n"...)
		}
		return append(dst, "\n]\n"...)
	},
}

// appendJSON writes v without the HTML escapes, which are only for pages.
func appendJSON(dst []byte, v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings and structs of strings always encode
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
