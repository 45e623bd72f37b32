// Package tokenservice reaches the token service that a company keeps itself,
// in place of the Tokens table.
//
// The company's service answers two calls, described in infra/tokenservice.yaml:
// which of these hashes are tokens, and end this one. Workspaces, their policy
// and the ledger stay Safekeep's. Only hashes of tokens are ever sent.
//
// Whatever such a service does, be it slow, down, mistaken or somebody else,
// the worst that comes of it is an error: then the code host is answered 503
// and sends its report again.
package tokenservice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"safekeep/shared/token"
)

// The limits of the calls.
const (
	callTimeout   = 2 * time.Second // one try, until the answer's last byte
	maxTries      = 3
	maxPause      = 300 * time.Millisecond
	maxAnswer     = 512 << 10 // bytes; one hundred tokens with the longest names take half
	maxHeaders    = 16 << 10
	lookupSize    = 100 // hashes a call
	parallelCalls = 8
)

// Remote is the company's service. Make one with New.
type Remote struct {
	base   string
	secret func(context.Context) (string, error)
	now    func() time.Time
	random io.Reader
	client *http.Client
	// timeout is callTimeout, and less in tests.
	timeout time.Duration
}

// New returns the service at an address, which must be https unless it is this
// machine's own. Secret returns what ParseKeys reads; random makes nonces.
func New(address string, secret func(context.Context) (string, error), now func() time.Time, random io.Reader) (*Remote, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the token service's address must be like https://tokens.example.com/safekeep, without user, query or fragment")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, errors.New("the token service's address must begin with https://")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2 * parallelCalls
	transport.MaxResponseHeaderBytes = maxHeaders
	// The signature is over the bytes as they are sent.
	transport.DisableCompression = true
	return &Remote{
		base: strings.TrimRight(address, "/"), secret: secret, now: now, random: random, timeout: callTimeout,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // what we ask for is only at the address that was configured
		}},
	}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Lookup returns those of the hashes, which must be distinct, that are tokens.
// Status is Active or Revoked; an expired one is Active with ExpiresAt set. An
// error beside tokens is about others, of which the service makes no sense; when
// a whole answer does not, there are none.
func (r *Remote) Lookup(ctx context.Context, hashes []token.Hash) (map[token.Hash]token.Token, error) {
	chunks := slices.Collect(slices.Chunk(hashes, lookupSize))
	found, odd := make([][]token.Token, len(chunks)), make([]error, len(chunks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelCalls)
	for i, chunk := range chunks {
		group.Go(func() error {
			answer, err := r.call(ctx, "/lookup", map[string][]token.Hash{"sha256": chunk})
			if err == nil {
				found[i], err = readLookup(answer, chunk)
			}
			if err != nil {
				err = fmt.Errorf("looking tokens up at the token service: %w", err)
			}
			if found[i] == nil {
				return err
			}
			odd[i] = err // returned here, it would end the other calls
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	// The calls asked for different hashes, and no answer may hold another.
	all := make(map[token.Hash]token.Token)
	for _, tokens := range found {
		for _, t := range tokens {
			all[t.Hash] = t
		}
	}
	return all, errors.Join(odd...)
}

// Revoke ends a token that Lookup has found. It is the same whether this call
// ended it or it had ended: an answer may have been lost, so the two cannot be
// told apart. A service that does not know the token now contradicts itself,
// which is an error, because a token that is good could be behind it.
func (r *Remote) Revoke(ctx context.Context, hash token.Hash, report string) error {
	answer, err := r.call(ctx, "/revoke", map[string]string{"sha256": string(hash), "reason": string(token.Leaked), "report": report})
	if err == nil {
		err = readRevoke(answer)
	}
	if err != nil {
		return fmt.Errorf("revoking at the token service: %w", err)
	}
	return nil
}

// call sends a question until it is answered, at most maxTries times, and
// returns the body of an answer that the service has signed.
func (r *Remote) call(ctx context.Context, path string, question any) ([]byte, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	secret, err := r.secret(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := ParseKeys(secret)
	if err != nil {
		return nil, err
	}
	// Both calls may be repeated: a lookup changes nothing, and a second
	// revocation of the same token neither.
	for try := 1; ; try++ {
		answer, err := r.try(ctx, keys, path, body)
		var passing *passingError
		if err == nil || !errors.As(err, &passing) || try == maxTries {
			return answer, err
		}
		if ctx.Err() != nil || pause(ctx, try) != nil {
			return nil, err // which says more than that time is up
		}
	}
}
