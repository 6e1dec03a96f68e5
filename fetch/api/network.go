package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// NetworkError is a request that got no usable answer: DNS, refused, reset,
// TLS, time limit, or a body that is cut, too large or not JSON.
type NetworkError struct {
	Method, Path string
	Reason       string // in words, with the host, without anything that could hold a credential
	Err          error
	// NotInfisical is a 2xx whose body is a web page or another document: a
	// proxy, a login wall, or a server that answers unknown routes with a page.
	NotInfisical bool
}

// Error names the request and the reason.
func (e *NetworkError) Error() string { return e.Method + " " + e.Path + ": " + e.Reason }

// Unwrap gives the cause, such as context.DeadlineExceeded or syscall.ECONNREFUSED.
func (e *NetworkError) Unwrap() error { return e.Err }

// Hint is the next step where the failure itself names one.
func (e *NetworkError) Hint() string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](e.Err); ok {
		return "--ca-cert FILE or INFISICAL_CA_CERT trusts an authority of your own"
	}
	if dns, ok := errors.AsType[*net.DNSError](e.Err); ok && dns.IsNotFound {
		return "--url or INFISICAL_URL names the server: is it spelled right?"
	}
	if e.NotInfisical {
		return "a proxy or a login page answered: is --url an Infisical server?"
	}
	return ""
}

// MayPass reports whether the same request can work later.
func (e *NetworkError) MayPass() bool { return !e.NotInfisical && mayPass(e.Err) }

func networkError(call Call, u *url.URL, err error) *NetworkError {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // it repeats the URL, query and all
	}
	e := &NetworkError{Method: call.Method, Path: call.Path, Reason: reason(u, err), Err: err}
	if c, ok := errors.AsType[*contentError](err); ok {
		e.NotInfisical = c.web
	}
	return e
}

// stalledError is an attempt that was given up because nothing came.
type stalledError struct {
	after time.Duration
	got   int // bytes of the body, -1 before the answer began
}

func (e *stalledError) Error() string {
	if e.got < 0 {
		return fmt.Sprintf("no answer within %s", e.after.Round(100*time.Millisecond))
	}
	return fmt.Sprintf("the answer stopped after %d bytes: nothing came for %s", e.got, e.after.Round(100*time.Millisecond))
}

// Timeout makes it a net.Error-like timeout.
func (e *stalledError) Timeout() bool { return true }

// reason says in words why there is no answer. Only texts known to be free of
// input are passed on: errors of net/http and net/url quote addresses, proxies
// with their passwords, and raw bytes of the answer.
func reason(u *url.URL, err error) string {
	host := u.Host
	if _, ok := errors.AsType[*net.OpError](err); ok && strings.Contains(err.Error(), "proxyconnect") {
		host = "the proxy"
	}
	if r := ownReason(err); r != "" {
		return host + ": " + r
	}
	if r := tlsReason(u, err); r != "" {
		return host + ": " + r
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dnsReason(dns)
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, context.Canceled):
		return host + ": interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		return host + ": no answer within the time limit"
	case isAny(err, refusedErrors):
		return host + ": connection refused: nothing listens there"
	case isAny(err, resetErrors):
		return host + ": the connection was reset" + middle(err)
	case isAny(err, unreachableErrors):
		return host + ": unreachable: no route to it"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return host + ": the connection was closed" + middle(err)
	case errors.As(err, &errno):
		return host + ": " + errno.Error()
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return host + ": no answer within the time limit"
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "malformed HTTP"):
		return host + ": the answer is not HTTP"
	case strings.Contains(text, "exceeded") && strings.Contains(text, "bytes"):
		return host + ": the headers of the answer are too large"
	case strings.Contains(text, "proxy"), strings.Contains(text, "Proxy"):
		return "the proxy refused or is not configured well" // its text may hold the proxy's password
	case strings.HasPrefix(text, "http2: "), strings.HasPrefix(text, "gzip: "), strings.HasPrefix(text, "flate: "):
		return host + ": " + clean(text, messageLimit)
	}
	if b, ok := errors.AsType[*bodyError](err); ok {
		return fmt.Sprintf("%s: the answer broke off after %d bytes", host, b.got)
	}
	return host + ": the request failed"
}

// ownReason is the text of the errors of this package.
func ownReason(err error) string {
	if e, ok := errors.AsType[*contentError](err); ok {
		return e.reason
	}
	if e, ok := errors.AsType[*tooLargeError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*stalledError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*redirectError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*tlsSetupError](err); ok {
		return e.Error()
	}
	return ""
}

func middle(err error) string {
	if b, ok := errors.AsType[*bodyError](err); ok {
		return fmt.Sprintf(" in the middle of the answer (after %d bytes)", b.got)
	}
	return " before an answer came"
}

func dnsReason(dns *net.DNSError) string {
	name := clean(dns.Name, 253) // RFC 1035, section 2.3.4
	switch {
	case dns.IsNotFound:
		return "no such host: " + name
	case dns.IsTimeout:
		return "looking up " + name + " took too long: is the DNS server reachable?"
	default:
		return "looking up " + name + " failed: is the DNS server reachable?"
	}
}

func isAny(err error, targets []error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

// tlsReason names the certificate, since "unknown authority" alone does not
// tell a proxy that breaks TLS open from a forgotten CA file.
func tlsReason(u *url.URL, err error) string {
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		var cert *x509.Certificate
		if len(e.UnverifiedCertificates) > 0 {
			cert = e.UnverifiedCertificates[0]
		}
		return certificateReason(u.Hostname(), cert, e.Err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "TLS: the server does not speak TLS on this port: is it http://?"
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return "TLS: the server does not speak TLS on this port: is it http://?"
	}
	// crypto/tls reports an alert so; net/http wraps it when it comes before the request was written.
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		alert := strings.TrimPrefix(alert.Err.Error(), "tls: ")
		reason := "TLS: the server refused: " + clean(alert, messageLimit)
		if strings.Contains(alert, "certificate") {
			reason += " (does it want a client certificate?)"
		}
		return reason
	}
	if local, ok := strings.CutPrefix(err.Error(), "tls: "); ok {
		return "TLS: " + clean(local, messageLimit)
	}
	return ""
}

func certificateReason(host string, cert *x509.Certificate, err error) string {
	which := ""
	if cert != nil {
		which = fmt.Sprintf(" (subject %s, issuer %s, valid until %s)", clean(cert.Subject.String(), 100),
			clean(cert.Issuer.String(), 100), cert.NotAfter.UTC().Format(time.DateOnly))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "TLS: the certificate is signed by an unknown authority" + which
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		names := "none"
		if cert != nil && len(cert.DNSNames)+len(cert.IPAddresses) > 0 {
			list := append([]string{}, cert.DNSNames...)
			for _, ip := range cert.IPAddresses {
				list = append(list, ip.String())
			}
			names = clean(strings.Join(list, ", "), 100)
		}
		return "TLS: the certificate is not for " + clean(host, 253) + " but for " + names + which
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired && cert != nil {
		if now := time.Now(); now.Before(cert.NotBefore) {
			return fmt.Sprintf("TLS: the certificate is not valid before %s, and this machine's clock says %s%s",
				cert.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339), which)
		}
		return fmt.Sprintf("TLS: the certificate expired on %s%s", cert.NotAfter.UTC().Format(time.RFC3339), which)
	}
	return "TLS: the certificate is not valid" + which
}
