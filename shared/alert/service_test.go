package alert

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/ledger"
	"safekeep/shared/token"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

// codeHost is a host with keys of its own that signs what it is told to.
type codeHost struct {
	t       *testing.T
	server  *httptest.Server
	fetches atomic.Int64

	mu   sync.Mutex
	keys map[string]*ecdsa.PrivateKey
	down bool
}

func newCodeHost(t *testing.T) *codeHost {
	t.Helper()
	h := &codeHost{t: t, keys: map[string]*ecdsa.PrivateKey{}}
	h.server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.server.Close)
	return h
}

func (h *codeHost) serve(w http.ResponseWriter, r *http.Request) {
	h.fetches.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	document := h.document()
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256(document))
	w.Header().Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(document)
}

func (h *codeHost) document() []byte {
	type entry struct {
		ID      string `json:"key_identifier"`
		Key     string `json:"key"`
		Current bool   `json:"is_current"`
	}
	doc := map[string][]entry{"public_keys": {{ID: "odd", Key: "not a key"}}}
	for id, key := range h.keys {
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			h.t.Fatal(err)
		}
		doc["public_keys"] = append(doc["public_keys"], entry{ID: id, Key: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))})
	}
	text, _ := json.Marshal(doc)
	return text
}

func (h *codeHost) publish(id string) {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys[id] = key
}

func (h *codeHost) withdraw(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.keys, id)
}

func (h *codeHost) setDown(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

func (h *codeHost) sign(id string, body []byte) string {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	digest := sha256.Sum256(body)
	der, err := ecdsa.SignASN1(rand.Reader, h.keys[id], digest[:])
	if err != nil {
		h.t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// bench is a whole alerts service over real tables.
type bench struct {
	t          *testing.T
	host       *codeHost
	service    *Service
	tokens     *token.Store
	workspaces *workspace.Store
	format     token.Format
	clock      atomic.Int64 // nanoseconds
}

func newBench(t *testing.T) *bench {
	t.Helper()
	client := dynamotest.New(t)
	format, err := token.NewFormat("skp")
	if err != nil {
		t.Fatal(err)
	}
	story := &ledger.Store{Client: client, Table: dynamotest.Ledger}
	b := &bench{
		t: t, host: newCodeHost(t), format: format,
		tokens:     &token.Store{Client: client, Table: dynamotest.Tokens, Ledger: story, Tombstone: 400 * 24 * time.Hour},
		workspaces: &workspace.Store{Client: client, Table: dynamotest.Workspaces, Ledger: story},
	}
	b.clock.Store(time.Now().UnixNano())
	b.host.publish("key1")
	keyring := func(host string) *Keyring {
		shelf := &EphemeraShelf{Client: client, Table: dynamotest.Ephemera, Host: host, URL: b.host.server.URL}
		k := NewKeyring(host, NewEndpoint(b.host.server.URL, nil), shelf, nil)
		k.Now = b.now
		return k
	}
	b.service = &Service{
		Receiver: &Receiver{Tokens: b.tokens, Workspaces: b.workspaces, Format: format},
		GitHub:   keyring("github"), GitLab: keyring("gitlab"), Format: format, Now: b.now,
		Verifier: &Verifier{
			Secret: func(context.Context) (string, error) { return scannerSecret, nil },
			Budget: &EphemeraBudget{Client: client, Table: dynamotest.Ephemera},
		},
	}
	b.workspace("acme", true)
	return b
}

// now ticks with every look at it, as a real clock does.
func (b *bench) now() time.Time { return time.Unix(0, b.clock.Add(1000)) }

func (b *bench) travel(d time.Duration) { b.clock.Add(int64(d)) }

// another is a second instance of the function: same tables, empty memory.
func (b *bench) another() *Service {
	other := *b.service
	// A shelf remembers the lease it asked for, so every instance has its own.
	first := b.service.GitHub.Shelf.(*EphemeraShelf)
	shelf := &EphemeraShelf{Client: first.Client, Table: first.Table, Host: first.Host, URL: first.URL}
	fresh := NewKeyring("github", b.service.GitHub.Source, shelf, nil)
	fresh.Now = b.now
	other.GitHub = fresh
	return &other
}

func (b *bench) workspace(id string, autoRevoke bool) {
	b.t.Helper()
	if _, err := b.workspaces.Put(b.t.Context(), workspace.Workspace{ID: id, Name: id, AutoRevoke: autoRevoke}, "test", b.now()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) issue(workspace string) (string, token.Token) {
	b.t.Helper()
	secret, err := b.format.Issue(rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	made := token.Token{
		Hash: secret.Hash(), ID: "tok_" + ledger.NewSeq(), Workspace: workspace, Name: "CI", Hint: secret.String(),
		CreatedBy: "ann", CreatedAt: b.now(), Status: token.Active, Version: 1,
	}
	if err := b.tokens.Create(b.t.Context(), made, "ann"); err != nil {
		b.t.Fatal(err)
	}
	return secret.Reveal(), made
}

func (b *bench) status(hash token.Hash) token.Status {
	b.t.Helper()
	got, err := b.tokens.Lookup(context.Background(), hash)
	if err != nil {
		b.t.Fatal(err)
	}
	return got.Status
}

// post delivers a body as the host would, signed with the key.
func (b *bench) post(s *Service, path, keyID string, body []byte) *httptest.ResponseRecorder {
	b.t.Helper()
	return send(s, path, keyID, b.host.sign(keyID, body), body)
}

func send(s *Service, path, keyID, signature string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(body)))
	prefix := "Github"
	if strings.HasSuffix(path, "gitlab") {
		prefix = "Gitlab"
	}
	r.Header.Set(prefix+"-Public-Key-Identifier", keyID)
	r.Header.Set(prefix+"-Public-Key-Signature", signature)
	w := httptest.NewRecorder()
	s.Routes().ServeHTTP(w, r)
	return w
}

func report(t *testing.T, items ...any) []byte {
	t.Helper()
	body, err := json.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func leak(text, url string) map[string]any {
	return map[string]any{"token": text, "type": "acme_api_token", "url": url, "source": "commit"}
}

func labels(t *testing.T, w *httptest.ResponseRecorder) []string {
	t.Helper()
	var verdicts []verdict
	if err := json.Unmarshal(w.Body.Bytes(), &verdicts); err != nil {
		t.Fatalf("status %d, body %s: %v", w.Code, w.Body, err)
	}
	var out []string
	for _, v := range verdicts {
		out = append(out, v.Label)
	}
	return out
}

// GitHub's published samples give the published verdicts: over HTTP, and as
// Function URL events in every form that Lambda delivers them in.
func TestGitHubsOwnSamples(t *testing.T) {
	text, err := os.ReadFile("testdata/github-signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Keys    json.RawMessage `json:"keys_document"`
		Reports []struct {
			Name, Body, Signature string
			KeyIdentifier         string `json:"key_identifier"`
			Verifies              bool
		}
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors.Reports) < 4 {
		t.Fatalf("%d reports, %v", len(vectors.Reports), err)
	}
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(vectors.Keys) }))
	defer keys.Close()
	b := newBench(t)
	b.service.GitHub.Source = NewEndpoint(keys.URL, nil)
	b.service.GitHub.Shelf.(*EphemeraShelf).URL = keys.URL
	for _, v := range vectors.Reports {
		want := http.StatusUnauthorized
		if v.Verifies {
			want = http.StatusOK
		}
		w := send(b.service, "/alerts/github", v.KeyIdentifier, v.Signature, []byte(v.Body))
		if w.Code != want {
			t.Errorf("%s: status %d, want %d: %s", v.Name, w.Code, want, w.Body)
		}
		if v.Verifies {
			if diff := cmp.Diff([]string{"false_positive"}, labels(t, w)); diff != "" {
				t.Errorf("%s: labels:\n%s", v.Name, diff)
			}
		}
		for _, encoded := range []bool{false, true} {
			event := events.LambdaFunctionURLRequest{
				Version: "2.0", RawPath: "/alerts/github", Body: v.Body, IsBase64Encoded: encoded,
				Headers: map[string]string{
					"github-public-key-identifier": v.KeyIdentifier, "github-public-key-signature": v.Signature,
				},
			}
			event.RequestContext.HTTP.Method = http.MethodPost
			if encoded {
				event.Body = base64.StdEncoding.EncodeToString([]byte(v.Body))
			}
			answer, err := web.Invoker(b.service.Routes())(t.Context(), event)
			if err != nil || answer.StatusCode != want {
				t.Errorf("%s as an event, base64 %v: status %d, %v; want %d", v.Name, encoded, answer.StatusCode, err, want)
			}
		}
	}
}

func TestReportEndsTokens(t *testing.T) {
	b := newBench(t)
	b.workspace("cautious", false)
	text, live := b.issue("acme")
	inLine, lined := b.issue("acme")
	kept, reported := b.issue("cautious")
	body := report(t,
		leak(text, "https://github.com/a/b"),
		nil, 7, "string", []int{1}, map[string]any{"type": "x"}, map[string]any{"token": 5},
		leak("  "+inLine+"\r\n", "https://github.com/a/c"),
		map[string]any{"token": kept, "surprise": map[string]any{"deep": []int{1}}, "url": 9, "source": []string{}},
		leak("skp_"+strings.Repeat("a", 36), ""),
		leak(text, "https://github.com/again"),
		leak("some other secret", ""),
		leak("", ""),
	)
	w := b.post(b.service, "/alerts/github", "key1", body)
	want := []string{"true_positive", "true_positive", "true_positive", "false_positive", "true_positive", "false_positive", "false_positive"}
	if diff := cmp.Diff(want, labels(t, w)); diff != "" {
		t.Errorf("labels:\n%s", diff)
	}
	var verdicts []verdict
	if err := json.Unmarshal(w.Body.Bytes(), &verdicts); err != nil || verdicts[1].TokenHash != string(token.HashOf("  "+inLine+"\r\n")) {
		t.Errorf("the hash is not that of the string as received: %v", err)
	}
	if b.status(live.Hash) != token.Revoked || b.status(lined.Hash) != token.Revoked || b.status(reported.Hash) != token.Active {
		t.Errorf("status %s, %s, %s; want revoked, revoked, active", b.status(live.Hash), b.status(lined.Hash), b.status(reported.Hash))
	}
	if got, _ := b.tokens.Lookup(t.Context(), live.Hash); got.LastUsedOn != "" {
		t.Error("a report touched last_used_on")
	}
	// The same report again changes nothing and says the same.
	if diff := cmp.Diff(want, labels(t, b.post(b.service, "/alerts/github", "key1", body))); diff != "" {
		t.Errorf("labels the second time:\n%s", diff)
	}
}

func TestDryRunRevokesNothing(t *testing.T) {
	b := newBench(t)
	b.service.Receiver.DryRun = true
	text, live := b.issue("acme")
	if diff := cmp.Diff([]string{"true_positive"}, labels(t, b.post(b.service, "/alerts/github", "key1", report(t, leak(text, ""))))); diff != "" {
		t.Error(diff)
	}
	if b.status(live.Hash) != token.Active {
		t.Error("revoked in dry run")
	}
}

func TestGitLabIsAnsweredNoBody(t *testing.T) {
	b := newBench(t)
	text, live := b.issue("acme")
	w := b.post(b.service, "/alerts/gitlab", "key1", report(t, map[string]any{"type": "x", "token": "TOKEN=" + text + " # ci", "url": "https://gitlab.com/a/-/raw/1/f"}))
	if w.Code != http.StatusNoContent || w.Body.Len() != 0 {
		t.Errorf("status %d, body %q", w.Code, w.Body)
	}
	if b.status(live.Hash) != token.Revoked {
		t.Error("a token inside a line was not revoked")
	}
	for _, body := range []string{`{"not":"an array"}`, `garbage`, ``, `null`, strings.Repeat("[", 20000)} {
		if w := b.post(b.service, "/alerts/gitlab", "key1", []byte(body)); w.Code != http.StatusNoContent {
			t.Errorf("signed %.20q: status %d, want 204", body, w.Code)
		}
	}
}

func TestBadReportsChangeNothing(t *testing.T) {
	b := newBench(t)
	text, live := b.issue("acme")
	body := report(t, leak(text, ""))
	good := b.host.sign("key1", body)
	other := b.host.sign("key1", []byte("[]"))
	for name, c := range map[string]struct {
		id, signature string
		body          []byte
		want          int
	}{
		"no headers":       {"", "", body, 401},
		"no signature":     {"key1", "", body, 401},
		"no id":            {"", good, body, 401},
		"not base64":       {"key1", "!!!", body, 401},
		"unpadded":         {"key1", strings.TrimRight(good, "=") + "x", body, 401},
		"not DER":          {"key1", base64.StdEncoding.EncodeToString([]byte("12345678")), body, 401},
		"raw r and s":      {"key1", base64.StdEncoding.EncodeToString(make([]byte, 64)), body, 401},
		"other body's":     {"key1", other, body, 401},
		"newline appended": {"key1", good, append(append([]byte{}, body...), '\n'), 401},
		"BOM":              {"key1", good, append([]byte("\xef\xbb\xbf"), body...), 401},
		"truncated":        {"key1", good, body[:len(body)-1], 401},
		"re-serialised":    {"key1", good, []byte(strings.ReplaceAll(string(body), ",", ", ")), 401},
		"unknown key":      {"key9", good, body, 401},
		"long key id":      {strings.Repeat("k", 5000), good, body, 401},
		"control in id":    {"key1\n", good, body, 401},
		"object":           {"key1", b.host.sign("key1", []byte(`{}`)), []byte(`{}`), 400},
		"null":             {"key1", b.host.sign("key1", []byte(`null`)), []byte(`null`), 400},
		"empty":            {"key1", b.host.sign("key1", nil), nil, 400},
		"not UTF-8":        {"key1", b.host.sign("key1", []byte("[\xff]")), []byte("[\xff]"), 400},
		"deep":             {"key1", b.host.sign("key1", []byte(strings.Repeat("[", 50000))), []byte(strings.Repeat("[", 50000)), 400},
	} {
		w := send(b.service, "/alerts/github", c.id, c.signature, c.body)
		if w.Code != c.want || w.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(w.Body.String(), text) {
			t.Errorf("%s: status %d (%s), want %d: %s", name, w.Code, w.Header().Get("Content-Type"), c.want, w.Body)
		}
	}
	if b.status(live.Hash) != token.Active {
		t.Error("something revoked the token")
	}
	// Of good P-256 signatures there are always two; both are the host's.
	if w := send(b.service, "/alerts/github", "key1", good, body); w.Code != 200 {
		t.Errorf("the good one: status %d", w.Code)
	}
}

func TestSwitchedOff(t *testing.T) {
	b := newBench(t)
	b.service.GitLab = nil
	if w := b.post(b.service, "/alerts/gitlab", "key1", []byte("[]")); w.Code != http.StatusNotFound {
		t.Errorf("status %d, want 404", w.Code)
	}
}

func TestStoreDownIsUndecided(t *testing.T) {
	b := newBench(t)
	text, _ := b.issue("acme")
	b.tokens.Table = "Nowhere"
	w := b.post(b.service, "/alerts/github", "key1", report(t, leak(text, "")))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}
