package grant

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// KeySource says which public key grants are signed with now.
type KeySource interface {
	PublicKey(ctx context.Context) (*ecdsa.PublicKey, error)
}

// key is a public key and its name.
type key struct {
	public *ecdsa.PublicKey
	// id is the JWK thumbprint (RFC 7638) that stands in the header kid. The
	// key's ARN would tell every holder of a grant our account and region.
	id string
}

func newKey(public *ecdsa.PublicKey) (*key, error) {
	if public == nil || public.Curve != elliptic.P256() {
		return nil, errors.New("the grant key is no ECDSA key on P-256")
	}
	thumbprint, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("naming the grant key: %w", err)
	}
	return &key{public, base64.RawURLEncoding.EncodeToString(thumbprint)}, nil
}

const (
	// askTimeout bounds one question to the source, retries included.
	askTimeout = 5 * time.Second
	// restAfter is how often an unknown kid may make us ask, for anybody can
	// invent one. So a new key is found this long after it replaced the old
	// one at the latest, and until then its grants may be refused.
	restAfter = 5 * time.Second
)

// keyring holds the key for the life of the process, and asks again when there
// is reason to believe that it was replaced: a kid that it does not know, or a
// signature by another. A replaced key ends at once, as nothing tells one that
// was replaced in time from one that had to be.
type keyring struct {
	source KeySource

	mu    sync.Mutex // guards what follows
	known *key
	last  *question
}

// question is one call of the source, shared by all who wait for its answer.
type question struct {
	asked time.Time
	done  chan struct{} // closed when what follows is set
	key   *key
	err   error
}

// find returns the key of an id, or a refusal, or ErrUnavailable.
func (r *keyring) find(ctx context.Context, id string, now time.Time) (*key, error) {
	k, err := r.get(ctx, now, func(k *key) bool { return k.id == id }, restAfter)
	if err == nil && k.id != id {
		err = refusal(WrongKey)
	}
	return k, err
}

// current returns the key, or ErrUnavailable.
func (r *keyring) current(ctx context.Context) (*key, error) {
	return r.get(ctx, time.Time{}, func(*key) bool { return true }, 0)
}

// renewed asks for the key again.
func (r *keyring) renewed(ctx context.Context) (*key, error) {
	return r.get(ctx, time.Time{}, func(*key) bool { return false }, 0)
}

// get returns the known key if it will do. Else it returns what the source said
// less than rest ago, or asks, or waits for whoever is asking.
func (r *keyring) get(ctx context.Context, now time.Time, will func(*key) bool, rest time.Duration) (*key, error) {
	r.mu.Lock()
	// A known key serves through any outage of the source.
	if r.known != nil && will(r.known) {
		defer r.mu.Unlock()
		return r.known, nil
	}
	q := r.last
	// Without a key every grant waits for one, so then there is no rest.
	if q == nil || q.over() && (r.known == nil || !q.within(rest, now)) {
		q = &question{asked: now, done: make(chan struct{})}
		r.last = q
		// Not by the caller's deadline: others wait for the same answer.
		go r.ask(context.WithoutCancel(ctx), q)
	}
	r.mu.Unlock()
	select {
	case <-q.done:
		return q.key, q.err
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
}

func (r *keyring) ask(ctx context.Context, q *question) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	public, err := r.source.PublicKey(ctx)
	if err == nil {
		q.key, err = newKey(public)
	}
	if err != nil {
		q.err = unavailable(err)
	} else {
		r.mu.Lock()
		r.known = q.key
		r.mu.Unlock()
	}
	close(q.done)
}

func unavailable(err error) error {
	return fmt.Errorf("%w (asking for the grant key: %w)", ErrUnavailable, err)
}

func (q *question) over() bool {
	select {
	case <-q.done:
		return true
	default:
		return false
	}
}

// within says whether it was asked less than so long ago, by the wall clock: in
// a frozen Lambda the monotonic one may stand still. One that was set back ends
// the wait rather than stretching it.
func (q *question) within(rest time.Duration, now time.Time) bool {
	passed := now.Round(0).Sub(q.asked.Round(0))
	return passed >= 0 && passed < rest
}
