package tokenservice

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/ledger"
	"safekeep/shared/token"
)

// Keys that must never show anywhere.
var (
	keyA = strings.Repeat("a1", 20)
	keyB = strings.Repeat("b2", 20)
)

// A double is a company's token service that misbehaves when it is told to.
type double struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	accepts  []string // keys; the first signs answers
	tokens   map[token.Hash]map[string]any
	ended    int // tokens that were active and are not any more
	calls    []call
	nonces   map[string]bool
	last     *recorded // the answer before this one
	misdeed  string    // how it misbehaves
	until    int       // for how many calls; 0 is for good
	revoked  func()    // called after a revocation, before it is answered
	lookedUp func()    // called after a lookup, before it is answered
}

type call struct{ path, body string }

type recorded struct {
	signature string
	body      []byte
}

func newDouble(t *testing.T) *double {
	t.Helper()
	d := &double{t: t, accepts: []string{keyA}, tokens: map[token.Hash]map[string]any{}, nonces: map[string]bool{}}
	d.server = httptest.NewServer(d)
	t.Cleanup(d.server.Close)
	return d
}

// add makes a token and returns its text and hash.
func (d *double) add(status string) (string, token.Hash) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := "old-style/" + rand.Text()
	hash := token.HashOf(text)
	d.tokens[hash] = map[string]any{
		"sha256": hash, "id": "key_" + rand.Text(), "workspace": "acme", "name": "CI deploy", "hint": token.Hint(text),
		"created_by": "ann", "created_at": noon.Add(-time.Hour), "last_used_on": "2026-11-21", "status": status, "ended_at": nil,
		"something_more": []int{1},
	}
	if status != "active" {
		d.tokens[hash]["ended_at"] = noon.Add(-time.Minute)
	}
	return text, hash
}

func (d *double) set(hash token.Hash, field string, value any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tokens[hash][field] = value
}

// misbehave makes the next calls go wrong; 0 is for good.
func (d *double) misbehave(how string, calls int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.misdeed, d.until = how, calls
}

func (d *double) onRevoked(hook func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.revoked = hook
}

func (d *double) counts() (ended, calls int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended, len(d.calls)
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	nonce, timestamp := r.Header.Get(nonceHeader), r.Header.Get(timestampHeader)
	answer, after := d.work(r, body, nonce, timestamp)
	if after != nil {
		after()
	}
	d.mu.Lock()
	misdeed, signature := d.misdeed, sign(d.accepts[0], nonce, string(answer))
	if d.until > 0 {
		if d.until--; d.until == 0 {
			d.misdeed = ""
		}
	}
	last := d.last
	d.last = &recorded{signature, answer}
	d.mu.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	kind, status := "application/json; charset=utf-8", http.StatusOK
	resign := func(text string) { answer, signature = []byte(text), sign(keyA, nonce, text) }
	switch misdeed {
	case "slow":
		time.Sleep(2 * testTimeout)
	case "slow body":
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		time.Sleep(2 * testTimeout)
	case "hangs up":
		panic(http.ErrAbortHandler)
	case "500", "502", "503", "429", "404", "401", "400", "204":
		status, _ = strconv.Atoi(misdeed)
	case "not HTTP":
		conn, _, _ := w.(http.Hijacker).Hijack()
		_, _ = io.WriteString(conn, keyA+" is not HTTP\r\n\r\n")
		_ = conn.Close()
		return
	case "redirect":
		http.Redirect(w, r, d.server.URL+"/elsewhere", http.StatusTemporaryRedirect)
		return
	case "content type":
		kind = "text/html"
	case "no content type":
		w.Header()["Content-Type"] = nil
		kind = ""
	case "garbage":
		resign("<html>\x00\xff" + keyB)
	case "truncated":
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)+10))
	case "cut and signed":
		resign(string(answer[:len(answer)/2]))
	case "huge":
		resign(strings.Repeat(" ", 2*maxAnswer) + string(answer))
	case "huge headers":
		w.Header().Set("X-Huge", strings.Repeat("x", 4*maxHeaders))
	case "unsigned":
		signature = ""
	case "wrong key":
		signature = sign(keyB, nonce, string(answer))
	case "tampered":
		answer = append(answer, ' ')
	case "replay":
		if last != nil {
			answer, signature = last.body, last.signature
		}
	case "request's signature":
		signature = r.Header.Get(signatureHeader)
	case "foreign hash":
		resign(strings.ReplaceAll(string(answer), `"sha256":"`, `"sha256":"00`))
	case "twice":
		resign(strings.Replace(string(answer), `"tokens":[`, `"tokens":[`+strings.TrimSuffix(strings.TrimPrefix(string(answer), `{"tokens":[`), "]}")+",", 1))
	case "empty object":
		resign("{}")
	case "null":
		resign("null")
	case "array":
		resign("[]")
	case "":
	default:
		d.t.Errorf("the double does not know the misdeed %q", misdeed)
	}
	if kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.Header().Set(signatureHeader, signature)
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// work does what a good service does and returns the answer's body, nil when the
// request is refused.
func (d *double) work(r *http.Request, body []byte, nonce, timestamp string) (answer []byte, after func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, call{r.URL.Path, string(body)})
	good := false
	for _, key := range d.accepts {
		good = good || r.Header.Get(signatureHeader) == sign(key, timestamp, nonce, string(body))
	}
	sent, err := strconv.ParseInt(timestamp, 10, 64)
	if !good || err != nil || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute || d.nonces[nonce] || r.Method != http.MethodPost {
		return nil, nil
	}
	d.nonces[nonce] = true
	switch r.URL.Path {
	case "/base/lookup":
		var q struct{ SHA256 []token.Hash }
		d.must(json.Unmarshal(body, &q))
		if len(q.SHA256) == 0 || len(q.SHA256) > 100 {
			d.t.Errorf("%d hashes in a call", len(q.SHA256))
		}
		found := []any{}
		for _, hash := range q.SHA256 {
			if t, ok := d.tokens[hash]; ok {
				found = append(found, t)
			}
		}
		answer, err = json.Marshal(map[string]any{"tokens": found})
		d.must(err)
		return answer, d.lookedUp
	case "/base/revoke":
		var q struct {
			SHA256         token.Hash
			Reason, Report string
		}
		d.must(json.Unmarshal(body, &q))
		if q.Reason != "leaked" || q.Report != "r1" {
			d.t.Errorf("revoked with %+v", q)
		}
		result := "unknown"
		if t, ok := d.tokens[q.SHA256]; ok {
			result = "already_revoked"
			if t["status"] == "active" {
				result, t["status"], t["ended_at"] = "revoked", "revoked", noon
				d.ended++
			}
		}
		return fmt.Appendf(nil, `{"result":%q}`, result), d.revoked
	}
	d.t.Errorf("called at %s", r.URL.Path)
	return []byte("{}"), nil
}

func (d *double) must(err error) {
	if err != nil {
		d.t.Error(err)
	}
}

const testTimeout = 250 * time.Millisecond

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func (d *double) remote(secret string) *Remote {
	d.t.Helper()
	r, err := New(d.server.URL+"/base/", func(context.Context) (string, error) { return secret, nil }, time.Now, rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	r.timeout = testTimeout
	return r
}

// store is a Store on tables of its own.
func (d *double) store() *Store {
	d.t.Helper()
	client := dynamotest.New(d.t)
	return &Store{Remote: d.remote(keyA), Client: client, Ledger: &ledger.Store{Client: client, Table: dynamotest.Ledger}}
}

// quiet fails when a key or one of the tokens stands in a text.
func quiet(t *testing.T, text string, tokens ...string) {
	t.Helper()
	for _, secret := range append(tokens, keyA, keyB) {
		if strings.Contains(text, secret) {
			t.Errorf("a secret stands in %.200q", text)
		}
	}
}

// buffer is one that many may write to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}
