package alert

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func (b *bench) code(s *Service, keyID string) int {
	b.t.Helper()
	return b.post(s, "/alerts/github", keyID, []byte("[]")).Code
}

func TestKeysAreSharedByInstances(t *testing.T) {
	b := newBench(t)
	for range 3 {
		if got := b.code(b.another(), "key1"); got != 200 {
			t.Errorf("status %d", got)
		}
	}
	if n := b.host.fetches.Load(); n != 1 {
		t.Errorf("%d fetches for three cold instances, want 1", n)
	}
}

func TestNewKeyIsLearntAtOnce(t *testing.T) {
	b := newBench(t)
	b.code(b.service, "key1")
	b.host.publish("key2")
	if got := b.code(b.service, "key2"); got != 200 {
		t.Errorf("a report signed by a new key: status %d", got)
	}
	// And a key that is not current any more still verifies.
	if got := b.code(b.service, "key1"); got != 200 {
		t.Errorf("the old key: status %d", got)
	}
}

func TestWithdrawnKeyEnds(t *testing.T) {
	b := newBench(t)
	b.host.publish("key2")
	b.code(b.service, "key1")
	body := []byte("[]")
	signature := b.host.sign("key1", body)
	b.host.withdraw("key1")
	b.travel(freshFor)
	if w := send(b.service, "/alerts/github", "key1", signature, body); w.Code != 401 {
		t.Errorf("status %d, want 401", w.Code)
	}
}

func TestKnownKeySurvivesAnOutage(t *testing.T) {
	b := newBench(t)
	b.code(b.service, "key1")
	b.host.setDown(true)
	for name, s := range map[string]*Service{"warm": b.service, "cold": b.another()} {
		b.travel(freshFor)
		if got := b.code(s, "key1"); got != 200 {
			t.Errorf("%s: known key in an outage: status %d", name, got)
		}
		if w := send(s, "/alerts/github", "key9", b.host.sign("key1", nil), nil); w.Code != 503 {
			t.Errorf("%s: unknown key in an outage: status %d, want 503", name, w.Code)
		}
	}
	before := b.host.fetches.Load()
	for range 20 {
		b.code(b.service, "key1")
	}
	if n := b.host.fetches.Load() - before; n > fetchTries {
		t.Errorf("%d fetches for 20 reports by a known key within a minute of an outage", n)
	}
	b.travel(servedFor)
	if got := b.code(b.service, "key1"); got != 503 {
		t.Errorf("after a week of outage: status %d, want 503", got)
	}
	b.host.setDown(false)
	b.travel(restAfterFailure)
	if got := b.code(b.service, "key1"); got != 200 {
		t.Errorf("after the outage: status %d", got)
	}
}

func TestNotModifiedConfirmsTheSet(t *testing.T) {
	b := newBench(t)
	b.code(b.service, "key1")
	for range 3 {
		b.travel(freshFor)
		if got := b.code(b.service, "key1"); got != 200 {
			t.Errorf("status %d", got)
		}
	}
	if n := b.host.fetches.Load(); n != 4 {
		t.Errorf("%d fetches in three hours, want 4", n)
	}
}

// A thousand forged reports cause no more fetches than the budget, and a key
// that is published meanwhile is not refused.
func TestForgersAreBounded(t *testing.T) {
	b := newBench(t)
	b.code(b.service, "key1")
	signature := base64.StdEncoding.EncodeToString(append([]byte{0x30, 0x44, 0x02, 0x20}, make([]byte, 66)...))
	services := []*Service{b.service, b.another(), b.another(), b.another()}
	codes := make(chan int, 1000)
	var wg sync.WaitGroup
	for i, s := range services {
		wg.Go(func() {
			for n := range 250 {
				codes <- send(s, "/alerts/github", fmt.Sprintf("forged-%d-%d", i, n), signature, []byte("[]")).Code
			}
		})
	}
	wg.Wait()
	close(codes)
	refused := map[int]int{}
	for code := range codes {
		refused[code]++
	}
	if refused[401]+refused[503] != 1000 {
		t.Errorf("answers: %v", refused)
	}
	if n := b.host.fetches.Load(); n > int64(fetchBucket.Burst) {
		t.Errorf("%d fetches, want at most %d", n, fetchBucket.Burst)
	}
	t.Logf("1,000 forged reports: %v, %d fetches", refused, b.host.fetches.Load())
	b.host.publish("key2")
	if got := b.code(b.service, "key2"); got != 200 && got != 503 {
		t.Errorf("a new key under attack: status %d, want 200 or 503, never 401", got)
	}
	b.travel(fetchBucket.Every)
	if got := b.code(b.service, "key2"); got != 200 {
		t.Errorf("a new key after %s: status %d", fetchBucket.Every, got)
	}
}

// An instance that died while it was fetching holds the others up for the
// lease and no longer.
func TestLeaseOfADeadInstanceEnds(t *testing.T) {
	b := newBench(t)
	if granted, _, err := b.service.GitHub.Shelf.Lease(t.Context(), b.now()); err != nil || !granted {
		t.Fatalf("granted %v, %v", granted, err)
	}
	b.travel(leaseFor + time.Millisecond)
	if got := b.code(b.service, "key1"); got != 200 {
		t.Errorf("status %d", got)
	}
}

func TestKeysOfAnotherAddressAreNotUsed(t *testing.T) {
	b := newBench(t)
	b.code(b.service, "key1")
	other := newCodeHost(t)
	other.publish("key3")
	moved := b.another()
	moved.GitHub.Source = NewEndpoint(other.server.URL, nil)
	moved.GitHub.Shelf = &EphemeraShelf{Client: b.tokens.Client, Table: "Ephemera", Host: "github", URL: other.server.URL}
	if got := b.code(moved, "key1"); got != 401 {
		t.Errorf("a key of the old address: status %d, want 401", got)
	}
}

// A token that GitHub refuses costs nothing but the higher limit.
func TestEndpointWithABadToken(t *testing.T) {
	host := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte("{}"))
	})
	for name, bearer := range map[string]string{"expired": "ghp_old", "no header": "two\nlines"} {
		e := NewEndpoint(host, func(context.Context) (string, error) { return bearer, nil })
		if document, _, err := e.Fetch(t.Context(), ""); err != nil || len(document) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(document), err)
		}
	}
}

// An instance whose clock is ahead must not make others call a good report forged.
func TestClockAhead(t *testing.T) {
	b := newBench(t)
	for _, ahead := range []time.Duration{clockSkew / 2, time.Hour} {
		fast := b.another()
		fast.GitHub.Now = func() time.Time { return b.now().Add(ahead) }
		b.code(fast, "key1")
		b.host.publish("new" + ahead.String())
		if got := b.code(b.another(), "new"+ahead.String()); got == 401 {
			t.Errorf("a new key, with an instance %s ahead: 401", ahead)
		}
	}
}

// lossy does the first write it is asked for and loses the answer.
type lossy struct {
	dynamodb.HTTPClient
	lost atomic.Bool
}

func (l *lossy) Do(r *http.Request) (*http.Response, error) {
	answer, err := l.HTTPClient.Do(r)
	if err == nil && strings.HasSuffix(r.Header.Get("X-Amz-Target"), "UpdateItem") && l.lost.CompareAndSwap(false, true) {
		_ = answer.Body.Close()
		return nil, errors.New("connection reset by peer")
	}
	return answer, err
}

// An instance that does not hear that it got the lease still has it, and does
// not wait for itself.
func TestLeaseWhoseAnswerWasLost(t *testing.T) {
	b := newBench(t)
	options := b.tokens.Client.Options()
	wire := &lossy{HTTPClient: options.HTTPClient}
	options.HTTPClient = wire
	b.service.GitHub.Shelf.(*EphemeraShelf).Client = dynamodb.New(options)
	began := time.Now()
	if got := b.code(b.service, "key1"); got != 200 || !wire.lost.Load() {
		t.Errorf("status %d, answer lost %v", got, wire.lost.Load())
	}
	if took := time.Since(began); took > leaseFor/2 || b.host.fetches.Load() != 1 {
		t.Errorf("%s and %d fetches: it waited for itself", took, b.host.fetches.Load())
	}
	if granted, wait, err := b.another().GitHub.Shelf.Lease(t.Context(), b.now()); err != nil || !granted || wait {
		t.Errorf("the lease is still held after the fetch: %v", err)
	}
}

func TestEndpoint(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		ok     bool
	}{
		"good":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }, true},
		"error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, false},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, false},
		"empty":      {func(http.ResponseWriter, *http.Request) {}, false},
		"too long":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxDocument+1)) }, false},
		"odd 304":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, false},
		"hung up on": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
	} {
		host := newServer(t, c.answer)
		document, _, err := NewEndpoint(host, nil).Fetch(t.Context(), "")
		if (err == nil) != c.ok || c.ok && len(document) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(document), err)
		}
	}
}
