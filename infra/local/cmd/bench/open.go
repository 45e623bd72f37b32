package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"safekeep/infra/local"
	"safekeep/shared/snowflake"
)

// openCredential measures a use of a credential with a grant, on a warm instance:
// the secret itself, or a session that is opened with it. Storing and granting, by
// the real function on both sides, are not timed.
func openCredential(path string) func(context.Context, *bench) (pair, error) {
	return func(ctx context.Context, b *bench) (pair, error) {
		key, err := snowflake.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return pair{}, err
		}
		body, err := json.Marshal(map[string]any{
			"warehouse": "snowflake", "name": "main", "settings": map[string]string{"account": "myorg-myaccount", "user": "LOADER"},
			"secret": map[string]string{"private_key": string(snowflake.MarshalPrivateKey(key))},
		})
		if err != nil {
			return pair{}, err
		}
		sides := make([]func(context.Context) (time.Duration, error), 2)
		for i, name := range []string{"ours", "floor"} {
			s, err := b.stack(ctx, name)
			if err != nil {
				return pair{}, err
			}
			if _, err := s.Snowflake.Account("myorg-myaccount").Exec("CREATE USER IF NOT EXISTS LOADER; " +
				snowflake.SetPublicKey("LOADER", snowflake.Slot1, &key.PublicKey)); err != nil {
				return pair{}, err
			}
			if _, err := ask[any](ctx, s, "workspaces", http.MethodPut, "/workspaces/bench", `{"name":"bench"}`, http.StatusOK); err != nil {
				return pair{}, err
			}
			made, err := ask[struct{ ID string }](ctx, s, "credentials", http.MethodPost, "/workspaces/bench/credentials", string(body), http.StatusCreated)
			if err != nil {
				return pair{}, err
			}
			sides[i] = opener(s, path, made.ID)
		}
		return pair{ours: sides[0], floor: sides[1]}, nil
	}
}

// opener asks for a grant and times its use.
func opener(s *local.Stack, path, id string) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		granted, err := ask[struct{ Grant string }](ctx, s, "credentials", http.MethodPost, "/workspaces/bench/grants",
			`{"credentials":["`+id+`"],"purpose":"extract","run":"bench"}`, http.StatusCreated)
		if err != nil {
			return 0, err
		}
		body, err := json.Marshal(map[string]string{"grant": granted.Grant, "credential": id})
		if err != nil {
			return 0, err
		}
		event, err := json.Marshal(request(http.MethodPost, path, string(body), nil))
		if err != nil {
			return 0, err
		}
		result, err := s.Invoke(ctx, "connect", event)
		if err != nil {
			return 0, err
		}
		got, err := answerOf[struct {
			Secret struct {
				PrivateKey string `json:"private_key"`
			}
			Session struct{ Token string }
		}](result.Payload, http.StatusOK)
		if err == nil && len(got.Secret.PrivateKey) < 1000 && got.Session.Token == "" {
			err = fmt.Errorf("neither a key nor a session came out")
		}
		return result.Took, err
	}
}

// ask calls a function over its URL's event and decodes its answer.
func ask[T any](ctx context.Context, s *local.Stack, function, method, path, body string, status int) (v T, err error) {
	event, err := json.Marshal(request(method, path, body, nil))
	if err != nil {
		return v, err
	}
	result, err := s.Invoke(ctx, function, event)
	if err != nil {
		return v, err
	}
	return answerOf[T](result.Payload, status)
}

func answerOf[T any](payload []byte, status int) (v T, err error) {
	var answer events.LambdaFunctionURLResponse
	if err = json.Unmarshal(payload, &answer); err == nil && answer.StatusCode == status {
		err = json.Unmarshal([]byte(answer.Body), &v)
	} else if err == nil {
		err = fmt.Errorf("it answered %d %.300s", answer.StatusCode, answer.Body)
	}
	return v, err
}
