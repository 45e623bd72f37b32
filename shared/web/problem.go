package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/aws/smithy-go"

	"safekeep/shared/problem"
)

// statusOf is the one place that decides what a caller sees of an error.
var statusOf = map[problem.Kind]int{
	problem.Unreadable:      http.StatusBadRequest,
	problem.Unacceptable:    http.StatusUnprocessableEntity,
	problem.Unauthenticated: http.StatusUnauthorized,
	problem.Forbidden:       http.StatusForbidden,
	problem.NotFound:        http.StatusNotFound,
	problem.WrongMethod:     http.StatusMethodNotAllowed,
	problem.Conflict:        http.StatusConflict,
	problem.TooLarge:        http.StatusRequestEntityTooLarge,
	problem.Locked:          http.StatusTooManyRequests,
	problem.Unavailable:     http.StatusServiceUnavailable,
}

// problemBody is an RFC 9457 problem document. Field is our one extension that
// any of them may have; a problem's own ones are written beside it.
type problemBody struct {
	Type   string            `json:"type"`
	Title  string            `json:"title"`
	Status int               `json:"status"`
	Detail string            `json:"detail,omitempty"`
	Field  string            `json:"field,omitempty"`
	More   map[string]string `json:"-"`
}

// MarshalJSON puts the extensions at the top, where RFC 9457 (3.2) has them. The
// names that it defines itself cannot be overwritten.
func (b problemBody) MarshalJSON() ([]byte, error) {
	type plain problemBody
	text, err := json.Marshal(plain(b))
	if err != nil || len(b.More) == 0 {
		return text, err
	}
	members := map[string]any{}
	for name, value := range b.More {
		members[name] = value
	}
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// WriteError answers err as problem+json. The text of an error that is not a
// problem goes to the log, never to the caller.
func WriteError(ctx context.Context, w http.ResponseWriter, err error) {
	body := problemBody{Type: "about:blank", Status: http.StatusInternalServerError, Detail: "Something went wrong on our side; it has been noted."}
	var call *smithy.OperationError
	if p, ok := problem.Of(err); ok {
		body.Status, body.Detail, body.Field, body.More = statusOf[p.Kind], p.Detail, p.Field, p.More
	} else if errors.As(err, &call) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		body.Status, body.Detail = http.StatusServiceUnavailable, "A service we depend on did not answer in time; send the same request again."
	}
	if body.Status >= http.StatusInternalServerError {
		slog.ErrorContext(ctx, "request failed", "status", body.Status, "error", err.Error())
	}
	body.Title = http.StatusText(body.Status)
	if body.Status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "5")
	}
	text, _ := json.Marshal(body) // plain texts cannot fail
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store") // a 404 of this second is no fact
	w.WriteHeader(body.Status)
	_, _ = w.Write(text) // a caller who hung up is no error of ours
}
