package credential_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/envelope"
	"safekeep/shared/grant"
	"safekeep/shared/ledger"
	"safekeep/shared/snowflake"
	"safekeep/shared/snowflake/snowflaketest"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

// world is both functions over the real engine. Only KMS is a double here: the
// flow tests have the real one's stand-in.
type world struct {
	t         *testing.T
	now       time.Time
	routes    *web.Router
	connect   *web.Router
	connector *credential.Connector
	store     *credential.Store
	places    *workspace.Store
	vault     *vault
	signer    *signer
	issuer    *grant.Issuer
	resolver  resolver
	double    *snowflaketest.Server
	client    *snowflake.Client
}

// vault is an envelope whose seal is the context itself: it opens in no other,
// and counts how often it was asked.
type vault struct {
	opened atomic.Int64
	down   atomic.Bool
}

func (v *vault) Seal(_ context.Context, c envelope.Context, plaintext []byte) ([]byte, error) {
	if v.down.Load() {
		return nil, envelope.ErrUnavailable
	}
	return json.Marshal(map[string]any{"context": c, "secret": flip(plaintext)})
}

func (v *vault) Open(_ context.Context, c envelope.Context, message []byte) ([]byte, error) {
	v.opened.Add(1)
	if v.down.Load() {
		return nil, envelope.ErrUnavailable
	}
	var sealed struct {
		Context envelope.Context
		Secret  []byte
	}
	if err := json.Unmarshal(message, &sealed); err != nil || sealed.Context != c {
		return nil, envelope.ErrSealed
	}
	return flip(sealed.Secret), nil
}

// flip hides a text from whoever greps for it.
func flip(text []byte) []byte {
	flipped := make([]byte, len(text))
	for i := range text {
		flipped[i] = ^text[i]
	}
	return flipped
}

// signer is the grant key, held here instead of in KMS.
type signer struct {
	key  *ecdsa.PrivateKey
	down atomic.Bool
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{key: key}
}

func (s *signer) Sign(_ context.Context, digest []byte) ([]byte, error) {
	if s.down.Load() {
		return nil, errors.New("no answer")
	}
	return ecdsa.SignASN1(rand.Reader, s.key, digest)
}

func (s *signer) PublicKey(context.Context) (*ecdsa.PublicKey, error) { return &s.key.PublicKey, nil }

// resolver knows hosts by their addresses.
type resolver map[string]string

func (r resolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	address, known := r[strings.TrimSuffix(host, ".")]
	if !known {
		address = "203.0.113.9"
		if !strings.HasSuffix(host, ".example") {
			address = "8.8.8.8"
		}
	}
	return []netip.Addr{netip.MustParseAddr(address)}, nil
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	client := dynamotest.New(t)
	story := &ledger.Store{Client: client, Table: dynamotest.Ledger}
	w := &world{
		t: t, now: noon, vault: &vault{}, signer: newSigner(t), resolver: resolver{"db.acme.com": "8.8.4.4"}, double: snowflaketest.New(),
		store:  &credential.Store{Client: client, Table: "Credentials", Ledger: story, Grace: 24 * time.Hour},
		places: &workspace.Store{Client: client, Table: dynamotest.Workspaces, Ledger: story},
	}
	server := httptest.NewServer(w.double)
	t.Cleanup(server.Close)
	w.client = snowflake.NewClient(server.URL+"/{account}", time.Now)
	w.issuer = grant.NewIssuer(w.signer, grant.PartiesOf("test"))
	service := credential.NewService(credential.Service{
		Store: w.store, Directory: w.places, Sealer: w.vault, Opener: w.vault, Issuer: w.issuer, Grants: story, Resolver: w.resolver,
		Snowflake: w.client, Defaults: credential.Defaults{Interval: 90 * 24 * time.Hour, Overlap: 24 * time.Hour},
	})
	service.Now = func() time.Time { return w.now }
	w.routes = service.Routes()
	w.connector = &credential.Connector{
		Vault:  &credential.GrantedStore{Store: w.store, Grants: &grant.Store{Table: dynamotest.Ephemera}},
		Opener: w.vault, Verifier: grant.NewVerifier(w.signer, grant.PartiesOf("test")), Snowflake: w.client, Now: func() time.Time { return w.now },
	}
	w.connect = w.connector.Routes()
	for _, id := range []string{"acme", "other"} {
		if _, err := w.places.Put(t.Context(), workspace.Workspace{ID: id, Name: id}, "test", noon); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// call sends a request to whichever function answers the path.
func (w *world) call(method, path, body string) (int, map[string]any) {
	w.t.Helper()
	routes := w.routes
	if path == "/credentials/open" || path == "/credentials/session" {
		routes = w.connect
	}
	answer := httptest.NewRecorder()
	routes.ServeHTTP(answer, httptest.NewRequest(method, path, strings.NewReader(body)))
	var fields map[string]any
	if answer.Body.Len() > 0 {
		if err := json.Unmarshal(answer.Body.Bytes(), &fields); err != nil {
			w.t.Fatalf("%s %s: %d %s: %v", method, path, answer.Code, answer.Body, err)
		}
	}
	if answer.Code == 200 && answer.Header().Get("Cache-Control") != "no-store" {
		w.t.Errorf("%s %s: a cache may keep it", method, path)
	}
	return answer.Code, fields
}

// need is call for what must be answered with a status.
func (w *world) need(status int, method, path, body string) map[string]any {
	w.t.Helper()
	got, fields := w.call(method, path, body)
	if got != status {
		w.t.Fatalf("%s %s: %d %v, want %d", method, path, got, fields, status)
	}
	return fields
}

const password = "correct horse battery staple"

const postgres = `"settings":{"host":"db.acme.com","database":"app","user":"loader"},"secret":{"password":"` + password + `"}`

// put stores a postgres credential and returns its id.
func (w *world) put(workspace string) string {
	w.t.Helper()
	return w.need(201, "POST", "/workspaces/"+workspace+"/credentials", `{"warehouse":"postgres","name":"main",`+postgres+`}`)["id"].(string)
}

func (w *world) grant(workspace string, ids ...string) string {
	w.t.Helper()
	list, _ := json.Marshal(ids)
	return w.need(201, "POST", "/workspaces/"+workspace+"/grants", `{"credentials":`+string(list)+`,"purpose":"extract","run":"r1"}`)["grant"].(string)
}

func opening(grant, id string) string {
	text, _ := json.Marshal(map[string]string{"grant": grant, "credential": id})
	return string(text)
}

// kinds counts a workspace's ledger entries by kind.
func (w *world) kinds(workspace string) map[ledger.Kind]int {
	w.t.Helper()
	entries, _, err := w.store.Ledger.List(w.t.Context(), workspace, "", 200)
	if err != nil {
		w.t.Fatal(err)
	}
	counts := map[ledger.Kind]int{}
	for _, e := range entries {
		counts[e.Kind]++
		if strings.Contains(string(e.Detail), password[:12]) {
			w.t.Errorf("the ledger holds a secret: %s", e.Detail)
		}
	}
	return counts
}

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // every refusal is logged
	os.Exit(m.Run())
}
