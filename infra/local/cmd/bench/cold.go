package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"safekeep/infra/local"
	"safekeep/infra/local/host"
)

// firsts are first events that a function answers without calling anything, so
// that a cold start is a start and not a call.
var firsts = map[string]any{
	"alerts":     request(http.MethodPost, "/alerts/github", "[]", nil),
	"introspect": request(http.MethodPost, "/tokens/introspect", "", nil),
	"tokens":     request(http.MethodGet, "/nothing/here", "", nil),
	"workspaces": request(http.MethodGet, "/nothing/here", "", nil),
	"notify":     map[string]any{"Records": []any{}},
}

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
// first answer, which must be the same on both sides.
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
		event, err := json.Marshal(firsts[function])
		if err != nil {
			return pair{}, fmt.Errorf("building the first event: %w", err)
		}
		var answer []byte
		return pair{
			ours: func(ctx context.Context) (time.Duration, error) {
				took, payload, err := start(ctx, ours, function, event)
				answer = payload
				return took, err
			},
			floor: func(ctx context.Context) (time.Duration, error) {
				took, payload, err := start(ctx, hello, function, event)
				if err == nil && !bytes.Equal(payload, answer) {
					err = fmt.Errorf("it answers\n%s\nwhere ours answers\n%s", payload, answer)
				}
				return took, err
			},
		}, nil
	}
}

// start starts a fresh process, times it up to its first answer, and ends it.
func start(ctx context.Context, s *local.Stack, function string, event []byte) (time.Duration, []byte, error) {
	s.Kill(function)
	began := time.Now()
	r, err := s.Invoke(ctx, function, event)
	took := time.Since(began)
	s.Kill(function)
	switch {
	case err != nil:
		return 0, nil, err
	case r.Failed:
		return 0, nil, fmt.Errorf("it failed: %s", r.Payload)
	case !r.Cold:
		return 0, nil, fmt.Errorf("the process was not a fresh one")
	}
	return took, r.Payload, nil
}
