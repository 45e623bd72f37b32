package mfa

import (
	"net/http"
	"slices"

	"safekeep/shared/identity"
	"safekeep/shared/ledger"
	"safekeep/shared/web"
)

// Nothing here asks for a factor that is no longer held: a proof comes from any
// factor, or from a recovery code, so a lost phone can be removed by what is left.

// proofRequest is a change that only needs a proof.
type proofRequest struct {
	Proof Secret `json:"proof"`
}

// renewCodes makes ten new recovery codes; the old ones are good no more.
func (s *Service) renewCodes(w http.ResponseWriter, r *http.Request) error {
	var q proofRequest
	c, err := s.read(r, &q)
	if err != nil {
		return err
	}
	a, err := s.account(c)
	if err != nil {
		return err
	}
	if len(a.Factors) == 0 {
		return errNoFactors
	}
	if err := a.provenBy(q.Proof, c.now); err != nil {
		return err // before ten slow hashes
	}
	fresh, shown, err := newCodes(s.Random, c.now)
	if err != nil {
		return err
	}
	if _, err := s.change(c, func(before Account, after *Account) (event, error) {
		if len(before.Factors) == 0 {
			return event{}, errNoFactors
		}
		_, err := after.authorize(q.Proof, c.now)
		after.Codes, after.CodeTries = fresh, Tries{}
		after.unprove()
		return event{ledger.MFARecoveryCodesMade, codesMadeDetail{len(shown)}}, err
	}); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusCreated, struct {
		Codes []string `json:"recovery_codes"`
	}{reveal(shown)})
}

// remove ends one factor. With the last one the recovery codes end too: there is
// nothing left that they could stand in for.
func (s *Service) remove(w http.ResponseWriter, r *http.Request) error {
	var q proofRequest
	c, err := s.read(r, &q)
	if err != nil {
		return err
	}
	var gone Factor
	if _, err := s.change(c, func(before Account, after *Account) (event, error) {
		f, enrolled := before.factor(r.PathValue("factor"))
		if !enrolled {
			return event{}, errNoFactor
		}
		if _, err := after.authorize(q.Proof, c.now); err != nil {
			return event{}, err
		}
		gone = f
		after.drop(f)
		return event{ledger.MFARemoved, removedDetail{f.Kind, f.told()}}, nil
	}); err != nil {
		return err
	}
	s.Metrics.Add(c.now, "MfaRemoved", 1, [2]string{"Kind", string(gone.Kind)})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// drop takes a factor away, and what only it gave a meaning to.
func (a *Account) drop(f Factor) {
	a.Factors = slices.DeleteFunc(a.Factors, func(other Factor) bool { return other.ID == f.ID })
	delete(a.Used, f.ID)
	delete(a.Challenges, f.Kind)
	a.unprove()
	if len(a.Factors) == 0 {
		a.Codes = Codes{}
	}
}

// maxReason is the longest reason of a reset, in characters.
const maxReason = 200

// reset takes everything away, for somebody who has lost it all: factors, codes,
// what is pending, proofs, and the count of failures. It asks for no proof, so it
// is the admins' alone; the mail that it owes tells the user.
func (s *Service) reset(w http.ResponseWriter, r *http.Request) error {
	var q struct {
		Reason string `json:"reason"`
	}
	c, err := s.read(r, &q)
	if err != nil {
		return err
	}
	if err := identity.CheckLine("reason", q.Reason, maxReason, "say why; the user and the workspace's admins read it"); err != nil {
		return err
	}
	c.repairs = true
	var kinds []Kind
	if _, err := s.change(c, func(before Account, after *Account) (event, error) {
		if before.Version == 0 && !before.Torn {
			return event{}, errNoFactors
		}
		kinds = before.kinds()
		*after = Account{User: before.User, Version: after.Version, Email: before.Email, Moved: before.Moved, Watch: before.Watch}
		if len(kinds) == 0 && before.Codes.Made == "" {
			return event{}, nil // reset before, or never confirmed: nothing to tell
		}
		return event{ledger.MFAReset, resetDetail{kinds, q.Reason}}, nil
	}); err != nil {
		return err
	}
	for _, kind := range kinds {
		s.Metrics.Add(c.now, "MfaRemoved", 1, [2]string{"Kind", string(kind)})
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
