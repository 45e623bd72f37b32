package web

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/mfa"
	"safekeep/shared/workspace"
)

// factors is the page for passkeys and the real function behind it.
type factors struct {
	*httptest.Server
	// page is the page's address at localhost: an IP address is no relying party.
	page string

	mu sync.Mutex
	// secrets are the recovery codes and proofs that were answered.
	secrets []string
}

func newFactors(t *testing.T) *factors {
	t.Helper()
	f := &factors{}
	mux := Demonstration()
	f.Server = httptest.NewUnstartedServer(mux)
	_, port, _ := strings.Cut(f.Listener.Addr().String(), ":")
	origin := "http://localhost:" + port
	f.page = origin + "/local/passkeys"

	keys, err := mfa.NewPasskeys("localhost", "Acme", []string{origin})
	if err != nil {
		t.Fatal(err)
	}
	client := dynamotest.New(t)
	story := &ledger.Store{Client: client, Table: dynamotest.Ledger}
	service, err := mfa.NewService(mfa.Service{
		Accounts: &mfa.Store{Client: client, Table: "Accounts", Ledger: story},
		Places:   &workspace.Store{Client: client, Table: dynamotest.Workspaces, Ledger: story},
		Passkeys: keys, Issuer: "Acme", // and no Sealer: what is kept of a passkey is no secret
		Limits:    mfa.Limits{Tries: 5, Window: 15 * time.Minute},
		Vigilance: mfa.Vigilance{Failures: 5, Within: 15 * time.Minute},
		Metrics:   metrics.NewRecorder(io.Discard, "test"),
	})
	if err != nil {
		t.Fatal(err)
	}
	routes := service.Routes()
	mux.HandleFunc("/users/", func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		routes.ServeHTTP(answer, r)
		f.remember(answer.Body.Bytes())
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
	f.Start()
	t.Cleanup(f.Close)
	return f
}

func (f *factors) remember(answer []byte) {
	var told struct {
		Codes []string `json:"recovery_codes"`
		Proof string   `json:"proof"`
	}
	_ = json.Unmarshal(answer, &told) // what is something else has none
	f.mu.Lock()
	defer f.mu.Unlock()
	f.secrets = append(f.secrets, told.Codes...)
	if told.Proof != "" {
		f.secrets = append(f.secrets, told.Proof)
	}
}

// account is what the function says of a user, as it answered it.
func (f *factors) account(t *testing.T, user string) string {
	t.Helper()
	answer, err := http.Get(f.URL + "/users/" + user)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET of %s: %d, %v", user, answer.StatusCode, err)
	}
	return string(text)
}

// count is how many passkeys a user has.
func (f *factors) count(t *testing.T, user string) int {
	t.Helper()
	return strings.Count(f.account(t, user), `"kind":"passkey"`)
}

// outcome is what the page says, which holds no secret.
const outcome = `document.getElementById("outcome").textContent`

// openPasskeys opens the page in a new tab, for a user of its own. The scripts
// given run before the page's.
func openPasskeys(t *testing.T, b *browser, address, user string, before ...string) *page {
	t.Helper()
	p := b.tab(t, 900)
	p.story = outcome
	for _, script := range before {
		p.do(t, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": script}, nil)
	}
	p.do(t, "WebAuthn.enable", map[string]any{"enableUI": false}, nil)
	p.visit(t, address, read)
	p.choose(t, user)
	return p
}

// read is true when the page shows an account.
const read = `document.getElementById("account")?.hidden === false`

// choose writes a user into the page's field, and waits until theirs is shown.
func (p *page) choose(t *testing.T, user string) {
	t.Helper()
	p.value(t, fmt.Sprintf(`(() => {
		const f = document.getElementById("user");
		document.getElementById("account").hidden = true;
		f.value = %q;
		f.dispatchEvent(new Event("change"));
	})()`, user))
	p.until(t, read)
}

// plug gives a tab an authenticator and returns its id. Its owner touches it, and
// shows who they are or fails to.
func (p *page) plug(t *testing.T, verified bool) string {
	t.Helper()
	var added struct{ AuthenticatorID string }
	p.do(t, "WebAuthn.addVirtualAuthenticator", map[string]any{"options": map[string]any{
		"protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
		"isUserVerified": verified, "automaticPresenceSimulation": true,
	}}, &added)
	return added.AuthenticatorID
}

func (p *page) unplug(t *testing.T, authenticator string) {
	t.Helper()
	p.do(t, "WebAuthn.removeVirtualAuthenticator", map[string]any{"authenticatorId": authenticator}, nil)
}

// clickFor clicks a button and waits until the page says something that begins so.
func (p *page) clickFor(t *testing.T, id, want string) {
	t.Helper()
	p.click(t, id)
	p.until(t, outcome+fmt.Sprintf(`.startsWith(%q)`, want))
	p.until(t, `document.getElementById("add").getAttribute("aria-disabled") === null`)
}

// alter changes the one credential of an authenticator.
func (p *page) alter(t *testing.T, authenticator string, change func(credential map[string]any)) {
	t.Helper()
	var has struct{ Credentials []map[string]any }
	p.do(t, "WebAuthn.getCredentials", map[string]any{"authenticatorId": authenticator}, &has)
	if len(has.Credentials) != 1 {
		t.Fatalf("the authenticator has %d credentials", len(has.Credentials))
	}
	c := has.Credentials[0]
	p.do(t, "WebAuthn.removeCredential", map[string]any{"authenticatorId": authenticator, "credentialId": c["credentialId"]}, nil)
	change(c)
	p.do(t, "WebAuthn.addCredential", map[string]any{"authenticatorId": authenticator, "credential": c}, nil)
}

// otherKey is a private key as an authenticator of the protocol takes one.
func otherKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// leaks says whether a secret that was answered is anywhere a page could leave
// it: in itself, its address, a store, or the console.
func (f *factors) leaks(t *testing.T, p *page) bool {
	t.Helper()
	everywhere := []byte(p.value(t, `(async () => [document.documentElement.outerHTML, location.href, document.cookie, window.name,
		JSON.stringify(localStorage), JSON.stringify(sessionStorage), JSON.stringify(history.state), JSON.stringify(await indexedDB.databases()),
		JSON.stringify(await caches.keys()), performance.getEntries().map((e) => e.name).join(),
		Object.keys(window).map((k) => typeof window[k] === "string" ? window[k] : "").join()].join("\n"))()`))
	p.browser.mu.Lock()
	everywhere = append(everywhere, strings.Join(p.console, "\n")...)
	p.browser.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.secrets) == 0 {
		t.Fatal("no secret was answered that could leak")
	}
	return slices.ContainsFunc(f.secrets, func(s string) bool { return bytes.Contains(everywhere, []byte(s)) })
}
