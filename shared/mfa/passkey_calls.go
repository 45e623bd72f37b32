package mfa

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"safekeep/shared/identity"
	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// The longest name of a passkey in characters, and answer of a browser in bytes.
// An answer with an attestation that nobody asked for has some 5 kB.
const (
	maxKeyName = 60
	maxAnswer  = 64 << 10
)

func checkKeyName(name string) error {
	return identity.CheckLine("name", name, maxKeyName, "say which one it is, such as Laptop or Blue key")
}

// optionsView is what a page gives to navigator.credentials.
type optionsView struct {
	Options any `json:"options"`
}

// enrolPasskeyRequest names a passkey that a browser is to make.
type enrolPasskeyRequest struct {
	Email string `json:"email"`
	Name  string `json:"name"`
	Proof Secret `json:"proof"`
}

// enrolPasskey returns what the page gives to navigator.credentials.create.
func (s *Service) enrolPasskey(w http.ResponseWriter, r *http.Request) error {
	var q enrolPasskeyRequest
	c, err := s.read(r, &q)
	if err != nil {
		return err
	}
	if s.Passkeys == nil {
		return errKeysOff
	}
	if err := checkKeyName(q.Name); err != nil {
		return err
	}
	a, err := s.begun(c, q.Email, q.Proof)
	if err != nil {
		return err
	}
	if len(slices.DeleteFunc(slices.Clone(a.Factors), func(f Factor) bool { return f.Kind != Passkey })) >= MaxPasskeys {
		return errManyKeys
	}
	options, p, err := s.Passkeys.begin(a, q.Email, c.now)
	if err != nil {
		return err
	}
	p.Hint = q.Name
	if err := s.pend(c, q.Email, q.Proof, p); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusCreated, optionsView{options})
}

// confirmPasskey puts a passkey in force by what the browser made of it.
//
// That no other account has a credential of this id is not looked for, as Web
// Authentication Level 3 (7.1, step 26) has it where a credential says who signs in:
// here the account is known first, and only its own credentials are tried.
func (s *Service) confirmPasskey(w http.ResponseWriter, r *http.Request) error {
	var q struct {
		Credential json.RawMessage `json:"credential"`
		Name       *string         `json:"name"` // instead of the one given before
	}
	c, err := s.read(r, &q)
	if err != nil {
		return err
	}
	if s.Passkeys == nil {
		return errKeysOff
	}
	if err := checkAnswer(q.Credential); err != nil {
		return err
	}
	if q.Name != nil {
		if err := checkKeyName(*q.Name); err != nil {
			return err
		}
	}
	// A challenge takes one answer, right or wrong.
	p, a, err := s.pending(c, Passkey, 1)
	if err != nil {
		return err
	}
	id, credential, count, err := s.Passkeys.create(c.user, p.State, q.Credential)
	if errors.Is(err, errReply) {
		return errWrongReply
	}
	if err != nil {
		return err
	}
	if _, known := a.keyed(id); known {
		return errKnownKey
	}
	name, err := uuid.NewRandomFromReader(s.Random)
	if err != nil {
		return err
	}
	f := Factor{ID: name.String(), Hint: p.Hint, Credential: credential, SignCount: count}
	if q.Name != nil {
		f.Hint = *q.Name
	}
	done, err := s.finish(c, p, a, f, 0)
	if err != nil {
		return err
	}
	done.ID = f.ID
	return web.WriteJSON(w, http.StatusOK, done)
}

// checkAnswer bounds an answer before it is parsed.
func checkAnswer(answer []byte) error {
	if len(answer) == 0 {
		return problem.Field("credential", "is missing; give what navigator.credentials.create returned")
	}
	if len(answer) > maxAnswer {
		return problem.Field("credential", "is longer than 64 kB")
	}
	return nil
}

// challengePasskey returns what the page gives to navigator.credentials.get.
func (s *Service) challengePasskey(w http.ResponseWriter, r *http.Request) error {
	c, err := s.read(r, &struct{}{})
	if err != nil {
		return err
	}
	a, err := s.account(c)
	if err != nil {
		return err
	}
	switch {
	case len(a.keys()) == 0:
		return errNoFactor
	case s.Passkeys == nil:
		return errKeysOff
	}
	options, p, err := s.Passkeys.challenge(a, c.now)
	if err != nil {
		return err
	}
	if err := s.Accounts.Challenge(c.ctx, c.user, p); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, optionsView{options})
}

// checkPasskey looks at the answer to a challenge, which is spent by that: it
// takes one answer, right or wrong.
func (s *Service) checkPasskey(c call, a Account, t attempt) (Settlement, Outcome, error) {
	asked := a.Challenges[Passkey]
	err := s.Accounts.Spend(c.ctx, c.user, challengeItem(Passkey), *asked, 1)
	if isRaced(err) {
		return Settlement{}, Expired, nil
	}
	if err != nil {
		return Settlement{}, Wrong, err
	}
	f, err := s.Passkeys.answer(a, asked.State, t.credential)
	switch {
	case errors.Is(err, errReply):
		return Settlement{}, Wrong, nil
	case errors.Is(err, errCloned):
		return Settlement{}, Replayed, nil
	case err != nil:
		return Settlement{}, Wrong, err
	}
	before, _ := a.factor(f.ID)
	return Settlement{Factor: f.ID, Made: f.Made, Key: &f, Was: before.SignCount, Challenge: asked.Made}, Right, nil
}
