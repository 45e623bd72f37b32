package mfa

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"safekeep/shared/problem"
	"safekeep/shared/sms"
	"safekeep/shared/web"
)

// textLife is how long a code in a text is good.
//
// Source: NIST SP 800-63B-4, 3.1.3.2.
const textLife = 10 * time.Minute

// enrolSMSRequest names the phone that is to become a factor.
type enrolSMSRequest struct {
	Email string `json:"email"`
	Phone string `json:"phone"`
	Proof Secret `json:"proof"`
}

// enrolSMS sends a code to a phone that is to become a second factor. A phone
// that is one already stays so until the new one is confirmed (NIST SP 800-63B-4,
// 3.1.3.3: another number is another factor).
func (s *Service) enrolSMS(w http.ResponseWriter, r *http.Request) error {
	var q enrolSMSRequest
	c, err := s.read(r, &q)
	if err != nil {
		return err
	}
	if s.Texts == nil {
		return errTextsOff
	}
	to, err := sms.ParseNumber(q.Phone, s.Regions)
	if err != nil {
		s.refused(c, "number")
		return err
	}
	if _, err := s.begun(c, q.Email, q.Proof); err != nil {
		return err
	}
	sealed, err := s.Sealer.Seal(c.ctx, c.user, SMS, []byte(to.Reveal()))
	if err != nil {
		return err
	}
	// First the text, then the note of it: a text that nothing knows of costs its
	// reader a second one, a note without a text would cost them the proof.
	state, err := s.text(w, c, to, s.Meter.Enrolment(c.ctx, c.user, to))
	if err != nil {
		return err
	}
	p := Pending{Kind: SMS, Made: rand.Text(), ExpiresAt: c.now.Add(textLife), Hint: to.Hint(), Sealed: sealed, State: state}
	if err := s.pend(c, q.Email, q.Proof, p); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusCreated, struct {
		Hint      string    `json:"hint"`
		ExpiresAt time.Time `json:"expires_at"`
	}{p.Hint, p.ExpiresAt})
}

// text sends a text that was counted, or for which there was no room.
func (s *Service) text(w http.ResponseWriter, c call, to sms.Number, err error) (state string, _ error) {
	if err == nil {
		state, err = s.Texts.Start(c.ctx, c.user, to)
	}
	if err != nil {
		reason := sms.Reason(err)
		if reason == "" {
			reason = "error"
		}
		s.refused(c, reason)
		return "", wait(w, err, c.now)
	}
	s.Metrics.Add(c.now, "SmsSent", 1, [2]string{"Sender", s.Texts.Name()})
	return state, nil
}

// refused counts a text that was not sent. Reasons are a fixed few.
func (s *Service) refused(c call, reason string) {
	s.Metrics.Add(c.now, "SmsRefused", 1, [2]string{"Reason", reason})
}

// wait says in the answer's header how long to wait, when an error of a text
// tells.
func wait(w http.ResponseWriter, err error, now time.Time) error {
	p, ok := problem.Of(err)
	if until := sms.Until(err); ok && p.Kind == problem.Locked && !until.IsZero() {
		retryAfter(w, until, now)
	}
	return err
}

// retryAfter is in whole seconds, at least one.
func retryAfter(w http.ResponseWriter, until, now time.Time) {
	seconds := int64((until.Sub(now) + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", strconv.FormatInt(max(1, seconds), 10))
}

// confirmSMS puts a phone in force by the code that was sent to it.
func (s *Service) confirmSMS(w http.ResponseWriter, r *http.Request) error {
	var q codeRequest
	c, err := s.read(r, &q)
	if err != nil {
		return err
	}
	if s.Texts == nil {
		return errTextsOff
	}
	if !isTexted(q.Code.Reveal()) {
		return errTexted
	}
	p, a, err := s.pending(c, SMS, pendingTries)
	if err != nil {
		return err
	}
	ok, err := s.texted(c, p.Sealed, p, q.Code)
	switch {
	case isExpired(err):
		return errNoPending
	case err != nil:
		return wait(w, err, c.now)
	case !ok:
		return errWrongCode
	}
	done, err := s.finish(c, p, a, Factor{ID: string(SMS), Hint: p.Hint, Sealed: p.Sealed}, 0)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, done)
}

// texted says whether a code is the one that was sent to a number for what is
// pending.
func (s *Service) texted(c call, sealed []byte, p Pending, code Secret) (bool, error) {
	to, err := s.number(c, sealed)
	if err != nil {
		return false, err
	}
	return s.Texts.Check(c.ctx, c.user, to, p.State, code.Reveal())
}

// number opens a number that is kept. It was judged when it was given: a code that
// was sent to it can be checked wherever texts go by now.
func (s *Service) number(c call, sealed []byte) (sms.Number, error) {
	text, err := s.Sealer.Open(c.ctx, c.user, SMS, sealed)
	if err != nil {
		return sms.Number{}, fmt.Errorf("%w: %w", errUnchecked, err)
	}
	return sms.KeptNumber(string(text))
}

// sendSMS sends a code to sign in with. It goes to the phone that is in force,
// never to one that is named in a request.
func (s *Service) sendSMS(w http.ResponseWriter, r *http.Request) error {
	c, err := s.read(r, &struct{}{})
	if err != nil {
		return err
	}
	a, err := s.account(c)
	if err != nil {
		return err
	}
	f, enrolled := a.factor(string(SMS))
	switch {
	case !enrolled:
		return errNoFactor
	case s.Texts == nil:
		return errTextsOff
	}
	// A code that could not be tried is not paid for.
	if until := s.Limits.lockedUntil(a.Tries, c.now); !until.IsZero() {
		return s.locked(w, c, until)
	}
	to, err := s.number(c, f.Sealed)
	if err != nil {
		return err
	}
	// A number whose region was taken from the list since gets no texts any more.
	if _, err := sms.ParseNumber(to.Reveal(), s.Regions); err != nil {
		s.refused(c, "number")
		return err
	}
	state, err := s.text(w, c, to, s.Meter.SignIn(c.ctx, c.user))
	if err != nil {
		return errors.Join(err, s.outOfTexts(c, err))
	}
	p := Pending{Kind: SMS, Made: rand.Text(), ExpiresAt: c.now.Add(textLife), State: state, For: f.Made}
	if err := s.Accounts.Challenge(c.ctx, c.user, p); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, struct {
		Sent      bool      `json:"sent"`
		ExpiresAt time.Time `json:"expires_at"`
	}{true, p.ExpiresAt})
}

// outOfTexts remembers a send that the limits of the user had no room for as a
// failure: whoever asks for texts without end keeps the owner from theirs.
func (s *Service) outOfTexts(c call, err error) error {
	if sms.Reason(err) != sms.UserLimit {
		return nil
	}
	_, err = s.remember(c, attempt{method: SMS}, false)
	return err
}

// isTexted says whether a text can be a code from a text: six digits, unless a
// Twilio Verify service was set to another length.
func isTexted(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return len(text) >= 4 && len(text) <= 10
}

var errTexted = problem.Field("code", "must be the digits from the text message, usually six")
