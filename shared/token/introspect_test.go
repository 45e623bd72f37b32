package token_test

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/shared/token"
)

// emptyTable counts what is asked of it and has nothing.
type emptyTable struct {
	mu    sync.Mutex
	calls map[string]int
}

func (e *emptyTable) Do(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	e.calls[operation]++
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}

// Guessing costs one read a guess and no write, whatever is guessed.
func TestGuessesCostNoWrite(t *testing.T) {
	a := newAPI(t)
	options := a.store.Client.Options()
	table := &emptyTable{calls: map[string]int{}}
	options.HTTPClient = table
	routes := (&token.Introspector{Store: &token.Store{Client: dynamodb.New(options), Table: "Tokens"}, Now: func() time.Time { return noon }}).Routes()
	const guesses = 20_000
	for i := range guesses {
		guess := rand.Text()
		if i%2 == 0 {
			secret, err := format(t, "skp").Issue(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			guess = secret.Reveal()
		}
		form := url.Values{"token": {guess}, "ip": {"203.0.113.7"}, "user_agent": {"guesser"}}
		r := httptest.NewRequest(http.MethodPost, "/tokens/introspect", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, r)
		if w.Body.String() != `{"active":false}` {
			t.Fatalf("guess %d: %d %s", i, w.Code, w.Body)
		}
	}
	if len(table.calls) != 1 || table.calls["GetItem"] != guesses {
		t.Errorf("calls: %v", table.calls)
	}
}
