package alert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"
)

// The limits of one fetch of a key document: two tries within leaseFor.
const (
	fetchTimeout = 3 * time.Second
	fetchTries   = 2
	maxDocument  = 256 << 10 // bytes; GitHub's has about one thousand
)

// Endpoint is a host's key endpoint.
type Endpoint struct {
	URL string
	// Token returns a bearer token, nil when calls go out unauthenticated.
	// GitHub counts those by address, and a Lambda shares its address.
	Token func(context.Context) (string, error)

	client *http.Client
}

// NewEndpoint returns the endpoint at url; token may be nil.
func NewEndpoint(url string, token func(context.Context) (string, error)) *Endpoint {
	return &Endpoint{URL: url, Token: token, client: &http.Client{
		Timeout: fetchTimeout,
		// The keys that everything rests on come from the address that was
		// configured or not at all; and a redirect would carry the token away.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Fetch implements Source.
func (e *Endpoint) Fetch(ctx context.Context, etag string) (document []byte, newETag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaseFor-time.Second)
	defer cancel()
	bearer := e.bearer(ctx)
	for try := 1; ; try++ {
		document, newETag, err = e.fetch(ctx, etag, bearer)
		if err == nil || try == fetchTries || ctx.Err() != nil {
			return document, newETag, err
		}
		if bearer != "" {
			// A token that has expired, or is none, must not cost us the
			// keys, which are public.
			slog.WarnContext(ctx, "asking for keys again, without the token", "error", err.Error())
			bearer = ""
		}
		select {
		case <-time.After(50*time.Millisecond + rand.N(200*time.Millisecond)):
		case <-ctx.Done():
			return nil, "", ctx.Err()
		}
	}
}

// bearer returns the token to ask with, or "".
func (e *Endpoint) bearer(ctx context.Context) string {
	if e.Token == nil {
		return ""
	}
	token, err := e.Token(ctx)
	if err != nil {
		slog.WarnContext(ctx, "asking for keys without a token", "error", err.Error())
		return ""
	}
	return token
}

func (e *Endpoint) fetch(ctx context.Context, etag, bearer string) ([]byte, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL, nil)
	if err != nil {
		return nil, "", fmt.Errorf("making the request: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "safekeep") // GitHub refuses callers without one
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := e.client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode == http.StatusNotModified && etag != "" {
		return nil, etag, nil
	}
	if answer.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("the key endpoint answered %d", answer.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err != nil {
		return nil, "", err
	}
	if len(document) == 0 || len(document) > maxDocument {
		return nil, "", errors.New("the key document is empty or too long")
	}
	return document, answer.Header.Get("ETag"), nil
}
