package mfa

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/problem"
	"safekeep/shared/sms"
)

// Settlement is what a right answer leaves behind.
type Settlement struct {
	Method Kind
	Factor string // the id of the factor that was used; "" for a recovery code
	At     time.Time
	// Made is the factor's, which must be in force still. Step is of an app: it is
	// accepted of this enrolment alone, and none at or before it again.
	Made string
	Step int64
	// Selector and Hash are of a recovery code, which this uses up.
	Selector string
	Hash     []byte
	// Key is a passkey as it is after it signed; Was is how often it had before.
	Key *Factor
	Was uint32
	// Challenge is the Made of the challenge that was answered.
	Challenge string
	// Proof is the digest of the proof that the answer is worth, and Stale are
	// those that it takes the place of.
	Proof string
	Until time.Time
	Stale []string
}

// ready says whether there is anything to check an answer against: Right if so.
func (s *Service) ready(c call, a Account, t attempt) Outcome {
	f, enrolled := a.factor(string(t.method))
	switch t.method {
	case Recovery:
		if a.Codes.Made == "" {
			return None
		}
		return Right
	case Passkey:
		if len(a.keys()) == 0 {
			return None
		}
	default:
		if !enrolled {
			return None
		}
	}
	if asked := a.Challenges[t.method]; t.method != TOTP && (!asked.live(c.now) || asked.For != f.Made) {
		return Expired
	}
	// An answer to a challenge that another page's has taken the place of is late,
	// not wrong: it neither spends the new one nor speaks against anybody.
	if t.method == Passkey && answersOther(a.Challenges[Passkey].State, t.credential) {
		return Expired
	}
	return Right
}

// reserve counts a try by a method that is counted, or answers that it is locked.
func (s *Service) reserve(w http.ResponseWriter, c call, a Account, method Kind) (Account, error) {
	if !method.counted() {
		return a, nil
	}
	for range maxRaces {
		r, until := s.Limits.reserve(a.tries(method), c.now)
		r.Method = method
		if !until.IsZero() {
			return a, s.locked(w, c, until)
		}
		err := s.Accounts.Reserve(c.ctx, c.user, r)
		if !isRaced(err) {
			return a, err
		}
		if a, err = s.account(c); err != nil {
			return a, err
		}
	}
	return a, errBusy
}

// errUnchecked is for an answer that could not be looked at.
var errUnchecked = errors.New("an answer was not checked")

// giveBack takes a try out of the count that was reserved for an answer which was
// not looked at: an hour without KMS must not lock everybody out for a day. Should
// it fail, the try stays counted.
func (s *Service) giveBack(c call, method Kind, err error) {
	if !method.counted() || !errors.Is(err, errUnchecked) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), time.Second)
	defer cancel()
	if err := s.Accounts.GiveBack(ctx, c.user, method); err != nil {
		slog.WarnContext(ctx, "a try that was not checked stays counted", "error", err.Error())
	}
}

// locked is the answer while no try is checked.
func (s *Service) locked(w http.ResponseWriter, c call, until time.Time) error {
	s.Metrics.Add(c.now, "MfaLocked", 1)
	text := fmt.Sprintf("There were too many wrong answers. Nothing is checked until %s, right or wrong.", until.Format(time.RFC3339))
	if until.Equal(never) {
		text = fmt.Sprintf("There were %d wrong answers in a row. Nothing is checked until another factor or new recovery codes take the place of these, or an admin has reset this user's second factors.", HardStop)
		until = c.now.Add(maxLock)
	}
	retryAfter(w, until, c.now)
	return problem.New(problem.Locked, text)
}

// check looks at an answer that was counted. What it returns with Right is still
// to be settled: only then is the answer used.
func (s *Service) check(c call, a Account, t attempt) (Settlement, Outcome, error) {
	// Others may have changed the account while a try was waited for.
	if outcome := s.ready(c, a, t); outcome != Right {
		return Settlement{}, outcome, nil
	}
	switch t.method {
	case Recovery:
		selector, code, ok := a.Codes.find(t.code.Reveal())
		switch {
		case !ok:
			return Settlement{}, Wrong, nil
		case code.Used:
			return Settlement{}, Replayed, nil
		}
		return Settlement{Selector: selector, Hash: code.Hash}, Right, nil
	case Passkey:
		return s.checkPasskey(c, a, t)
	case SMS:
		return s.checkText(c, a, t)
	default:
		return s.checkApp(c, a, t)
	}
}

// checkApp looks at an app's code. That its step is new is seen here for the
// answer's sake; what makes it so is the condition of the write that settles it.
func (s *Service) checkApp(c call, a Account, t attempt) (Settlement, Outcome, error) {
	f, _ := a.factor(string(TOTP))
	seed, err := s.Sealer.Open(c.ctx, c.user, TOTP, f.Sealed)
	if err != nil {
		return Settlement{}, Wrong, fmt.Errorf("%w: %w", errUnchecked, err)
	}
	defer clear(seed)
	step, ok := match(seed, t.code.Reveal(), c.now)
	switch {
	case !ok:
		return Settlement{}, Wrong, nil
	case step <= a.Step:
		return Settlement{}, Replayed, nil
	}
	return Settlement{Factor: f.ID, Made: f.Made, Step: step}, Right, nil
}

// checkText looks at a code from a text, which takes so many answers and no more,
// however many tries the account has.
func (s *Service) checkText(c call, a Account, t attempt) (Settlement, Outcome, error) {
	f, _ := a.factor(string(SMS))
	asked := a.Challenges[SMS]
	err := s.Accounts.Spend(c.ctx, c.user, challengeItem(SMS), *asked, pendingTries)
	if isRaced(err) {
		return Settlement{}, Expired, nil
	}
	if err != nil {
		return Settlement{}, Wrong, err
	}
	ok, err := s.texted(c, f.Sealed, *asked, t.code)
	switch {
	case isExpired(err):
		return Settlement{}, Expired, nil
	case errors.Is(err, sms.ErrUnavailable): // nobody has learnt whether it is right
		return Settlement{}, Wrong, fmt.Errorf("%w: %w", errUnchecked, err)
	case err != nil:
		return Settlement{}, Wrong, err
	case !ok:
		return Settlement{}, Wrong, nil
	}
	return Settlement{Factor: f.ID, Made: f.Made, Challenge: asked.Made}, Right, nil
}

// settle uses a right answer up and makes the proof that it is worth. Of several
// that use the same answer at once one is right, and the others are replays.
func (s *Service) settle(c call, a Account, t attempt, done *Settlement) (Secret, Outcome, error) {
	proof, name, err := newProof(s.Random)
	if err != nil {
		return proof, Wrong, err
	}
	done.Method, done.At, done.Proof, done.Until, done.Stale = t.method, c.now, name, c.now.Add(proofLife), a.stale(c.now)
	e := event{}
	if t.method == Recovery {
		e = event{ledger.MFARecoveryCodeUsed, codeUsedDetail{a.Codes.Left() - 1}}
	}
	entries, err := s.tell(c, a.Version, e)
	if err != nil {
		return proof, Wrong, err
	}
	if err = s.Accounts.Settle(c.ctx, a, *done, entries...); isRaced(err) {
		return proof, Replayed, nil
	}
	return proof, Right, err
}

// isRaced and isExpired name the two errors that are outcomes.
func isRaced(err error) bool { return errors.Is(err, ErrRaced) }

func isExpired(err error) bool { return errors.Is(err, sms.ErrExpired) }
