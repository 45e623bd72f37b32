package mfa_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/google/go-cmp/cmp"

	"safekeep/shared/mfa"
)

var ours = virtualwebauthn.RelyingParty{ID: "app.acme.example", Name: "Acme", Origin: "https://app.acme.example"}

// token is an authenticator with one key.
type token struct {
	device virtualwebauthn.Authenticator
	key    virtualwebauthn.Credential
}

// newToken makes a key whose coordinates have no zero in front: virtualwebauthn
// would leave that away, which COSE does not allow (RFC 9053, 7.1.1).
func newToken(t *testing.T) *token {
	t.Helper()
	for {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if point[1] == 0 || point[33] == 0 {
			continue
		}
		text, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return &token{virtualwebauthn.NewAuthenticator(), virtualwebauthn.NewCredentialWithImportedKey(virtualwebauthn.KeyTypeEC2, text)}
	}
}

// create answers an enrolment's options on a page.
func (k *token) create(t *testing.T, page virtualwebauthn.RelyingParty, options any) string {
	t.Helper()
	text, _ := json.Marshal(options)
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(text))
	if err != nil {
		t.Fatal(err)
	}
	k.device.Options.UserHandle = []byte(parsed.UserID)
	return `{"credential":` + virtualwebauthn.CreateAttestationResponse(page, k.device, k.key, *parsed) + `}`
}

// sign answers a challenge on a page; its counter goes on.
func (k *token) sign(t *testing.T, page virtualwebauthn.RelyingParty, options any) string {
	t.Helper()
	text, _ := json.Marshal(options)
	parsed, err := virtualwebauthn.ParseAssertionOptions(string(text))
	if err != nil {
		t.Fatal(err)
	}
	k.key.Counter++
	return `{"method":"passkey","credential":` + virtualwebauthn.CreateAssertionResponse(page, k.device, k.key, *parsed) + `}`
}

// enrolKey gives a user a passkey in force, and returns it and its id.
func (w *world) enrolKey(user, name, proof string) (*token, string) {
	w.t.Helper()
	k := newToken(w.t)
	made := w.need(201, "POST", "/users/"+user+"/passkeys", fields{"email": user + "@acme.example", "name": name, "proof": proof})
	done := w.need(200, "POST", "/users/"+user+"/passkeys/confirm", k.create(w.t, ours, made["options"]))
	return k, done["id"].(string)
}

func (w *world) challenge(user string) any {
	w.t.Helper()
	return w.need(200, "POST", "/users/"+user+"/passkeys/challenge", fields{})["options"]
}

func TestLifeOfAPasskey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.need(404, "POST", "/users/ann/passkeys/challenge", fields{})
	blue, id := w.enrolKey("ann", "Blue key", "")
	view := w.view("ann")
	if diff := cmp.Diff([]any{map[string]any{
		"id": id, "kind": "passkey", "hint": "Blue key", "enrolled_at": noon.Format(time.RFC3339), "last_used_at": nil,
	}}, view["factors"]); diff != "" || view["recovery_codes_left"] != 10. {
		t.Errorf("in force:\n%s", diff)
	}
	got := w.need(200, "POST", "/users/ann/verify", blue.sign(t, ours, w.challenge("ann")))
	if got["ok"] != true {
		t.Fatalf("%v", got["reason"])
	}
	red, second := w.enrolKey("ann", "Red key", got["proof"].(string))
	challenge := w.challenge("ann")
	if text, _ := json.Marshal(challenge); !strings.Contains(string(text), `"userVerification":"preferred"`) || strings.Count(string(text), `"public-key"`) != 2 {
		t.Errorf("the challenge is not for both keys")
	}
	got = w.need(200, "POST", "/users/ann/verify", red.sign(t, ours, challenge))
	if w.call("DELETE", "/users/ann/"+id, fields{"proof": got["proof"]}).status != 204 {
		t.Fatal("not removed")
	}
	if got := w.factors("ann"); len(got) != 1 || got[0] != second {
		t.Errorf("left: %v", got)
	}
	if got := w.need(200, "POST", "/users/ann/verify", blue.sign(t, ours, w.challenge("ann"))); got["reason"] != "wrong" {
		t.Errorf("the removed one: %v", got)
	}
	if diff := cmp.Diff([]string{
		`mfa.enrolled zoe owes {"factor":"passkey","hint":"Blue key","first":true,"recovery_codes":10}`,
		`mfa.enrolled zoe owes {"factor":"passkey","hint":"Red key","first":false}`,
		`mfa.removed zoe owes {"factor":"passkey","hint":"Blue key"}`,
	}, w.told("user#ann")); diff != "" {
		t.Errorf("story:\n%s", diff)
	}
}

func TestPasskeyAttacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	evil := ours
	evil.Origin = "https://app.acme.example.evil.example"
	otherParty := ours
	otherParty.ID = "evil.example"
	// An enrolment that a page of another origin relays; its challenge is used up.
	k := newToken(t)
	for _, page := range []virtualwebauthn.RelyingParty{evil, otherParty} {
		made := w.need(201, "POST", "/users/ann/passkeys", fields{"email": "ann@acme.example", "name": "Key"})
		if got := w.need(422, "POST", "/users/ann/passkeys/confirm", k.create(t, page, made["options"])); got["field"] != "credential" {
			t.Errorf("%v", got)
		}
		w.need(404, "POST", "/users/ann/passkeys/confirm", k.create(t, ours, made["options"]))
	}
	// One user's answer for another.
	bobs := w.need(201, "POST", "/users/bob/passkeys", fields{"email": "bob@acme.example", "name": "Key"})
	w.need(201, "POST", "/users/ann/passkeys", fields{"email": "ann@acme.example", "name": "Key"})
	w.need(422, "POST", "/users/ann/passkeys/confirm", k.create(t, ours, bobs["options"]))

	anns, _ := w.enrolKey("ann", "Key", "")
	theirs, _ := w.enrolKey("bob", "Key", "")
	for name, c := range map[string]func() string{
		"another origin":     func() string { return anns.sign(t, evil, w.challenge("ann")) },
		"another party":      func() string { return anns.sign(t, otherParty, w.challenge("ann")) },
		"another user's key": func() string { return theirs.sign(t, ours, w.challenge("ann")) },
		"not present": func() string {
			absent := *anns
			absent.device.Options.UserNotPresent = true
			return absent.sign(t, ours, w.challenge("ann"))
		},
		"no answer": func() string { w.challenge("ann"); return `{"method":"passkey","credential":{"id":"AA"}}` },
	} {
		if got := w.need(200, "POST", "/users/ann/verify", c()); got["reason"] != "wrong" {
			t.Errorf("%s: %v", name, got)
		}
		w.later(24 * time.Hour)
	}
	w.challenge("ann")
	if got := w.need(200, "POST", "/users/ann/verify", anns.sign(t, ours, w.challenge("bob"))); got["reason"] != "expired" {
		t.Errorf("another's challenge: %v", got)
	}
	// An assertion that was used, and one that comes too late.
	answer := anns.sign(t, ours, w.challenge("ann"))
	if got := w.need(200, "POST", "/users/ann/verify", answer); got["ok"] != true {
		t.Fatalf("%v", got)
	}
	if got := w.need(200, "POST", "/users/ann/verify", answer); got["reason"] != "expired" {
		t.Errorf("again: %v", got)
	}
	w.challenge("ann")
	if got := w.need(200, "POST", "/users/ann/verify", answer); got["reason"] != "expired" {
		t.Errorf("again, for another challenge: %v", got)
	}
	answer = anns.sign(t, ours, w.challenge("ann"))
	w.later(5 * time.Minute)
	if got := w.need(200, "POST", "/users/ann/verify", answer); got["reason"] != "expired" {
		t.Errorf("too late: %v", got)
	}
	// One answer many times at once.
	raw := json.RawMessage(anns.sign(t, ours, w.challenge("ann")))
	var body fields
	_ = json.Unmarshal(raw, &body)
	if got := w.outcomes(20, "ann", func(int) fields { return body }); got["ok"] != 1 {
		t.Errorf("at once: %v", got)
	}
	// A copy of the key, whose counter is behind.
	copied := *anns
	w.later(24 * time.Hour)
	if got := w.need(200, "POST", "/users/ann/verify", anns.sign(t, ours, w.challenge("ann"))); got["ok"] != true {
		t.Errorf("%v", got)
	}
	if got := w.need(200, "POST", "/users/ann/verify", copied.sign(t, ours, w.challenge("ann"))); got["reason"] != "replayed" {
		t.Errorf("a copy: %v", got)
	}
}

// Of two that settle the same signature one is raced, were it not for the
// challenge too.
func TestPasskeyCountsOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrolKey("ann", "Key", "")
	w.challenge("ann")
	a, err := w.service.Accounts.Account(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	f := a.Factors[0]
	settle := func(was uint32) error {
		w.challenge("ann")
		now, _ := w.service.Accounts.Account(t.Context(), "ann")
		f.SignCount = was + 1
		return w.service.Accounts.Settle(t.Context(), now, mfa.Settlement{
			Method: mfa.Passkey, Factor: f.ID, At: noon, Made: f.Made, Key: &f, Was: was, Challenge: now.Challenges[mfa.Passkey].Made, Proof: "p", Until: noon,
		})
	}
	if err := settle(0); err != nil {
		t.Error(err)
	}
	if err := settle(0); !errors.Is(err, mfa.ErrRaced) {
		t.Errorf("from the same count again: %v", err)
	}
	if err := settle(1); err != nil {
		t.Error(err)
	}
}

// A signature cannot be guessed, so wrong ones lock nobody out; but they are told.
func TestPasskeyIsWatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k, _ := w.enrolKey("ann", "Key", "")
	evil := ours
	evil.Origin = "https://evil.example"
	for range 12 {
		if got := w.need(200, "POST", "/users/ann/verify", k.sign(t, evil, w.challenge("ann"))); got["reason"] != "wrong" || got["tries_left"] != 5. {
			t.Errorf("%v", got)
		}
	}
	if got := w.need(200, "POST", "/users/ann/verify", k.sign(t, ours, w.challenge("ann"))); got["ok"] != true {
		t.Errorf("the right one: %v", got["reason"])
	}
	if told := w.told("user#ann"); len(told) != 2 || !strings.Contains(told[1], `"methods":["passkey"]`) {
		t.Errorf("told: %v", told)
	}
}

// A page whose challenge another's has taken the place of is late. That spends
// nothing, and nobody hears of failures that were none.
func TestLateChallenge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k, _ := w.enrolKey("ann", "Key", "")
	first, second := w.challenge("ann"), w.challenge("ann")
	late := k.sign(t, ours, first)
	for range 6 {
		if got := w.need(200, "POST", "/users/ann/verify", late); got["reason"] != "expired" {
			t.Errorf("%v", got)
		}
	}
	if got := w.need(200, "POST", "/users/ann/verify", k.sign(t, ours, second)); got["ok"] != true {
		t.Errorf("the one in force: %v", got["reason"])
	}
	if told := w.told("user#ann"); len(told) != 1 {
		t.Errorf("told: %v", told)
	}
}

// Ten are enough, and one is not enrolled twice.
func TestManyPasskeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k, _ := w.enrolKey("ann", "Key 0", "")
	next := func() any {
		got := w.need(200, "POST", "/users/ann/verify", k.sign(t, ours, w.challenge("ann")))
		return got["proof"]
	}
	made := w.need(201, "POST", "/users/ann/passkeys", fields{"email": "ann@acme.example", "name": "Again", "proof": next()})
	if text, _ := json.Marshal(made["options"]); !strings.Contains(string(text), `"excludeCredentials"`) {
		t.Error("the browser is not told which are enrolled")
	}
	w.need(409, "POST", "/users/ann/passkeys/confirm", k.create(t, ours, made["options"]))
	for range 9 {
		w.enrolKey("ann", "Key", next().(string))
	}
	w.need(409, "POST", "/users/ann/passkeys", fields{"email": "ann@acme.example", "name": "Eleventh", "proof": next()})
	if got := w.call("POST", "/users/ann/reset", fields{"reason": "too many"}); got.status != 204 {
		t.Errorf("a reset of ten: %d", got.status)
	}
}

func TestPasskeysOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k, _ := w.enrolKey("ann", "Key", "")
	answer := k.sign(t, ours, w.challenge("ann"))
	w.service.Passkeys = nil
	w.need(409, "POST", "/users/bob/passkeys", fields{"email": "bob@acme.example", "name": "Key"})
	w.need(409, "POST", "/users/ann/passkeys/challenge", fields{})
	w.need(409, "POST", "/users/ann/verify", answer)
	if diff := cmp.Diff([]any{"passkey", "recovery"}, w.view("ann")["ask"]); diff != "" {
		t.Errorf("asked for:\n%s", diff)
	}
}

func TestNewPasskeys(t *testing.T) {
	for domain, origins := range map[string][]string{
		"acme.example":     {"http://app.acme.example"},
		"a.acme.example":   {""},
		"b.acme.example":   {"https://b.acme.example/"},
		"c.acme.example":   {"b.acme.example"},
		"https://d.exampl": {"https://d.exampl"},
	} {
		if _, err := mfa.NewPasskeys(domain, "Acme", origins); err == nil {
			t.Errorf("%q with %q is taken", domain, origins)
		}
	}
	if _, err := mfa.NewPasskeys("localhost", "Acme", []string{"http://localhost:3000", "https://app.acme.example"}); err != nil {
		t.Error(err)
	}
}
