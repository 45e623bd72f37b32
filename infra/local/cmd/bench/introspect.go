package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"safekeep/infra/local"
)

// openIntrospect measures the question about one token, by turns of many that
// the table has (known) or has not, on a warm instance. Their use of today is
// noted already, as it is for all calls of a day but the first.
func openIntrospect(known bool) func(context.Context, *bench) (pair, error) {
	return func(ctx context.Context, b *bench) (pair, error) {
		leaks := leak(100, 10)
		sides := make([]func(context.Context) (time.Duration, error), 2)
		for i, name := range []string{"ours", "floor"} {
			s, err := b.stack(ctx, name)
			if err != nil {
				return pair{}, err
			}
			if known {
				if err := putTokens(ctx, s.DynamoDB, leaks); err != nil {
					return pair{}, err
				}
			}
			sides[i] = asker(s, leaks, known)
			if known { // the day's first use is noted outside the measured time
				for range leaks {
					if _, err := sides[i](ctx); err != nil {
						return pair{}, err
					}
				}
			}
		}
		return pair{ours: sides[0], floor: sides[1]}, nil
	}
}

// asker asks about one token after the other.
func asker(s *local.Stack, leaks []leaked, known bool) func(context.Context) (time.Duration, error) {
	n := 0
	return func(ctx context.Context) (time.Duration, error) {
		token := leaks[n%len(leaks)].token
		n++
		form := url.Values{"token": {token}}.Encode()
		event, err := json.Marshal(request(http.MethodPost, "/tokens/introspect", form, map[string]string{"content-type": "application/x-www-form-urlencoded"}))
		if err != nil {
			return 0, err
		}
		result, err := s.Invoke(ctx, "introspect", event)
		if err != nil {
			return 0, err
		}
		var answer events.LambdaFunctionURLResponse
		var body struct{ Active bool }
		if err = json.Unmarshal(result.Payload, &answer); err == nil {
			err = json.Unmarshal([]byte(answer.Body), &body)
		}
		if err != nil || body.Active != known {
			return 0, fmt.Errorf("introspection answered %.300s", result.Payload)
		}
		return result.Took, nil
	}
}
