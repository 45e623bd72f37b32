package credential_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"safekeep/shared/credential"
	"safekeep/shared/envelope"
	"safekeep/shared/web"
)

// loud is a sealer that panics with what it was to seal.
type loud struct{}

func (loud) Seal(_ context.Context, _ envelope.Context, plaintext []byte) ([]byte, error) {
	panic(string(plaintext))
}

// Not even a panic in the vault shows a secret, in the answer or in the log.
func TestPanicTellsNothing(t *testing.T) {
	w := newWorld(t)
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	service := credential.NewService(credential.Service{Store: w.store, Directory: w.places, Sealer: loud{}, Resolver: w.resolver})
	event := events.LambdaFunctionURLRequest{
		RawPath: "/workspaces/acme/credentials", Body: `{"warehouse":"postgres","name":"x",` + postgres + `}`,
		RequestContext: events.LambdaFunctionURLRequestContext{HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{Method: "POST"}},
	}
	answer, err := web.Invoker(service.Routes())(t.Context(), event)
	if err != nil || answer.StatusCode != 500 || !strings.Contains(log.String(), "panic") {
		t.Errorf("%d %s, %v, log %s", answer.StatusCode, answer.Body, err, log.String())
	}
	if strings.Contains(answer.Body+log.String(), password[:12]) {
		t.Error("a panic shows the secret")
	}
}
