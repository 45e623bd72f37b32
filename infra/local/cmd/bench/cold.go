package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"safekeep/infra/local"
	"safekeep/infra/local/host"
)

// firsts are first events that a function answers without calling anything, so
// that a cold start is a start and not a call.
var firsts = map[string]any{
	"alerts":      request(http.MethodPost, "/alerts/github", "[]", nil),
	"authorizer":  map[string]any{"version": "2.0"},
	"connect":     request(http.MethodPost, "/credentials/open", "", nil),
	"credentials": request(http.MethodGet, "/nothing/here", "", nil),
	"introspect":  request(http.MethodPost, "/tokens/introspect", "", nil),
	"mfa":         request(http.MethodGet, "/nothing/here", "", nil),
	"passwords":   request(http.MethodGet, "/nothing/here", "", nil),
	"tokens":      request(http.MethodGet, "/nothing/here", "", nil),
	"workspaces":  request(http.MethodGet, "/nothing/here", "", nil),
	"notify":      map[string]any{"Records": []any{}},
	"rotate":      map[string]any{},
	"sweep":       map[string]any{},
}

// refusing are the functions that refuse their first event: a sweep or a rotation
// that is one begins with a call.
var refusing = map[string]bool{"rotate": true, "sweep": true}

// request is the event of a signed call of a Function URL, headers as given.
func request(method, path, body string, headers map[string]string) events.LambdaFunctionURLRequest {
	all := map[string]string{
		"accept": "*/*", "content-type": "application/json", "host": "local.example",
		"user-agent": "bench", "x-forwarded-for": "127.0.0.1", "x-forwarded-port": "443", "x-forwarded-proto": "https",
	}
	for name, value := range headers {
		all[name] = value
	}
	return events.LambdaFunctionURLRequest{
		Version: "2.0", RawPath: path, Headers: all, Body: body,
		RequestContext: events.LambdaFunctionURLRequestContext{
			AccountID: host.Account, APIID: "local", DomainName: "local.example", DomainPrefix: "local",
			Authorizer: &events.LambdaFunctionURLRequestContextAuthorizerDescription{
				IAM: &events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{
					AccessKey: "LOCAL", AccountID: host.Account, CallerID: "LOCAL", UserARN: host.UserARN, UserID: "LOCAL",
				},
			},
			HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{
				Method: method, Path: path, Protocol: "HTTP/1.1", SourceIP: "127.0.0.1", UserAgent: "bench",
			},
		},
	}
}

// openCold measures the start of a function: from starting the process to its
// first answer, which is the same on both sides.
func openCold(function string) func(context.Context, *bench) (pair, error) {
	return func(ctx context.Context, b *bench) (pair, error) {
		ours, err := b.stack(ctx, "ours")
		if err != nil {
			return pair{}, err
		}
		hello, err := b.stack(ctx, "hello")
		if err != nil {
			return pair{}, err
		}
		if err := b.relay(function); err != nil {
			return pair{}, err
		}
		var answer events.LambdaFunctionURLResponse
		return pair{
			ours: func(ctx context.Context) (took time.Duration, err error) {
				took, answer, err = start(ctx, ours, function)
				return took, err
			},
			floor: func(ctx context.Context) (time.Duration, error) {
				took, hers, err := start(ctx, hello, function)
				if err == nil && (hers.StatusCode != answer.StatusCode || hers.Body != answer.Body) {
					err = fmt.Errorf("it answers %d %s where ours answers %d %s", hers.StatusCode, hers.Body, answer.StatusCode, answer.Body)
				}
				return took, err
			},
		}, nil
	}
}

// answers asks the real functions for their first answers and returns them as
// the environment of the programs that play them, so that a new wording in one
// place does not want a second one here.
func (b *bench) answers(ctx context.Context) (map[string]map[string]string, error) {
	ours, err := b.stack(ctx, "ours")
	if err != nil {
		return nil, err
	}
	env := make(map[string]map[string]string)
	for function, first := range firsts {
		if _, ok := first.(events.LambdaFunctionURLRequest); !ok && !refusing[function] {
			continue // its answer is no HTTP answer
		}
		_, answer, err := start(ctx, ours, function)
		if err != nil {
			return nil, fmt.Errorf("asking %s: %w", function, err)
		}
		env[function] = map[string]string{"HELLO_STATUS": strconv.Itoa(answer.StatusCode), "HELLO_BODY": answer.Body}
	}
	return env, nil
}

// start starts a fresh process, times it up to its first answer, and ends it.
// What notify and the authorizer answer is read as an empty answer, an error as
// one with the error's text and no status.
func start(ctx context.Context, s *local.Stack, function string) (took time.Duration, answer events.LambdaFunctionURLResponse, err error) {
	event, err := json.Marshal(firsts[function])
	if err != nil {
		return 0, answer, fmt.Errorf("building the first event: %w", err)
	}
	s.Kill(function)
	began := time.Now()
	r, err := s.Invoke(ctx, function, event)
	took = time.Since(began)
	s.Kill(function)
	switch {
	case err != nil:
		return 0, answer, err
	case r.Failed != refusing[function]:
		return 0, answer, fmt.Errorf("it answered otherwise than it should: %s", r.Payload)
	case !r.Cold:
		return 0, answer, errors.New("the process was not a fresh one")
	}
	read := any(&answer)
	var refusal struct{ ErrorMessage string }
	if r.Failed {
		read = &refusal
	}
	if err := json.Unmarshal(r.Payload, read); err != nil {
		return 0, answer, fmt.Errorf("reading its answer: %w", err)
	}
	answer.Body += refusal.ErrorMessage
	return took, answer, nil
}
