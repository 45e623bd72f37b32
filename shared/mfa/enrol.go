package mfa

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// An enrolment has two halves. The first puts what was made aside as pending; the
// second proves that the person can answer by it, and only then, in one
// transaction, it is in force. So whoever is cut off in between has what they had
// before, and nobody is asked for what they never had.

// How long an enrolment may take: an app may have to be installed first.
const (
	totpLife    = 30 * time.Minute
	passkeyLife = 5 * time.Minute
)

// pendingTries is how many answers an enrolment, or one text, takes.
const pendingTries = 5

// begun checks what every first half asks for, and returns the account. The proof
// is used only by pend, so that what fails in between does not cost it.
func (s *Service) begun(c call, email string, proof Secret) (Account, error) {
	if err := checkEmail(email); err != nil {
		return Account{}, err
	}
	a, err := s.account(c)
	if err != nil {
		return a, err
	}
	if _, sso, err := s.rules(c); err != nil || sso {
		if err == nil {
			err = errSSO
		}
		return a, err
	}
	return a, a.provenBy(proof, c.now)
}

// pend uses the proof and puts an enrolment aside, over one of its kind that was
// begun before.
func (s *Service) pend(c call, email string, proof Secret, p Pending) error {
	p.Email = email
	_, err := s.change(c, func(_ Account, after *Account) (event, error) {
		var err error
		p.Proved, err = after.authorize(proof, c.now)
		after.Enrolling[p.Kind] = &p
		return event{}, err
	})
	return err
}

// pending returns an enrolment that is to be finished, with one more answer
// counted against it.
func (s *Service) pending(c call, kind Kind, most int) (Pending, Account, error) {
	a, err := s.account(c)
	if err != nil {
		return Pending{}, a, err
	}
	p := a.Enrolling[kind]
	if !p.live(c.now) {
		return Pending{}, a, errNoPending
	}
	if err := p.allowed(a); err != nil {
		return Pending{}, a, err
	}
	if err = s.Accounts.Spend(c.ctx, c.user, enrollingItem(kind), *p, most); isRaced(err) {
		err = errNoPending
	}
	return *p, a, err
}

// allowed refuses an enrolment that was begun without a proof once the account
// has a factor: else whoever has only the password could keep one in store.
func (p *Pending) allowed(a Account) error {
	if !p.Proved && len(a.Factors) > 0 {
		return errProof
	}
	return nil
}

// confirmed is what the second half of an enrolment answers.
type confirmed struct {
	ID    string   `json:"id,omitempty"` // of a passkey
	Codes []string `json:"recovery_codes"`
	Left  int      `json:"recovery_codes_left"`
}

// needsCodes says whether a factor that comes in force brings recovery codes.
func (a Account) needsCodes() bool { return len(a.Factors) == 0 || a.Codes.Left() == 0 }

// errCodeless says that a change needs recovery codes and none were made for it.
var errCodeless = errors.New("the account has no recovery codes left")

// finish puts a factor in force in the place of what was pending, with recovery
// codes if the account has none. step is of an app's code.
func (s *Service) finish(c call, p Pending, a Account, f Factor, step int64) (done confirmed, err error) {
	f.Kind, f.Made, f.EnrolledAt = p.Kind, p.Made, c.now
	var fresh Codes
	var shown []Secret
	if a.needsCodes() {
		// Ten slow hashes: before the change, which may be decided several times.
		if fresh, shown, err = newCodes(s.Random, c.now); err != nil {
			return done, err
		}
	}
	done, err = s.enforce(c, p, f, step, fresh, shown)
	if errors.Is(err, errCodeless) { // the last code was used meanwhile
		if fresh, shown, err = newCodes(s.Random, c.now); err == nil {
			done, err = s.enforce(c, p, f, step, fresh, shown)
		}
	}
	if err == nil {
		s.Metrics.Add(c.now, "MfaEnrolled", 1, [2]string{"Kind", string(f.Kind)})
	}
	return done, err
}

// enforce is the change of finish. Whether the codes that were made for it are
// used is decided here, by the account as it is; it is errCodeless when they are
// needed and there are none.
func (s *Service) enforce(c call, p Pending, f Factor, step int64, fresh Codes, made []Secret) (confirmed, error) {
	var shown []Secret
	// What was pending when the answer was checked must be so still: a second
	// enrolment begun meanwhile, or a reset, takes it away.
	after, err := s.change(c, func(before Account, after *Account) (event, error) {
		now := before.Enrolling[p.Kind]
		if now == nil || now.Made != p.Made {
			return event{}, errNoPending
		}
		if err := now.allowed(before); err != nil {
			return event{}, err
		}
		shown = nil
		if before.needsCodes() {
			if made == nil {
				return event{}, errCodeless
			}
			shown, after.Codes, after.CodeTries = made, fresh, Tries{}
		}
		after.unprove()
		delete(after.Challenges, p.Kind) // a code on its way to an old phone
		delete(after.Used, f.ID)
		after.put(f)
		after.move(p.Email, c.now)
		if f.Kind == TOTP {
			after.Step = step
		}
		if f.Kind != Passkey {
			after.Tries = Tries{} // they were at what this replaces
		}
		if old, had := before.factor(f.ID); had && f.Kind == SMS {
			return event{ledger.MFAPhoneChanged, phoneChangedDetail{f.Hint, old.Hint, len(shown)}}, nil
		}
		return event{ledger.MFAEnrolled, enrolledDetail{f.Kind, f.told(), len(before.Factors) == 0, len(shown)}}, nil
	})
	if err != nil {
		return confirmed{}, err
	}
	return confirmed{Codes: reveal(shown), Left: after.Codes.Left()}, nil
}

// enrolTOTPRequest asks for the secret of an app.
type enrolTOTPRequest struct {
	Email string  `json:"email"`
	Label *string `json:"label"` // what the app shows; left out, the address
	Proof Secret  `json:"proof"`
}

// enrolTOTP makes the secret of an app and shows it, this once. An app that is in
// force stays so until the new one has given a code.
func (s *Service) enrolTOTP(w http.ResponseWriter, r *http.Request) error {
	var q enrolTOTPRequest
	c, err := s.read(r, &q)
	if err != nil {
		return err
	}
	label := q.Email
	if q.Label != nil {
		if label = *q.Label; checkLabel("label", label) != nil {
			return checkLabel("label", label)
		}
	}
	if _, err := s.begun(c, q.Email, q.Proof); err != nil {
		return err
	}
	seed := make([]byte, seedLength)
	defer clear(seed)
	if _, err := io.ReadFull(s.Random, seed); err != nil {
		return fmt.Errorf("making the secret of an app: %w", err)
	}
	// Sealed before it is stored or shown; it is taken over as it is when confirmed,
	// because user and purpose stay the same.
	sealed, err := s.Sealer.Seal(c.ctx, c.user, TOTP, seed)
	if err != nil {
		return err
	}
	secret := base32Seed.EncodeToString(seed)
	uri := otpauth(s.Issuer, label, secret)
	png, svg, err := picture(uri)
	if err != nil {
		return err
	}
	if err := s.pend(c, q.Email, q.Proof, Pending{
		Kind: TOTP, Made: rand.Text(), ExpiresAt: c.now.Add(totpLife), Hint: label, Sealed: sealed,
	}); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusCreated, struct {
		Secret    string    `json:"secret"`
		URI       string    `json:"uri"`
		PNG       string    `json:"qr_png"`
		SVG       string    `json:"qr_svg"`
		ExpiresAt time.Time `json:"expires_at"`
	}{secret, uri, png, svg, c.now.Add(totpLife)})
}

// codeRequest is an answer by a code.
type codeRequest struct {
	Code Secret `json:"code"`
}

// confirmTOTP puts an app in force by a code of its own. A wrong one is said to be
// wrong: whoever asks has been shown the secret.
func (s *Service) confirmTOTP(w http.ResponseWriter, r *http.Request) error {
	var q codeRequest
	c, err := s.read(r, &q)
	if err != nil {
		return err
	}
	if !isCode(q.Code.Reveal()) {
		return errSixDigits
	}
	p, a, err := s.pending(c, TOTP, pendingTries)
	if err != nil {
		return err
	}
	seed, err := s.Sealer.Open(c.ctx, c.user, TOTP, p.Sealed)
	if err != nil {
		return err
	}
	defer clear(seed)
	step, ok := match(seed, q.Code.Reveal(), c.now)
	if !ok {
		return errWrongCode
	}
	// The code was used by this; its step is not accepted at sign-in again.
	done, err := s.finish(c, p, a, Factor{ID: string(TOTP), Hint: p.Hint, Sealed: p.Sealed}, step)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, done)
}

var errSixDigits = problem.Field("code", "must be six digits, as the app shows them")

// maxEmail, as in package workspace, is RFC 5321's longest path, less the angle brackets.
const maxEmail = 254

// checkEmail takes one bare address: mails about the account go there.
func checkEmail(email string) error {
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || len(email) > maxEmail {
		return problem.Field("email", "must be one bare address such as ann@acme.example; mails about the account go there")
	}
	for _, c := range email {
		if c <= ' ' || c == '"' || c >= 0x7f {
			return problem.Field("email", "must be written in plain ASCII; give an international domain in its xn-- form")
		}
	}
	return nil
}
