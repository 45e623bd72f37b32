// Package web is the edge of every HTTP Lambda: Function URL events become
// http.Requests, errors become problem+json, and the caller gets a name.
package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"safekeep/shared/problem"
)

// Start serves h behind this Lambda's Function URL and does not return.
// The URL must have InvokeMode BUFFERED, the default.
func Start(h http.Handler) {
	lambda.Start(Invoker(h))
}

// answerReserve is the time kept back from what Lambda grants, so that a caller
// gets our 503 and not Lambda's 502 when a table does not answer.
const answerReserve = 500 * time.Millisecond

// Invoker returns the function that answers one Function URL event (payload
// version 2.0) by h. It never returns an error: whatever happens is an answer.
func Invoker(h http.Handler) func(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	return func(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-answerReserve))
			defer cancel()
		}
		w := &response{header: http.Header{}, status: http.StatusOK}
		r, err := request(ctx, event)
		if err != nil {
			WriteError(ctx, w, err)
		} else {
			serve(w, r, h) //nolint:contextcheck // r carries ctx
		}
		return w.event(), nil
	}
}

// serve answers a panic with 500. The panic's value stays out of the log: it
// may hold what the request held.
func serve(w *response, r *http.Request, h http.Handler) {
	defer func() {
		if value := recover(); value != nil {
			slog.ErrorContext(r.Context(), "panic", "type", fmt.Sprintf("%T", value), "stack", string(debug.Stack()))
			*w = response{header: http.Header{}, status: http.StatusOK}
			WriteError(r.Context(), w, fmt.Errorf("panic of type %T", value))
		}
	}()
	h.ServeHTTP(w, r)
}

// request builds the http.Request that the caller sent. Header names arrive in
// lower case, the body in base64 unless it is text.
func request(ctx context.Context, event events.LambdaFunctionURLRequest) (*http.Request, error) {
	body := []byte(event.Body)
	if event.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(event.Body)
		if err != nil {
			return nil, problem.New(problem.Unreadable, "The body is marked as base64 but is not.")
		}
		body = decoded
	}
	if iam := event.RequestContext.Authorizer; iam != nil && iam.IAM != nil {
		ctx = withPrincipal(ctx, iam.IAM.UserARN)
	}
	r, err := http.NewRequestWithContext(ctx, event.RequestContext.HTTP.Method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, problem.New(problem.Unreadable, "The request's method cannot be read.")
	}
	if r.URL, err = location(event.RawPath, event.RawQueryString); err != nil {
		return nil, err
	}
	for name, value := range event.Headers {
		r.Header.Set(name, value)
	}
	r.Host = event.RequestContext.DomainName
	r.RemoteAddr = event.RequestContext.HTTP.SourceIP
	return r, nil
}

func location(rawPath, rawQuery string) (*url.URL, error) {
	path, err := url.PathUnescape(rawPath)
	if err != nil || !strings.HasPrefix(rawPath, "/") {
		return nil, problem.New(problem.Unreadable, "The path is not percent-encoded rightly.")
	}
	return &url.URL{Path: path, RawPath: rawPath, RawQuery: rawQuery}, nil
}

// response collects an answer; a buffered Function URL sends it whole.
type response struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
}

func (w *response) Write(b []byte) (int, error) {
	w.wrote = true
	return w.body.Write(b)
}

func (w *response) event() events.LambdaFunctionURLResponse {
	event := events.LambdaFunctionURLResponse{StatusCode: w.status, Headers: map[string]string{}}
	for name, values := range w.header {
		event.Headers[name] = strings.Join(values, ", ")
	}
	if body := w.body.Bytes(); utf8.Valid(body) {
		event.Body = string(body)
	} else {
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return event
}
