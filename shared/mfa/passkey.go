package mfa

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Passkeys holds the ceremonies of WebAuthn for one domain.
type Passkeys struct{ party *webauthn.WebAuthn }

// algorithms are those that authenticators have: the first is on all of them.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// NewPasskeys returns the ceremonies for a domain such as app.acme.example, with
// the name that a browser shows, on pages of the given origins. These are https,
// and in that domain or below, which browsers insist on; localhost is for
// developers.
func NewPasskeys(domain, name string, origins []string) (*Passkeys, error) {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nil, fmt.Errorf("%q is not an origin such as https://app.acme.example", origin)
		}
		if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost") {
			return nil, fmt.Errorf("%q is not https", origin)
		}
	}
	limit := webauthn.TimeoutConfig{Timeout: passkeyLife, TimeoutUVD: passkeyLife}
	party, err := webauthn.New(&webauthn.Config{
		RPID: domain, RPDisplayName: name, RPOrigins: origins,
		// Which make of authenticator it is tells nothing that is used here, and
		// browsers ask people before they say.
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:      protocol.ResidentKeyRequirementPreferred,
			UserVerification: protocol.VerificationPreferred,
		},
		// Some password managers answer extensions that nobody asked for.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
		// Told to the browser; what counts is the time of what is pending.
		Timeouts: webauthn.TimeoutsConfig{Login: limit, Registration: limit},
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	return &Passkeys{party}, nil
}

// person is a user as the ceremonies see one.
type person struct {
	user, email string
	credentials []webauthn.Credential
}

// WebAuthnID implements webauthn.User. The handle names a user to authenticators,
// which show it to whoever holds them, so it is not the user's id itself.
func (p person) WebAuthnID() []byte {
	sum := sha256.Sum256([]byte("safekeep passkey of " + p.user))
	return sum[:]
}

// WebAuthnName implements webauthn.User.
func (p person) WebAuthnName() string { return p.email }

// WebAuthnDisplayName implements webauthn.User.
func (p person) WebAuthnDisplayName() string { return p.email }

// WebAuthnCredentials implements webauthn.User.
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

// keys are the account's passkeys as the ceremonies need them.
func (a Account) keys() []webauthn.Credential {
	var keys []webauthn.Credential
	for _, f := range a.Factors {
		var key webauthn.Credential
		if f.Kind != Passkey || json.Unmarshal(f.Credential, &key) != nil {
			continue
		}
		key.Authenticator.SignCount = f.SignCount
		keys = append(keys, key)
	}
	return keys
}

// keyed returns the factor that a credential is.
func (a Account) keyed(id []byte) (Factor, bool) {
	for _, f := range a.Factors {
		var key webauthn.Credential
		if f.Kind == Passkey && json.Unmarshal(f.Credential, &key) == nil && bytes.Equal(key.ID, id) {
			return f, true
		}
	}
	return Factor{}, false
}

// begin begins an enrolment: what the browser is to be given, and what is to be
// kept.
func (k *Passkeys) begin(a Account, email string, now time.Time) (any, Pending, error) {
	keys := a.keys()
	options, session, err := k.party.BeginRegistration(person{a.User, email, keys},
		webauthn.WithCredentialParameters(algorithms),
		webauthn.WithExclusions(webauthn.Credentials(keys).CredentialDescriptors()))
	if err != nil {
		return nil, Pending{}, fmt.Errorf("beginning to enrol a passkey: %w", err)
	}
	p, err := kept(session, now)
	return options, p, err
}

// challenge is begin at sign-in.
func (k *Passkeys) challenge(a Account, now time.Time) (any, Pending, error) {
	options, session, err := k.party.BeginLogin(person{a.User, a.Email, a.keys()})
	if err != nil {
		return nil, Pending{}, fmt.Errorf("asking for a passkey: %w", err)
	}
	p, err := kept(session, now)
	return options, p, err
}

func kept(session *webauthn.SessionData, now time.Time) (Pending, error) {
	text, err := json.Marshal(session)
	return Pending{Kind: Passkey, Made: rand.Text(), ExpiresAt: now.Add(passkeyLife), State: string(text)}, err
}

// errReply is for an answer that does not answer its challenge. Why is not told:
// it is the page's mistake or an attack, and the reasons repeat the answer.
var errReply = errors.New("the answer does not fit the challenge")

// create reads a browser's answer to begin. What is kept of it is the public key;
// the attestation says nothing, see NewPasskeys.
func (k *Passkeys) create(user, session string, answer []byte) (id, credential []byte, count uint32, err error) {
	var asked webauthn.SessionData
	if err := json.Unmarshal([]byte(session), &asked); err != nil {
		return nil, nil, 0, fmt.Errorf("reading a passkey's session: %w", err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return nil, nil, 0, errReply
	}
	key, err := k.party.CreateCredential(person{user: user}, asked, parsed)
	if err != nil {
		return nil, nil, 0, errReply
	}
	key.Attestation = webauthn.CredentialAttestation{}
	text, err := json.Marshal(key)
	return key.ID, text, key.Authenticator.SignCount, err
}

// answer reads a browser's answer to challenge, and returns the factor as it is
// after that. It is errCloned when the authenticator has not counted on, as one
// of two with the same key would.
func (k *Passkeys) answer(a Account, session string, answer []byte) (Factor, error) {
	var asked webauthn.SessionData
	if err := json.Unmarshal([]byte(session), &asked); err != nil {
		return Factor{}, fmt.Errorf("reading a passkey's session: %w", err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Factor{}, errReply
	}
	keys := a.keys()
	// Those that were removed since the challenge cannot be answered with.
	asked.AllowedCredentialIDs = nil
	for _, key := range keys {
		asked.AllowedCredentialIDs = append(asked.AllowedCredentialIDs, key.ID)
	}
	key, err := k.party.ValidateLogin(person{a.User, a.Email, keys}, asked, parsed)
	if err != nil {
		return Factor{}, errReply
	}
	if key.Authenticator.CloneWarning {
		return Factor{}, errCloned
	}
	f, _ := a.keyed(key.ID)
	f.SignCount = key.Authenticator.SignCount
	f.Credential, err = json.Marshal(key)
	return f, err
}

// answersOther says whether an answer is to another challenge than a session's.
// One that cannot be read is not, and found wrong later.
func answersOther(session string, answer []byte) bool {
	var asked webauthn.SessionData
	var given struct {
		Response struct {
			ClientData protocol.URLEncodedBase64 `json:"clientDataJSON"`
		} `json:"response"`
	}
	var client protocol.CollectedClientData
	if json.Unmarshal([]byte(session), &asked) != nil || json.Unmarshal(answer, &given) != nil || json.Unmarshal(given.Response.ClientData, &client) != nil {
		return false
	}
	return client.Challenge != asked.Challenge
}

// errCloned is for a passkey that may have a copy.
//
// Source: Web Authentication Level 3, 6.1.1, "Signature Counter Considerations".
var errCloned = errors.New("the passkey's counter did not go on")
