package snowflake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// answer is what came back of one call.
type answer struct {
	status int
	body   []byte
	// ahead is how far our clock is ahead of Snowflake's, negative if it is behind,
	// to about a second; 0 where the answer does not say.
	ahead time.Duration
}

// call sends a request until it is answered, at most maxTries times. It is made
// anew for every try, because a sign-in token is good for one moment only.
func (c *Client) call(ctx context.Context, request func(ctx context.Context, try int) (*http.Request, error)) (answer, error) {
	for try := 1; ; try++ {
		a, err := c.try(ctx, try, request)
		switch {
		case err == nil && !passing(a.status):
			return a, nil
		case err == nil:
			err = fmt.Errorf("HTTP status %d", a.status)
		case ctx.Err() != nil, isRefusal(err):
			return answer{}, err
		}
		if try == maxTries {
			return answer{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		pause := maxPause << (try - 1)
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return answer{}, fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
		}
	}
}

// passing says whether the same request may be answered otherwise in a moment.
// Source: what Snowflake's drivers send again.
func passing(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

func (c *Client) try(ctx context.Context, n int, request func(context.Context, int) (*http.Request, error)) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	made, err := request(ctx, n)
	if err != nil {
		return answer{}, err
	}
	response, err := c.http.Do(made)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return answer{}, refusalOfAccount()
	}
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return answer{}, err
	}
	if len(body) > maxAnswer {
		return answer{}, errors.New("an answer of more than 1 MB")
	}
	a := answer{status: response.StatusCode, body: body}
	if theirs, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		a.ahead = c.now().Sub(theirs)
	}
	return a, nil
}

// newRequest makes a request with a JSON body and the headers that both of
// Snowflake's interfaces ask for.
func newRequest(ctx context.Context, url, accept string, body any) (*http.Request, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("making a request to Snowflake: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", accept)
	request.Header.Set("User-Agent", userAgent) // the SQL API refuses a request without one
	return request, nil
}

const userAgent = "Safekeep/1"

func isRefusal(err error) bool {
	var r *Refusal
	return errors.As(err, &r)
}
