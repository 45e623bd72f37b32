package alert

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"safekeep/shared/metrics"
)

// How long a host's keys are believed.
const (
	// freshFor is how long a fetched set is used without asking the host
	// whether it still holds.
	freshFor = time.Hour
	// servedFor is how long a known key still verifies while the host's key
	// endpoint cannot be reached.
	servedFor = 7 * 24 * time.Hour
	// restAfterFailure keeps one instance from asking a dead endpoint for
	// every report that a known key can answer.
	restAfterFailure = time.Minute
	// clockSkew is how far the clocks of two instances may lie apart.
	clockSkew = time.Second
)

// errUnknownKey says that the host has no such key: the report is not its.
var errUnknownKey = errors.New("the host has no key of this id")

// errUndecided says that nobody can say now whether the host has such a key.
var errUndecided = errors.New("the host's keys cannot be asked for now")

// KeySet is one fetched key document.
type KeySet struct {
	Document []byte
	ETag     string
	// Began is when the last fetch that confirmed the document was begun.
	Began time.Time
	// Own says that this instance fetched it, by its own clock.
	Own  bool
	keys map[string]*ecdsa.PublicKey
}

// Source fetches a host's key document. A nil document means that the one
// with the given ETag still holds.
type Source interface {
	Fetch(ctx context.Context, etag string) (document []byte, newETag string, err error)
}

// Shelf is where the instances of the stack share one host's keys.
type Shelf interface {
	// Load returns the shared set, or nil when there is none.
	Load(ctx context.Context) (*KeySet, error)
	// Lease asks to be the one that fetches. It is refused, with wait false,
	// when the fetches of the last minute are used up, and with wait true
	// when another instance is fetching just now.
	Lease(ctx context.Context, now time.Time) (granted, wait bool, err error)
	// Store puts a confirmed set and ends the lease.
	Store(ctx context.Context, set *KeySet) error
	// Release ends the lease without a result.
	Release(ctx context.Context) error
}

// Keyring finds a host's keys: in the instance, on the shelf that all
// instances share, or at the host.
//
// Anybody can send a report with an invented key id, so what such a report can
// cause is bounded: the shelf grants a limited number of fetches, whoever comes
// while one is under way waits for it, and a report is called forged only after
// a fetch that began after it arrived. So a forger can neither drown the host
// in requests nor make us refuse a report signed by a key published meanwhile.
type Keyring struct {
	Host    string
	Source  Source
	Shelf   Shelf
	Metrics *metrics.Recorder
	Now     func() time.Time

	flight chan struct{} // holds one permit: to look beyond the instance

	mu        sync.RWMutex // guards what follows
	set       *KeySet
	restUntil time.Time
}

// NewKeyring returns the keyring of a host.
func NewKeyring(host string, source Source, shelf Shelf, recorder *metrics.Recorder) *Keyring {
	k := &Keyring{Host: host, Source: source, Shelf: shelf, Metrics: recorder, Now: time.Now, flight: make(chan struct{}, 1)}
	k.flight <- struct{}{}
	return k
}

// Key returns the key of the given id for a report that arrived at the given
// time, or errUnknownKey, or errUndecided.
func (k *Keyring) Key(ctx context.Context, id string, arrived time.Time) (*ecdsa.PublicKey, error) {
	if key := k.have(id, freshFor); key != nil {
		return key, nil
	}
	select {
	case <-k.flight:
		defer func() { k.flight <- struct{}{} }()
	case <-ctx.Done():
		return nil, errUndecided
	}
	if err := k.load(ctx); err != nil {
		slog.WarnContext(ctx, "shared keys not read", "host", k.Host, "error", err.Error())
	}
	if !k.answered(id, arrived) && !k.resting(id) {
		if err := k.refresh(ctx, id, arrived); err != nil {
			slog.WarnContext(ctx, "keys not refreshed", "host", k.Host, "error", err.Error())
			k.rest()
		}
	}
	if key := k.have(id, freshFor); key != nil {
		return key, nil
	}
	if k.settled(id, arrived) {
		return nil, errUnknownKey
	}
	if key := k.have(id, servedFor); key != nil {
		return key, nil // a key we know is served while its endpoint is down
	}
	return nil, errUndecided
}

// have returns the key if it is in a set confirmed no longer ago than age.
func (k *Keyring) have(id string, age time.Duration) *ecdsa.PublicKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.set == nil || k.Now().Sub(k.set.Began) >= age {
		return nil
	}
	return k.set.keys[id]
}

// answered says whether nothing needs to be fetched to answer for this id.
func (k *Keyring) answered(id string, arrived time.Time) bool {
	return k.have(id, freshFor) != nil || k.settled(id, arrived)
}

// resting says whether a known key should be served without asking again: the
// endpoint has just failed.
func (k *Keyring) resting(id string) bool {
	key := k.have(id, servedFor)
	k.mu.RLock()
	defer k.mu.RUnlock()
	return key != nil && k.Now().Before(k.restUntil)
}

func (k *Keyring) rest() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.restUntil = k.Now().Add(restAfterFailure)
}

// settled says whether the host was asked after the report arrived and did not
// have the key.
func (k *Keyring) settled(id string, arrived time.Time) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.set == nil || k.set.keys[id] != nil {
		return false
	}
	if !k.set.Own {
		arrived = arrived.Add(clockSkew)
	}
	return k.set.Began.After(arrived)
}

// load takes the shared set over if it is newer.
func (k *Keyring) load(ctx context.Context) error {
	set, err := k.Shelf.Load(ctx)
	if err != nil || set == nil || set.Began.After(k.Now().Add(clockSkew)) {
		return err
	}
	if set.keys, err = parseKeys(set.Document); err != nil {
		return err
	}
	k.replace(set)
	return nil
}

// replace takes a set over if it is newer: a key that the host has withdrawn
// ends here.
func (k *Keyring) replace(set *KeySet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set == nil || set.Began.After(k.set.Began) {
		k.set = set
	}
}

// pollEvery is how often an instance looks whether another's fetch is done.
const pollEvery = 250 * time.Millisecond

// refresh fetches the keys, or waits for the instance that is fetching them.
// It returns nil when the set has become newer than the report or has the key.
func (k *Keyring) refresh(ctx context.Context, id string, arrived time.Time) error {
	for deadline := k.Now().Add(leaseFor); ; {
		granted, wait, err := k.Shelf.Lease(ctx, k.Now())
		if err != nil {
			return err
		}
		if granted {
			return k.fetch(ctx)
		}
		if !wait || k.Now().After(deadline) {
			return errUndecided
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := k.load(ctx); err != nil {
			return err
		}
		if k.answered(id, arrived) {
			return nil
		}
	}
}

func (k *Keyring) fetch(ctx context.Context) error {
	set := &KeySet{Began: k.Now(), Own: true}
	k.mu.RLock()
	old := k.set
	k.mu.RUnlock()
	var etag string
	if old != nil {
		etag = old.ETag
	}
	document, newETag, err := k.Source.Fetch(ctx, etag)
	if err == nil && document == nil { // not modified; only asked for with an ETag
		set.Document, set.ETag, set.keys = old.Document, old.ETag, old.keys
	} else if err == nil {
		set.Document, set.ETag = document, newETag
		set.keys, err = parseKeys(document)
	}
	if err != nil {
		k.Metrics.Add(k.Now(), "HostKeysStale", 1, [2]string{"Host", k.Host})
		if release := k.Shelf.Release(ctx); release != nil {
			slog.WarnContext(ctx, "lease not released", "host", k.Host, "error", release.Error())
		}
		return fmt.Errorf("fetching the keys of %s: %w", k.Host, err)
	}
	k.replace(set)
	if err := k.Shelf.Store(ctx, set); err != nil {
		// This instance can go on; the others fetch for themselves.
		slog.WarnContext(ctx, "keys not shared", "host", k.Host, "error", err.Error())
	}
	return nil
}
