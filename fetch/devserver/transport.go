package devserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// RoundTripper sends requests straight to a handler, without a network: for tests
// in virtual time, where a socket would stand still. Answers stream; a handler
// that aborts is a broken connection; a request that is cancelled cancels the handler.
type RoundTripper struct{ Handler http.Handler }

// Transport is a RoundTripper to this server.
func (s *Server) Transport() http.RoundTripper { return RoundTripper{s} }

// errAborted is what a client sees of http.ErrAbortHandler before the headers.
var errAborted = errors.New("connection closed by the server")

// RoundTrip runs the handler in a goroutine that ends with the answer's body or the request's context.
func (t RoundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	in := req.Clone(ctx)
	in.RequestURI = req.URL.RequestURI()
	in.RemoteAddr = "192.0.2.1:1234" // as of httptest, RFC 5737
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	reader, writer := io.Pipe()
	w := &pipeWriter{header: http.Header{}, pipe: writer, ready: make(chan struct{})}
	go func() {
		defer func() {
			err := io.EOF
			if recover() != nil {
				err = io.ErrUnexpectedEOF
			}
			w.finish(err)
		}()
		t.Handler.ServeHTTP(w, in)
	}()
	select {
	case <-w.ready:
	case <-ctx.Done():
		cancel()
		return nil, ctx.Err()
	}
	if w.status == 0 {
		cancel()
		return nil, errAborted
	}
	// A body that nobody reads must not hold the handler: net/http ends it with the request's context, and so does this.
	stop := context.AfterFunc(ctx, func() { _ = reader.CloseWithError(context.Cause(ctx)) })
	body := &pipeBody{PipeReader: reader, ctx: req.Context(), done: func() { stop(); cancel() }}
	return &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body, ContentLength: -1, Request: req,
	}, nil
}

type pipeBody struct {
	*io.PipeReader
	ctx  context.Context // of the request, whose end is what a broken read is about
	done func()
}

func (b *pipeBody) Read(p []byte) (int, error) {
	n, err := b.PipeReader.Read(p)
	if err != nil {
		b.done()
		if err != io.EOF && b.ctx.Err() != nil {
			err = b.ctx.Err()
		}
	}
	return n, err
}

func (b *pipeBody) Close() error {
	b.done()
	return b.PipeReader.Close()
}

// pipeWriter is the handler's side. What is written waits in a buffer, as in net/http, until a
// flush, the end, or more than a few kilobytes.
type pipeWriter struct {
	header http.Header
	pipe   *io.PipeWriter
	buffer bytes.Buffer

	once   sync.Once
	ready  chan struct{} // closed when status and sent are set
	status int
	sent   http.Header
}

const pipeBuffer = 4 << 10

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.ready)
	})
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.buffer.Write(p)
	if w.buffer.Len() > pipeBuffer {
		if err := w.FlushError(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// FlushError sends what was written; http.ResponseController finds it by its name.
func (w *pipeWriter) FlushError() error {
	w.WriteHeader(http.StatusOK)
	if w.buffer.Len() == 0 {
		return nil
	}
	_, err := w.buffer.WriteTo(w.pipe)
	return err
}

func (w *pipeWriter) finish(err error) {
	if errors.Is(err, io.EOF) {
		err = nil
		if w.FlushError() != nil {
			return
		}
	}
	w.once.Do(func() { close(w.ready) }) // aborted before the headers
	_ = w.pipe.CloseWithError(err)       // nil is the end of the body
}
