package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// errorBodyLimit bounds what is read of an answer that is an error.
const errorBodyLimit = 64 << 10

// tooLargeError is an answer above its limit. It is not retried.
type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the answer is larger than the limit of %d MiB", max(e.limit>>20, 1))
}

// bodyError is a failure after the answer had begun.
type bodyError struct {
	got int
	err error
}

func (e *bodyError) Error() string { return "reading the answer: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// contentError is a complete answer that is not what was asked for.
type contentError struct {
	reason string
	web    bool // a page for people: a proxy, a login wall, or a route that does not exist
}

func (e *contentError) Error() string { return e.reason }

// buffered is a body that was read already.
type buffered struct {
	*bytes.Reader
	b []byte
}

func newBuffered(b []byte) *buffered { return &buffered{bytes.NewReader(b), b} }

func (*buffered) Close() error { return nil }

// readBody reads at most limit bytes. The bytes are counted after
// decompression, so a small answer cannot become a large one. progress, when
// set, is called after each piece.
func readBody(resp *http.Response, limit int64, progress func()) ([]byte, error) {
	if done, ok := resp.Body.(*buffered); ok {
		if int64(len(done.b)) > limit {
			return nil, &tooLargeError{limit}
		}
		return done.b, nil
	}
	if resp.ContentLength > limit {
		return nil, &tooLargeError{limit}
	}
	// The length is the server's claim: trust it for one allocation of at most 8 MiB.
	size := 4 << 10
	if resp.ContentLength > 0 {
		size = int(min(resp.ContentLength, 8<<20)) + 1 // one more, to see EOF without growing
	}
	b := make([]byte, 0, size)
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := resp.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > limit:
			return nil, &tooLargeError{limit}
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, &bodyError{got: len(b), err: err}
		}
		if n > 0 && progress != nil {
			progress()
		}
	}
}

// decode reads JSON into out. What does not decode is described by what it
// seems to be, never quoted.
func decode(contentType string, body []byte, out any) error {
	err := unmarshal(body, out)
	if err == nil {
		return nil
	}
	text := bytes.TrimSpace(body)
	media, _, mimeErr := mime.ParseMediaType(contentType)
	var syntax *json.SyntaxError
	switch {
	case len(text) == 0:
		return &contentError{reason: "the answer is empty"}
	case media == "text/html" || text[0] == '<':
		return &contentError{reason: "the answer is a web page, not JSON: is this the address of an Infisical server?", web: true}
	case text[0] != '{' && text[0] != '[' && mimeErr == nil && !strings.HasSuffix(media, "json"):
		return &contentError{reason: "the answer is " + clean(media, 50) + ", not JSON", web: true}
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(body)):
		return &contentError{reason: fmt.Sprintf("the answer is cut: its JSON ends after %d bytes", len(body))}
	case errors.As(err, &syntax):
		return &contentError{reason: fmt.Sprintf("the answer is not valid JSON (at byte %d of %d)", syntax.Offset, len(body))}
	default:
		return errShape
	}
}

// unmarshal is json.Unmarshal, and quick for a list. A list has its secrets,
// were they none: after {"status":"ok"} or null COMMAND would start without any.
func unmarshal(body []byte, out any) error {
	list, ok := out.(*SecretList)
	if !ok {
		return json.Unmarshal(body, out)
	}
	if parsed, plain := parseList(body); plain {
		*list = *parsed
	} else if err := json.Unmarshal(body, list); err != nil {
		return err
	}
	if list.Secrets == nil {
		return errShape
	}
	return nil
}

var errShape = &contentError{reason: "the answer is JSON of another shape than expected"}

// endingBody frees the context of a stream when its body is closed.
type endingBody struct {
	io.ReadCloser
	cancel func()
}

func (b *endingBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}
