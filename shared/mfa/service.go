package mfa

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"time"

	"safekeep/shared/identity"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/sms"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

// ErrRaced says that somebody else changed the same thing in between, and that
// nothing was written.
var ErrRaced = errors.New("the account was changed in between")

// maxRaces bounds how often a change is decided anew for that reason.
const maxRaces = 8

// Accounts is where second factors stand.
type Accounts interface {
	// Kinds returns the kinds of factor in force of those among users who have any.
	Kinds(ctx context.Context, users []string) (map[string][]Kind, error)
	// Account returns all that is kept of a user, consistently: what belongs to one
	// version, or Torn.
	Account(ctx context.Context, user string) (Account, error)
	// Write makes an account of one version that of the next, with the entries
	// that tell of it, or nothing (ErrRaced).
	Write(ctx context.Context, before, after Account, entries ...ledger.Entry) error
	// Reserve counts a try by the reservation's method before it is checked, if the
	// counters still are what it was made from (else ErrRaced).
	Reserve(ctx context.Context, user string, r Reservation) error
	// GiveBack uncounts a try by a method that was not checked after all, if any is
	// counted.
	GiveBack(ctx context.Context, user string, method Kind) error
	// Spend counts an answer to what is pending before it is checked. It is
	// ErrRaced when that is gone or has had so many.
	Spend(ctx context.Context, user string, item string, p Pending, most int) error
	// Settle writes what a right answer leaves behind, with the entries that tell
	// of it, or nothing: then the answer was used in between (ErrRaced).
	Settle(ctx context.Context, a Account, s Settlement, entries ...ledger.Entry) error
	// Challenge replaces a user's challenge of a kind.
	Challenge(ctx context.Context, user string, p Pending) error
	// Watch replaces a watch of one version by the next, with the entries that
	// tell of it, or nothing (ErrRaced).
	Watch(ctx context.Context, user string, w Watch, purgeAt time.Time, entries ...ledger.Entry) error
}

// Sealer seals what must not stand in a table in clear, each for one user and
// purpose alone.
type Sealer interface {
	Seal(ctx context.Context, user string, purpose Kind, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, user string, purpose Kind, sealed []byte) ([]byte, error)
}

// Texts sends codes to phones by text message, and checks them.
type Texts interface {
	// Name is what metrics call it.
	Name() string
	// Start sends a code, and returns what is to be kept until it is checked.
	Start(ctx context.Context, user string, to sms.Number) (state string, err error)
	// Check says whether a code is the one that was sent.
	Check(ctx context.Context, user string, to sms.Number, state, code string) (bool, error)
}

// Meter counts texts before they are sent.
type Meter interface {
	// Enrolment counts a text to a number that somebody says is theirs.
	Enrolment(ctx context.Context, user string, to sms.Number) error
	// SignIn counts a text to the number that a user has in force.
	SignIn(ctx context.Context, user string) error
}

// Places knows the workspaces, and who is in which.
type Places interface {
	OfUser(ctx context.Context, user string) ([]workspace.Workspace, error)
	// CheckWorkspace returns a problem unless the workspace exists.
	CheckWorkspace(ctx context.Context, id string) error
	// Everybody calls yield with all who are or were in a workspace.
	Everybody(ctx context.Context, workspace string, yield func([]workspace.Member)) error
}

// Service answers the calls of function mfa.
type Service struct {
	Accounts Accounts
	Sealer   Sealer
	Places   Places
	// Texts sends codes to phones; nil where the stack sends none. Then Meter and
	// Regions are not needed.
	Texts   Texts
	Meter   Meter
	Regions sms.Regions
	// Passkeys is nil where the stack takes none.
	Passkeys *Passkeys
	// Issuer is the name that authenticator apps show, without a colon.
	Issuer    string
	Limits    Limits
	Vigilance Vigilance
	Metrics   *metrics.Recorder
	Now       func() time.Time
	Random    io.Reader
}

// NewService fills in the wall clock and the system's randomness, and returns an
// error about a configuration that nothing could be verified with.
func NewService(s Service) (*Service, error) {
	switch {
	case checkLabel("MFA_ISSUER", s.Issuer) != nil || len(s.Issuer) > maxIssuer:
		return nil, errors.New("MFA_ISSUER must be a name of at most 60 bytes, without a colon")
	case s.Limits.Tries < 1 || s.Limits.Tries > HardStop || s.Limits.Window < time.Minute:
		return nil, errors.New("MFA_TRIES must be from 1 to 100, and MFA_WINDOW_MINUTES at least 1")
	case s.Vigilance.Failures < 1 || s.Vigilance.Within < time.Minute:
		return nil, errors.New("WATCH_FAILURES and WATCH_MINUTES must be at least 1")
	}
	// After so many tries there is a lock, and never more failures to tell of.
	s.Vigilance.Failures = min(s.Vigilance.Failures, s.Limits.Tries)
	s.Now, s.Random = time.Now, rand.Reader
	return &s, nil
}

// maxIssuer keeps a QR code, in which the issuer stands twice, readable.
const maxIssuer = 60

// Routes lists what the service answers.
func (s *Service) Routes() *web.Router {
	r := web.NewRouter()
	r.Handle("GET /users/{user}", s.get)
	r.Handle("POST /users/{user}/totp", s.enrolTOTP)
	r.Handle("POST /users/{user}/totp/confirm", s.confirmTOTP)
	r.Handle("POST /users/{user}/sms", s.enrolSMS)
	r.Handle("POST /users/{user}/sms/confirm", s.confirmSMS)
	r.Handle("POST /users/{user}/sms/send", s.sendSMS)
	r.Handle("POST /users/{user}/passkeys", s.enrolPasskey)
	r.Handle("POST /users/{user}/passkeys/confirm", s.confirmPasskey)
	r.Handle("POST /users/{user}/passkeys/challenge", s.challengePasskey)
	r.Handle("POST /users/{user}/recovery-codes", s.renewCodes)
	r.Handle("POST /users/{user}/verify", s.verify)
	r.Handle("DELETE /users/{user}/{factor}", s.remove)
	r.Handle("POST /users/{user}/reset", s.reset)
	r.Handle("GET /workspaces/{workspace}/second-factors", s.adopted)
	return r
}

// call is what every request says: about whom, who asks, and when.
type call struct {
	ctx   context.Context
	user  string
	actor string
	now   time.Time
	// repairs says that the call is a reset, which takes an account as it finds it.
	repairs bool
}

// read reads a request and its body, if it has one.
func (s *Service) read(r *http.Request, body any) (call, error) {
	c := call{ctx: r.Context(), user: r.PathValue("user"), now: s.Now().UTC()}
	if err := identity.Check("user", c.user); err != nil {
		return c, err
	}
	var err error
	if c.actor, err = web.Actor(r); err != nil || body == nil {
		return c, err
	}
	return c, web.ReadJSON(r, body)
}

// account reads the user's account. One that is torn decides nothing.
func (s *Service) account(c call) (Account, error) {
	a, err := s.Accounts.Account(c.ctx, c.user)
	if err == nil && a.Torn {
		err = errTorn
	}
	return a, err
}

// change makes an account another one by what decide does to it, and writes the
// event that decide returns, if it has a kind.
func (s *Service) change(c call, decide func(before Account, after *Account) (event, error)) (Account, error) {
	for range maxRaces {
		before, err := s.Accounts.Account(c.ctx, c.user)
		if err != nil {
			return Account{}, err
		}
		if before.Torn && !c.repairs {
			return Account{}, errTorn
		}
		after := before.clone()
		after.Version++
		if !c.now.Before(after.Moved.Since.Add(movedKept)) {
			after.Moved = Moved{}
		}
		e, err := decide(before, &after)
		if err != nil {
			return Account{}, err
		}
		entries, err := s.tell(c, after.Version, e)
		if err != nil {
			return Account{}, err
		}
		if err = s.Accounts.Write(c.ctx, before, after, entries...); !errors.Is(err, ErrRaced) {
			return after, err
		}
	}
	return Account{}, errBusy
}
