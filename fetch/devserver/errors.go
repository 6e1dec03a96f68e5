package devserver

import "net/http"

// failure is an answer that is not 2xx. kind is the member "error", message
// a string or a list of validation issues.
type failure struct {
	status  int
	kind    string
	message any
	details []string // on a current server
}

func (f *failure) Error() string { return f.kind }

func fail(status int, kind, message string) *failure {
	return &failure{status: status, kind: kind, message: message}
}

func badRequest(message string) *failure { return fail(http.StatusBadRequest, "BadRequest", message) }

func unauthorized(message string) *failure {
	return fail(http.StatusUnauthorized, "UnauthorizedError", message)
}

func notFound(message string) *failure { return fail(http.StatusNotFound, "NotFound", message) }

func tokenError(message string) *failure { return fail(http.StatusForbidden, "TokenError", message) }

func permissionDenied(message string) *failure {
	return fail(http.StatusForbidden, "PermissionDenied", message)
}

func somethingWentWrong(kind string) *failure {
	return fail(http.StatusInternalServerError, kind, "Something went wrong")
}

// errorBody is the JSON of a failure. reqId is the first member, and only on a current server.
type errorBody struct {
	RequestID  string   `json:"reqId,omitempty"`
	StatusCode int      `json:"statusCode"`
	Message    any      `json:"message"`
	Error      string   `json:"error"`
	Details    []string `json:"details,omitempty"`
}

// routeNotFound is what the server's HTTP framework says on its own; its
// members come in another order and "error" is a phrase.
type routeNotFound struct {
	Message    string `json:"message"`
	Error      string `json:"error"`
	StatusCode int    `json:"statusCode"`
}

// enumIssue is a finding of the server's validator (zod) about a value that is none of a list.
type enumIssue struct {
	Received string   `json:"received"`
	Code     string   `json:"code"`
	Options  []string `json:"options"`
	Path     []any    `json:"path"`
	Message  string   `json:"message"`
}

// typeIssue is an issue of a wrong or missing type; "received" stands after "expected" there.
type typeIssue struct {
	Code     string `json:"code"`
	Expected string `json:"expected"`
	Received string `json:"received"`
	Path     []any  `json:"path"`
	Message  string `json:"message"`
}

func wrongType(expected, received string, path ...any) typeIssue {
	message := "Expected " + expected + ", received " + received
	if received == "undefined" {
		message = "Required"
	}
	if path == nil {
		path = []any{}
	}
	return typeIssue{Code: "invalid_type", Expected: expected, Received: received, Path: path, Message: message}
}

func wrongEnum(received string, options []string, path ...any) enumIssue {
	list := ""
	for i, o := range options {
		if i > 0 {
			list += " | "
		}
		list += "'" + o + "'"
	}
	return enumIssue{
		Received: received, Code: "invalid_enum_value", Options: options, Path: path,
		Message: "Invalid enum value. Expected " + list + ", received '" + received + "'",
	}
}

// invalid is the answer to a request that does not validate: 401 in 2024, 422 since.
func (s *Server) invalid(issues ...any) *failure {
	status := http.StatusUnprocessableEntity
	if s.cfg.Era == Era2024 {
		status = http.StatusUnauthorized
	}
	return &failure{status: status, kind: "ValidationFailure", message: issues}
}
