package token_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

// state is what the ledger says of a token.
type state struct {
	expires, retires       time.Time
	status                 token.Status
	revokedAt              time.Time
	reason                 token.Reason
	exposedAt              time.Time
	places                 map[string]bool
	exposures              int
	version                int64
	successor, predecessor string
	until                  time.Time
	importedAt             time.Time
}

// clockEnd is when the clock ends the token, or the zero time.
func (s *state) clockEnd() (time.Time, token.Reason) {
	switch {
	case s.status == token.Revoked:
		return time.Time{}, ""
	case s.retires.IsZero() || !s.expires.IsZero() && s.expires.Before(s.retires):
		return s.expires, token.Expired
	default:
		return s.retires, token.Rotated
	}
}

func (s *state) end(now time.Time) (at time.Time, reason token.Reason, ended bool) {
	if s.status == token.Revoked {
		return s.revokedAt, s.reason, true
	}
	at, reason = s.clockEnd()
	return at, reason, !at.IsZero() && !now.Before(at)
}

// replay makes a state of a token's entries, in the order of their versions.
func replay(entries []ledger.Entry) (s state, err error) {
	s = state{status: token.Active, places: map[string]bool{}}
	for i, e := range entries {
		var d struct {
			ExpiresAt   *time.Time `json:"expires_at"`
			Predecessor string     `json:"predecessor"`
			Until       time.Time  `json:"until"`
			Successor   string     `json:"successor"`
			Reason      token.Reason
			URL         string
		}
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			return s, err
		}
		_, _, ended := s.end(e.At)
		switch birth := e.Kind == ledger.TokenIssued || e.Kind == ledger.TokenImported; {
		case e.Version != int64(i+1):
			return s, fmt.Errorf("entry %d has version %d", i+1, e.Version)
		case birth != (i == 0):
			return s, fmt.Errorf("entry %d is %s", i+1, e.Kind)
		case ended && (e.Kind == ledger.TokenRevoked || e.Kind == ledger.TokenRotated):
			return s, fmt.Errorf("%s after its end", e.Kind)
		}
		s.version = e.Version
		switch e.Kind {
		case ledger.TokenImported, ledger.TokenIssued:
			if d.ExpiresAt != nil {
				s.expires = *d.ExpiresAt
			}
			if s.predecessor = d.Predecessor; e.Kind == ledger.TokenImported {
				s.importedAt = e.At
			}
		case ledger.TokenRotated:
			if s.successor != "" {
				return s, fmt.Errorf("rotated twice")
			}
			if s.successor, s.until = d.Successor, d.Until; d.Until.After(e.At) {
				s.retires = d.Until
			} else {
				s.status, s.revokedAt, s.reason = token.Revoked, e.At, token.Rotated
			}
		case ledger.TokenRevoked:
			s.status, s.revokedAt, s.reason = token.Revoked, e.At, d.Reason
		case ledger.TokenExposed:
			s.places[d.URL] = true
			if s.exposures++; s.exposures == 1 {
				s.exposedAt = e.At
			}
		case ledger.TokenSighted:
			if s.places[d.URL] {
				return s, fmt.Errorf("sighted twice at %s", d.URL)
			}
			s.places[d.URL] = true
		default:
			return s, fmt.Errorf("%s is told of a token", e.Kind)
		}
	}
	return s, nil
}

// audit holds what is stored, told and shown against each other and against
// what the step was to do.
func (w *world) audit(t *rapid.T) {
	told := w.ledger(t)
	hashes := make([]token.Hash, len(w.known))
	for i, k := range w.known {
		hashes[i] = token.HashOf(k.text)
	}
	stored, err := w.store.Find(context.Background(), hashes)
	if err != nil {
		t.Fatal(err)
	}
	rotated, leaked := 0, 0
	for i, k := range w.known {
		now, entries := stored[hashes[i]], told[k.id]
		delete(told, k.id)
		s, err := replay(entries)
		if err != nil {
			t.Fatalf("%s: %v", k.id, err)
		}
		crowd := w.step.crowd[k]
		var kinds []ledger.Kind
		for _, e := range entries[k.told:] {
			kinds = append(kinds, e.Kind)
			if crowd && e.Kind == ledger.TokenRotated {
				rotated++
			}
			if crowd && e.Kind == ledger.TokenRevoked && s.reason == token.Leaked {
				leaked++
			}
		}
		if want := w.step.want[k]; !crowd && !slices.Equal(kinds, want) {
			t.Errorf("%s: the step told %v, want %v", k.id, kinds, want)
		}
		if more := now.MorePlaces - k.stored.MorePlaces; !crowd && more != int64(w.step.counted[k]) {
			t.Errorf("%s: %d places were counted, want %d", k.id, more, w.step.counted[k])
		}
		w.compare(t, k, now, s)
		k.state, k.told, k.stored = s, len(entries), now
		_, _, ended := s.end(w.now)
		if now.GoodAt(w.now) == ended || k.ended && !ended {
			t.Errorf("%s: good is %v; it had ended: %v, by the ledger it has: %v", k.id, now.GoodAt(w.now), k.ended, ended)
		}
		k.ended = ended
		if kinds != nil {
			w.checkShown(t, k)
		}
	}
	if len(told) > 0 {
		t.Errorf("the ledger tells of tokens that nobody made: %v", told)
	}
	if rotated != w.step.rotated || leaked != w.step.leaked {
		t.Errorf("told of %d rotations and %d revocations by a leak, the callers of %d and %d", rotated, leaked, w.step.rotated, w.step.leaked)
	}
	w.step = step{want: map[*known][]ledger.Kind{}, crowd: map[*known]bool{}, counted: map[*known]int{}, used: map[*known][]string{}}
}

// ledger returns the entries of every token, in the order of their versions.
func (w *world) ledger(t *rapid.T) map[string][]ledger.Entry {
	told := map[string][]ledger.Entry{}
	for _, workspace := range w.workspaces {
		for cursor := ""; ; {
			page, next, err := w.store.Ledger.List(context.Background(), workspace, cursor, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				told[e.Subject] = append(told[e.Subject], e)
			}
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	for _, entries := range told {
		slices.SortFunc(entries, func(a, b ledger.Entry) int { return cmp.Compare(a.Version, b.Version) })
	}
	return told
}

// compare holds what is stored against the ledger, and its last use against
// what was stored before: only introspection may change that.
func (w *world) compare(t *rapid.T, k *known, now token.Token, s state) {
	places := make([]string, 0, len(s.places))
	for u := range s.places {
		places = append(places, token.PlaceOf(u))
	}
	slices.Sort(places)
	slices.Sort(now.Places)
	want := now
	want.ID, want.Workspace, want.Hash, want.Version = k.id, k.workspace, token.HashOf(k.text), s.version
	want.Status, want.RevokedAt, want.RevokedReason = s.status, s.revokedAt, s.reason
	want.ExpiresAt, want.RetiresAt, want.ExposedAt, want.ImportedAt = s.expires, s.retires, s.exposedAt, s.importedAt
	want.Successor.ID, want.Predecessor.ID = s.successor, s.predecessor
	if want.Places = places; len(places) == 0 {
		want.Places = now.Places
	}
	if k.told > 0 && len(w.step.used[k]) == 0 {
		want.LastUsedOn, want.LastUsedAt, want.LastUse = k.stored.LastUsedOn, k.stored.LastUsedAt, k.stored.LastUse
	}
	if diff := gocmp.Diff(want, now); diff != "" {
		t.Errorf("%s: by the ledger and as stored:\n%s", k.id, diff)
	}
	if from := w.step.used[k]; len(from) > 0 && !w.step.crowd[k] && (now.LastUsedOn != token.Day(w.now) || from[0] != "" && now.LastUsedAt.IsZero()) {
		t.Errorf("%s: used just now from %v, and last used on %q at %v", k.id, from, now.LastUsedOn, now.LastUsedAt)
	}
	// The place of an exposure that ends the token is kept beyond the limit.
	if len(now.Places) > token.MaxSightings+1 {
		t.Errorf("%s: %d places are kept", k.id, len(now.Places))
	}
}

// checkShown holds what GET shows against the ledger.
func (w *world) checkShown(t *rapid.T, k *known) {
	r := httptest.NewRecorder()
	w.tokens.ServeHTTP(r, httptest.NewRequest("GET", "/workspaces/"+k.workspace+"/tokens/"+k.id, nil))
	type moment struct {
		At     time.Time
		Reason token.Reason
		Places int64
	}
	type shown struct {
		Status           token.Status
		Revoked, Exposed *moment
		Rotated          *struct {
			To    string
			Until time.Time
		}
		Replaces *string
	}
	var got shown
	if err := json.Unmarshal(r.Body.Bytes(), &got); err != nil {
		t.Fatalf("GET %s: %d %s", k.id, r.Code, r.Body)
	}
	want := shown{Status: token.Active}
	if at, reason, ended := k.state.end(w.now); ended {
		want.Status, want.Revoked = token.Revoked, &moment{At: at, Reason: reason}
	}
	if k.state.exposures > 0 {
		want.Exposed = &moment{At: k.state.exposedAt, Places: int64(len(k.state.places)) + k.stored.MorePlaces}
	}
	if k.state.successor != "" {
		want.Rotated = &struct {
			To    string
			Until time.Time
		}{k.state.successor, k.state.until}
		if k.state.status == token.Revoked && k.state.revokedAt.Before(k.state.until) {
			want.Rotated.Until = k.state.revokedAt // something ended it before
		}
	}
	if k.state.predecessor != "" {
		want.Replaces = &k.state.predecessor
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("%s: by the ledger and as shown:\n%s", k.id, diff)
	}
}
