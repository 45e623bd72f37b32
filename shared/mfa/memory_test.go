package mfa_test

import (
	"context"
	"testing"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/mfa"
	"safekeep/shared/sms"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

// memory answers as a store would in which everything is there and nothing stays:
// of user ann every factor, of everybody else what is begun.
type memory struct{ ann, others mfa.Account }

func (m memory) Account(_ context.Context, user string) (mfa.Account, error) {
	if user == "ann" {
		return m.ann, nil
	}
	return m.others, nil
}

func (memory) Write(context.Context, mfa.Account, mfa.Account, ...ledger.Entry) error { return nil }

func (memory) Reserve(context.Context, string, mfa.Reservation) error { return nil }

func (memory) GiveBack(context.Context, string, mfa.Kind) error { return nil }

func (memory) Spend(context.Context, string, string, mfa.Pending, int) error { return nil }

func (memory) Settle(context.Context, mfa.Account, mfa.Settlement, ...ledger.Entry) error { return nil }

func (memory) Challenge(context.Context, string, mfa.Pending) error { return nil }

func (memory) Watch(context.Context, string, mfa.Watch, time.Time, ...ledger.Entry) error { return nil }

func (memory) Seal(_ context.Context, _ string, _ mfa.Kind, text []byte) ([]byte, error) {
	return text, nil
}

func (memory) Open(_ context.Context, _ string, _ mfa.Kind, sealed []byte) ([]byte, error) {
	return append([]byte{}, sealed...), nil
}

func (memory) OfUser(context.Context, string) ([]workspace.Workspace, error) { return nil, nil }

// boundless lets every text through.
type boundless struct{}

func (boundless) Enrolment(context.Context, string, sms.Number) error { return nil }

func (boundless) SignIn(context.Context, string) error { return nil }

// overMemory is the function over a memory, for many calls in a short time.
func overMemory(t testing.TB) *web.Router {
	t.Helper()
	keys, err := mfa.NewPasskeys("app.acme.example", "Acme", []string{"https://app.acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	regions, err := sms.ParseRegions("US,CA")
	if err != nil {
		t.Fatal(err)
	}
	const session = `{"challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","rpId":"app.acme.example","user_id":"AA==","userVerification":"preferred"}`
	pending := map[mfa.Kind]*mfa.Pending{}
	for kind, sealed := range map[mfa.Kind]string{mfa.TOTP: "12345678901234567890", mfa.SMS: phone, mfa.Passkey: ""} {
		pending[kind] = &mfa.Pending{Kind: kind, Made: "m", ExpiresAt: noon.Add(time.Minute), Sealed: []byte(sealed), State: session, Proved: true}
	}
	set, _, err := mfa.NewCodes(constant{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	m := memory{others: mfa.Account{User: "new", Enrolling: pending}}
	m.ann = mfa.Account{
		User: "ann", Version: 1, Email: "ann@acme.example", Codes: set, Enrolling: pending, Challenges: pending,
		Factors: []mfa.Factor{
			{Kind: mfa.TOTP, ID: "totp", Sealed: []byte("12345678901234567890")}, {Kind: mfa.SMS, ID: "sms", Sealed: []byte(phone)},
			{Kind: mfa.Passkey, ID: "6f1c9b1e-3f0a-4f5e-9f5b-0d9a4f1f6a11", Credential: []byte(`{"id":"AAAA","publicKey":"AAAA"}`)},
		},
	}
	s, err := mfa.NewService(mfa.Service{
		Accounts: m, Sealer: m, Places: m, Texts: &carrier{sent: map[string]string{}}, Meter: boundless{}, Regions: regions, Passkeys: keys,
		Issuer: "Acme", Limits: limits, Vigilance: mfa.Vigilance{Failures: 5, Within: 15 * time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Now = func() time.Time { return noon }
	return s.Routes()
}

// constant is no randomness, but counts on, so that codes differ.
type constant struct{}

var count byte

// Read implements io.Reader.
func (constant) Read(p []byte) (int, error) {
	for i := range p {
		count++
		p[i] = count * 37
	}
	return len(p), nil
}

func (m memory) Kinds(context.Context, []string) (map[string][]mfa.Kind, error) { return nil, nil }

func (m memory) CheckWorkspace(context.Context, string) error { return workspace.ErrNotFound }

func (m memory) Everybody(context.Context, string, func([]workspace.Member)) error { return nil }
