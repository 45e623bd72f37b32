package token

import (
	"container/list"
	"sync"
	"time"
)

// maxRecent bounds the answers that are remembered. One takes some hundred
// bytes, so all of them fit the smallest Lambda many times.
const maxRecent = 10_000

// finding is what the store said about a token that exists.
type finding struct {
	hash  Hash
	asked time.Time // when the store was asked
	until time.Time // when the token ends by the clock; zero: never
	good  *AuthorizerContext
}

// answer returns a response of its own to each caller, so that none can change
// what the next one gets.
func (f *finding) answer() AuthorizerResponse {
	if f.good == nil {
		return AuthorizerResponse{}
	}
	good := *f.good
	return AuthorizerResponse{IsAuthorized: true, Context: &good}
}

// recent remembers findings for a short while, by hash: a copy of the memory
// shows no token. The zero value is empty and ready.
type recent struct {
	mu     sync.Mutex
	byHash map[Hash]*list.Element
	byAge  list.List // of *finding, the oldest first
}

// get returns what was found out about a token less than age ago, unless the
// token has come to its own end since.
func (r *recent) get(hash Hash, now time.Time, age time.Duration) (*finding, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.byHash[hash]
	if !ok {
		return nil, false
	}
	f := e.Value.(*finding)
	passed := between(f.asked, now)
	if passed < 0 || passed >= age || !f.until.IsZero() && !now.Before(f.until) {
		return nil, false
	}
	return f, true
}

// put remembers a finding; what is too old by then is forgotten, and beyond
// maxRecent the oldest.
func (r *recent) put(f finding, age time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.byAge.Front(); e != nil && between(e.Value.(*finding).asked, f.asked) >= age; e = r.byAge.Front() {
		r.drop(e)
	}
	if e, ok := r.byHash[f.hash]; ok {
		// An answer may come in late. What has ended stays ended, and of two
		// answers the one that was asked for later knows more.
		known := e.Value.(*finding)
		if known.asked.After(f.asked) || known.good == nil && f.good != nil {
			return
		}
		r.drop(e)
	}
	for r.byAge.Len() >= maxRecent {
		r.drop(r.byAge.Front())
	}
	if r.byHash == nil {
		r.byHash = map[Hash]*list.Element{}
	}
	r.byHash[f.hash] = r.byAge.PushBack(&f)
}

func (r *recent) drop(e *list.Element) {
	delete(r.byHash, e.Value.(*finding).hash)
	r.byAge.Remove(e)
}

// between returns the time from a to b by the clock that says more. Lambda
// freezes a process between two calls, and the monotonic clock, by which Go
// subtracts, may stand still with it; the wall clock may be set back.
func between(a, b time.Time) time.Duration {
	return max(b.Sub(a), b.Round(0).Sub(a.Round(0)))
}
