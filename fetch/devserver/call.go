package devserver

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// maxRequestBody bounds what a client may send.
const maxRequestBody = 8 << 20

// call is one request on its way through a route.
type call struct {
	r      *http.Request
	server *Server
	actor  actor
	body   any // decoded: an object, a list, a string; nil is null
	broken bool
	uri    string
}

func newCall(r *http.Request) *call {
	return &call{r: r, uri: or(r.RequestURI, r.URL.RequestURI())}
}

type noRoute struct{ body routeNotFound }

func (*noRoute) Error() string { return "no such route" }

// noRoute is the answer of the framework below the server: it knows no such path.
func (c *call) noRoute() *noRoute {
	return &noRoute{routeNotFound{
		Message: fmt.Sprintf("Route %s:%s not found", c.r.Method, c.uri), Error: "Not Found", StatusCode: http.StatusNotFound,
	}}
}

// readBody decodes the body by its content type, as the server does: JSON, a
// form, or text that no route wants. JSON that is none is remembered, for the error comes after authentication.
func (c *call) readBody() error {
	if c.r.Body == nil || c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(c.r.Body, maxRequestBody+1))
	if err != nil {
		return fail(http.StatusBadRequest, "BadRequest", "Request body could not be read")
	}
	if len(data) > maxRequestBody {
		return fail(http.StatusRequestEntityTooLarge, "Payload Too Large", "Request body is too large")
	}
	kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	switch {
	case kind == "application/json":
		c.broken = json.Unmarshal(data, &c.body) != nil
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(data))
		c.broken = err != nil
		object := map[string]any{}
		for k, v := range form {
			object[k] = v[0]
		}
		c.body = object
	case len(data) > 0:
		c.body = string(data)
	}
	return nil
}

// object is the body if it is one.
func (c *call) object() (map[string]any, *failure) {
	if object, ok := c.body.(map[string]any); ok {
		return object, nil
	}
	return nil, c.server.invalid(wrongType("object", typeName(c.body)))
}

// bodyString is a body with one required string.
func (c *call) bodyString(name string) (string, *failure) {
	body, f := c.object()
	if f != nil {
		return "", f
	}
	var issues []any
	text := c.stringField(body, name, &issues)
	if issues != nil {
		return "", c.server.invalid(issues...)
	}
	return text, nil
}

// stringField is a required string of a body, trimmed.
func (c *call) stringField(body map[string]any, name string, issues *[]any) string {
	value, ok := body[name]
	if text, isString := value.(string); isString {
		return strings.TrimSpace(text)
	}
	received := "undefined"
	if ok {
		received = typeName(value)
	}
	*issues = append(*issues, wrongType("string", received, name))
	return ""
}

// optional is a string of a body that may be left out.
func optional(body map[string]any, name, otherwise string) string {
	if text, ok := body[name].(string); ok {
		return strings.TrimSpace(text)
	}
	return otherwise
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	}
	return "number"
}

// flag is a query parameter that has to be "true" or "false".
func flag(q url.Values, name string, otherwise bool, issues *[]any) bool {
	switch values, ok := q[name]; {
	case !ok:
		return otherwise
	case values[0] == "true":
		return true
	case values[0] == "false":
		return false
	default:
		*issues = append(*issues, wrongEnum(values[0], []string{"true", "false"}, name))
		return otherwise
	}
}

// required is a query parameter that has to be there.
func required(q url.Values, name string, issues *[]any) string {
	if !q.Has(name) {
		*issues = append(*issues, wrongType("string", "undefined", name))
	}
	return strings.TrimSpace(q.Get(name))
}
