package notice

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"safekeep/shared/letter"
)

// What SES says decides whether a mail may be sent again.
func TestSESAnswers(t *testing.T) {
	problem := func(status int, kind string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-Errortype", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"message":"no"}`))
		}
	}
	for name, c := range map[string]struct {
		answer   http.HandlerFunc
		want     error // nil with inFlight false: sent
		inFlight bool
		tries    int
	}{
		"sent":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"MessageId":"1"}`)) }, nil, false, 1},
		"bad address": {problem(400, "BadRequestException"), ErrRefused, false, 1},
		"rejected":    {problem(400, "MessageRejected"), ErrNotSent, false, 1},
		"paused":      {problem(400, "SendingPausedException"), ErrNotSent, false, 1},
		"throttled":   {problem(429, "TooManyRequestsException"), ErrNotSent, false, 5},
		"broken":      {problem(500, "InternalFailure"), nil, true, 1},
		"hung up":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex // the handler may outlive the call that hung up
			tries := 0
			var got struct {
				FromEmailAddress string
				Destination      struct{ ToAddresses []string }
				Content          struct {
					Simple struct {
						Headers []struct{ Name, Value string }
					}
				}
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				tries++
				_ = json.NewDecoder(r.Body).Decode(&got)
				mu.Unlock()
				c.answer(w, r)
			}))
			defer server.Close()
			ses := &SES{From: "Acme <security@acme.example>", Client: NewSESClient(aws.Config{
				Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
			})}
			err := ses.Send(t.Context(), "ann@acme.example", letter.Mail{Subject: "s", Text: "t", HTML: "h", Headers: map[string]string{"Auto-Submitted": "auto-generated"}})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case c.want != nil && !errors.Is(err, c.want), c.want == nil && !c.inFlight && err != nil:
				t.Errorf("%v, want %v", err, c.want)
			case c.inFlight && (err == nil || errors.Is(err, ErrRefused) || errors.Is(err, ErrNotSent)):
				t.Errorf("%v, want an error that leaves open whether it was sent", err)
			}
			if tries != c.tries {
				t.Errorf("tried %d times, want %d", tries, c.tries)
			}
			if len(got.Destination.ToAddresses) != 1 || got.Content.Simple.Headers[0].Name != "Auto-Submitted" {
				t.Errorf("sent %+v", got)
			}
		})
	}
}

// A closed port is a mail that surely was not sent.
func TestSESUnreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	ses := &SES{From: "security@acme.example", Client: NewSESClient(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})}
	if err := ses.Send(t.Context(), "ann@acme.example", letter.Mail{}); !errors.Is(err, ErrNotSent) {
		t.Errorf("%v, want ErrNotSent", err)
	}
}
