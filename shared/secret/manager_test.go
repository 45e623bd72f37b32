package secret_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"safekeep/shared/secret"
)

func TestReadRemembersForAWhile(t *testing.T) {
	reads, answer := 0, `{"SecretString":"ghp_one"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reads++
		if answer == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	now := time.Now()
	m := &secret.Manager{ID: "github", Now: func() time.Time { return now }, Client: secretsmanager.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})}
	for range 3 {
		if got, err := m.Read(t.Context()); got != "ghp_one" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if reads != 1 {
		t.Errorf("%d reads, want 1", reads)
	}
	now, answer = now.Add(5*time.Minute), `{"SecretString":" ghp_two\n"}`
	if got, _ := m.Read(t.Context()); got != "ghp_two" {
		t.Error("a rotated secret is not picked up")
	}
	for _, bad := range []string{"", `{}`, `{"SecretString":""}`} {
		now, answer = now.Add(5*time.Minute), bad
		if got, err := m.Read(t.Context()); err == nil || got != "" || strings.Contains(err.Error(), "ghp_") {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
}
