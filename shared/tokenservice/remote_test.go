package tokenservice

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/problem"
	"safekeep/shared/token"
)

func TestLookup(t *testing.T) {
	d := newDouble(t)
	var hashes []token.Hash
	var want []token.Hash
	for i := range 350 {
		hash := token.HashOf(fmt.Sprint("unknown ", i))
		if i%7 == 0 {
			_, hash = d.add([]string{"active", "revoked", "expired"}[i%3])
			want = append(want, hash)
		}
		hashes = append(hashes, hash)
	}
	found, err := d.remote(keyA).Lookup(t.Context(), hashes)
	if err != nil || len(found) != len(want) {
		t.Fatalf("%d found, want %d: %v", len(found), len(want), err)
	}
	if _, calls := d.counts(); calls != 4 {
		t.Errorf("%d calls for 350 hashes, want 4", calls)
	}
	now := time.Now()
	for i, hash := range want {
		tok := found[hash]
		at, reason, ended := tok.End(now.AddDate(1, 0, 0))
		status := []string{"active", "revoked", "expired"}[i*7%3]
		if ended != (status != "active") || ended && !at.Equal(noon.Add(-time.Minute)) || status == "expired" && reason != token.Expired || tok.LastUsedOn != "2026-11-21" || tok.CreatedBy != "ann" {
			t.Errorf("%s is %+v", status, tok)
		}
	}
	if found, err := d.remote(keyA).Lookup(t.Context(), nil); err != nil || len(found) != 0 {
		t.Errorf("nothing asked: %v, %v", found, err)
	}
}

// Whatever the service does, the answer is the right one or an error, within the
// time that three tries may take.
func TestMisbehaviour(t *testing.T) {
	for misdeed, tries := range map[string]int{
		"slow": 3, "slow body": 3, "hangs up": 3, "not HTTP": 3, "truncated": 3, "500": 3, "502": 3, "503": 3, "429": 3, "huge headers": 3,
		"400": 1, "401": 1, "404": 1, "204": 1, "redirect": 1, "content type": 1, "no content type": 1, "garbage": 1, "cut and signed": 1,
		"huge": 1, "unsigned": 1, "wrong key": 1, "tampered": 1, "replay": 1, "request's signature": 1, "empty object": 1, "null": 1, "array": 1,
		"foreign hash": 1, "twice": 1,
	} {
		t.Run(misdeed, func(t *testing.T) {
			t.Parallel()
			d := newDouble(t)
			text, hash := d.add("active")
			remote := d.remote(keyA)
			if _, err := remote.Lookup(t.Context(), []token.Hash{hash}); err != nil { // something to replay
				t.Fatal(err)
			}
			_, before := d.counts()
			d.misbehave(misdeed, 0)
			began := time.Now()
			found, err := remote.Lookup(t.Context(), []token.Hash{hash})
			if err == nil || found != nil {
				t.Fatalf("found %v", found)
			}
			if took := time.Since(began); took > maxTries*(testTimeout+maxPause) {
				t.Errorf("took %s", took)
			}
			quiet(t, err.Error(), text)
			if _, isProblem := problem.Of(err); isProblem {
				t.Errorf("the code host would be told %v", err)
			}
			if _, calls := d.counts(); calls-before != tries {
				t.Errorf("asked %d times, want %d", calls-before, tries)
			}
			if misdeed == "foreign hash" || misdeed == "twice" {
				return // an answer about a revocation names no token
			}
			err = remote.Revoke(t.Context(), hash, "r1")
			if err == nil {
				t.Error("revoked")
			} else {
				quiet(t, err.Error(), text)
			}
			if tries == 1 {
				return
			}
			d.misbehave(misdeed, 2) // gone at the third try
			if found, err := remote.Lookup(t.Context(), []token.Hash{hash}); err != nil || len(found) != 1 {
				t.Errorf("after two mistakes: %v, %v", found, err)
			}
		})
	}
}

func TestDownAndContext(t *testing.T) {
	server := httptest.NewServer(nil)
	address := server.URL
	server.Close()
	remote, err := New(address, func(context.Context) (string, error) { return keyA, nil }, time.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Lookup(t.Context(), []token.Hash{token.HashOf("x")}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("down: %v", err)
	}
	d := newDouble(t)
	_, hash := d.add("active")
	d.misbehave("slow", 0)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout/2)
	defer cancel()
	began := time.Now()
	if _, err := d.remote(keyA).Lookup(ctx, []token.Hash{hash}); err == nil || time.Since(began) > testTimeout {
		t.Errorf("a report whose time is up waited %s: %v", time.Since(began), err)
	}
	d.misbehave("", 0)
	failing := d.remote("")
	failing.secret = func(context.Context) (string, error) { return "", errors.New("no secret") }
	if _, err := failing.Lookup(t.Context(), []token.Hash{hash}); err == nil {
		t.Error("called without a key")
	}
	late := d.remote(keyA)
	late.now = func() time.Time { return time.Now().Add(-6 * time.Minute) }
	if _, err := late.Lookup(t.Context(), []token.Hash{hash}); !errors.Is(err, errRefused) {
		t.Errorf("with a wrong clock: %v", err)
	}
}

// While the keys change, the two sides read the secret at different times. Every
// step of the change works whoever is first.
func TestKeyRotation(t *testing.T) {
	d := newDouble(t)
	_, hash := d.add("active")
	steps := []struct {
		secret  string
		accepts []string
	}{
		{keyA, []string{keyA}},
		{`{"current":"` + keyA + `","previous":"` + keyB + `"}`, []string{keyA, keyB}},
		{`{"current":"` + keyB + `","previous":"` + keyA + `"}`, []string{keyB, keyA}},
		{` {"current":"` + keyB + `"}` + "\n", []string{keyB}},
	}
	for i, ours := range steps {
		for j := max(0, i-1); j <= min(i+1, len(steps)-1); j++ {
			d.mu.Lock()
			d.accepts = steps[j].accepts
			d.mu.Unlock()
			if found, err := d.remote(ours.secret).Lookup(t.Context(), []token.Hash{hash}); err != nil || len(found) != 1 {
				t.Errorf("we at step %d, the service at %d: %v", i, j, err)
			}
		}
	}
	if _, err := d.remote(keyA).Lookup(t.Context(), []token.Hash{hash}); !errors.Is(err, errRefused) {
		t.Errorf("with a key of the past: %v", err)
	}
}

func TestParseKeys(t *testing.T) {
	for _, bad := range []string{"", "short", strings.Repeat("x", 31), "{}", `{"current":""}`, `{"current":5}`, `{"current":"` + keyA + `"`,
		`{"current":"` + keyA + `","previous":"short"}`, `{"previous":"` + keyA + `"}`} {
		keys, err := ParseKeys(bad)
		if err == nil || keys != (Keys{}) {
			t.Errorf("%q is taken", bad)
			continue
		}
		quiet(t, err.Error())
	}
	keys, err := ParseKeys(keyA)
	if err != nil {
		t.Fatal(err)
	}
	quiet(t, fmt.Sprintf("%v %+v %#v %s", keys, keys, keys, keys))
}

func TestAddress(t *testing.T) {
	for address, good := range map[string]bool{
		"https://tokens.acme.example": true, "https://tokens.acme.example/a/b/": true, "http://127.0.0.1:80/x": true, "http://[::1]:80": true, "http://localhost": true,
		"http://tokens.acme.example": false, "http://localhost.acme.example": false, "ftp://127.0.0.1": false, "tokens.acme.example": false, "": false,
		"https://user:pass@tokens.acme.example": false, "https://tokens.acme.example/?a=b": false, "https://tokens.acme.example/#a": false, "https://": false, ":": false,
	} {
		if _, err := New(address, nil, nil, nil); (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// with changes fields of a token until the function that it returns is called.
func (d *double) with(hash token.Hash, change map[string]any) (restore func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	good := d.tokens[hash]
	broken := maps.Clone(good)
	maps.Copy(broken, change)
	d.tokens[hash] = broken
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.tokens[hash] = good
	}
}

// An answer that is signed and about the right tokens, but makes no sense for
// one of them: the other is found beside the error.
func TestAnswersAreChecked(t *testing.T) {
	d := newDouble(t)
	text, hash := d.add("active")
	_, other := d.add("active")
	both := []token.Hash{hash, other}
	for name, change := range map[string]map[string]any{
		"id missing": {"id": ""}, "id of odd characters": {"id": "a b"}, "id is a number": {"id": 7}, "workspace with #": {"workspace": "a#b"}, "workspace missing": {"workspace": nil},
		"status unknown": {"status": "paused"}, "status missing": {"status": nil}, "status is a list": {"status": []string{"active"}}, "active and ended": {"ended_at": noon},
		"revoked and not ended": {"status": "revoked"}, "expired and not ended": {"status": "expired"}, "ended some day": {"status": "revoked", "ended_at": "yesterday"},
		"active and ended some day": {"ended_at": "yesterday"},
	} {
		restore := d.with(hash, change)
		found, err := d.remote(keyA).Lookup(t.Context(), both)
		restore()
		if _, ok := found[other]; err == nil || len(found) != 1 || !ok {
			t.Errorf("%s: found %v, %v", name, found, err)
			continue
		}
		if !strings.Contains(err.Error(), string(hash[:8])) {
			t.Errorf("%s: nobody finds the token by %v", name, err)
		}
		if _, isProblem := problem.Of(err); isProblem {
			t.Errorf("%s: the code host would be told %v", name, err)
		}
		quiet(t, err.Error(), text)
	}
	// What is not about a token that was asked for casts doubt on all.
	defer d.with(hash, map[string]any{"sha256": strings.ToUpper(string(hash))})()
	if found, err := d.remote(keyA).Lookup(t.Context(), both); err == nil || found != nil {
		t.Errorf("hash of another shape: found %v, %v", found, err)
	}
	if err := d.remote(keyA).Revoke(t.Context(), token.HashOf("nobody's"), "r1"); !errors.Is(err, errUnknown) {
		t.Errorf("revoking what is unknown: %v", err)
	}
}

// What is only shown is never a reason to leave a token alive.
func TestOddNamesAreCleaned(t *testing.T) {
	d := newDouble(t)
	text, hash := d.add("active")
	short := "sha256:" + string(hash[:8])
	for name, c := range map[string]struct {
		field string
		value any
		want  string
	}{
		"name missing": {"name", nil, noName}, "name empty": {"name", " \t", noName}, "name is a list": {"name", []string{"a"}, noName},
		"name too long":     {"name", strings.Repeat("ä", token.MaxName+1), strings.Repeat("ä", token.MaxName)},
		"name just fits":    {"name", strings.Repeat("ä", token.MaxName), strings.Repeat("ä", token.MaxName)},
		"two lines":         {"name", "a\r\nb\u202e\x00", "ab"},
		"name is the token": {"name", text, heldToken}, "name holds the token": {"name", "my " + text, heldToken}, "token after a sign": {"name", "key=" + text + ";", heldToken},
		"token on two lines": {"name", text[:9] + "\n" + text[9:], heldToken}, "token where it is cut": {"name", strings.Repeat("n", token.MaxName-9) + " " + text, heldToken},
		"hint missing": {"hint", nil, short}, "hint is a number": {"hint", 5, short}, "hint too long": {"hint", strings.Repeat("h", MaxHint+1), strings.Repeat("h", MaxHint)},
		"hint is the token": {"hint", text, heldToken},
		"nobody made it":    {"created_by", nil, ""}, "somebody odd did": {"created_by", "Ann <ann@acme.example>", ""},
		"used some time": {"last_used_on", noon, ""}, "used some year": {"last_used_on", 2026, ""}, "never used": {"last_used_on", nil, ""},
		"made some day": {"created_at", "2026", ""}, "made at no time": {"created_at", nil, ""},
	} {
		restore := d.with(hash, map[string]any{c.field: c.value})
		found, err := d.remote(keyA).Lookup(t.Context(), []token.Hash{hash})
		restore()
		if err != nil || len(found) != 1 {
			t.Errorf("%s: found %v, %v", name, found, err)
			continue
		}
		tok := found[hash]
		made := ""
		if !tok.CreatedAt.IsZero() {
			made = tok.CreatedAt.String()
		}
		got := map[string]string{"name": tok.Name, "hint": tok.Hint, "created_by": tok.CreatedBy, "last_used_on": tok.LastUsedOn, "created_at": made}[c.field]
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		quiet(t, tok.Name+tok.Hint, text)
	}
}

// No answer, however made, is taken for more than what was asked.
func FuzzAnswers(f *testing.F) {
	asked := []token.Hash{token.HashOf("a"), token.HashOf("b")}
	f.Add([]byte(`{"tokens":[]}`))
	f.Add([]byte(`{"tokens":[{"sha256":"` + asked[0] + `","id":"k1","workspace":"w","name":"n","hint":"h","created_by":"u","created_at":null,"last_used_on":null,"status":"active","ended_at":null}]}`))
	f.Add([]byte(`{"tokens":[{"sha256":"` + asked[1] + `","id":"k1","workspace":"w","name":"n","hint":"h","created_by":"u","status":"expired","ended_at":"2026-11-22T12:00:00Z"}]}`))
	f.Add([]byte(`{"result":"already_revoked"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = readRevoke(body)
		tokens, err := readLookup(body, asked)
		if err != nil {
			quiet(t, err.Error())
		}
		var hashes []token.Hash
		for _, tok := range tokens {
			if !slices.Contains(asked, tok.Hash) || slices.Contains(hashes, tok.Hash) {
				t.Errorf("answered %s", tok.Hash)
			}
			hashes = append(hashes, tok.Hash)
			if tok.ID == "" || tok.Workspace == "" || tok.Name == "" || tok.Hint == "" || strings.ContainsAny(tok.Name+tok.Hint, "\n\r\x00") {
				t.Errorf("taken: %s", cmp.Diff(token.Token{}, tok))
			}
		}
	})
}
