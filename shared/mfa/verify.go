package mfa

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"safekeep/shared/ledger"
	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// Outcome is what came of an answer at the second step. All but Right are the
// reasons that a caller is given.
type Outcome string

// The outcomes.
const (
	Right    Outcome = "ok"
	Wrong    Outcome = "wrong"
	Replayed Outcome = "replayed" // right, and used before
	Expired  Outcome = "expired"  // there is no code or challenge any more; ask for a new one
	None     Outcome = "none"     // the user has no such factor
)

// attempt is one answer, read and found to be of the right shape.
type attempt struct {
	method     Kind
	code       Secret // of a recovery code, as it was made
	credential json.RawMessage
	ip, agent  string
}

// verifyRequest is an answer at the second step. IP and UserAgent are where the
// sign-in service saw it come from.
type verifyRequest struct {
	Method     Kind            `json:"method"`
	Code       Secret          `json:"code"`
	Credential json.RawMessage `json:"credential"`
	IP         string          `json:"ip"`
	UserAgent  string          `json:"user_agent"`
}

// read checks the shape of an answer. What cannot be one is no try.
func (q *verifyRequest) read() (t attempt, err error) {
	t = attempt{method: q.Method, code: q.Code, credential: q.Credential}
	switch code := q.Code.Reveal(); {
	case q.Method == Passkey && len(q.Credential) == 0:
		return t, problem.Field("credential", "is missing; give what navigator.credentials.get returned")
	case q.Method == Passkey && code != "":
		return t, problem.Field("code", "is not part of a passkey's answer")
	case q.Method != Passkey && len(q.Credential) > 0:
		return t, problem.Field("credential", "is a passkey's answer; give code")
	case q.Method == Passkey:
	case q.Method == TOTP && !isCode(code):
		return t, errSixDigits
	case q.Method == TOTP:
	case q.Method == SMS && !isTexted(code):
		return t, errTexted
	case q.Method == SMS:
	case q.Method == Recovery:
		text, err := normal(q.Code)
		if err != nil {
			return t, err
		}
		t.code = NewSecret(text)
	default:
		return t, problem.Field("method", "must be totp, sms, recovery or passkey")
	}
	if q.IP != "" {
		ip, err := netip.ParseAddr(q.IP)
		if err != nil {
			return t, problem.Field("ip", "must be an IP address, without a port")
		}
		t.ip = ip.Unmap().WithZone("").String()
	}
	t.agent = plain(q.UserAgent)
	return t, nil
}

// maxAgent is how much of a User-Agent is kept, in characters.
const maxAgent = 200

// plain is a text of a stranger's that goes into the ledger: no longer than it
// need be, and without what could not be seen.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxAgent {
		text = string(runes[:maxAgent])
	}
	return text
}

// verify checks one answer. The order is what keeps the limits: read, count, look,
// settle. Whoever is cut off in between has lost a try, and gained nothing.
func (s *Service) verify(w http.ResponseWriter, r *http.Request) error {
	var q verifyRequest
	c, err := s.read(r, &q)
	if err != nil {
		return err
	}
	t, err := q.read()
	if err != nil {
		return err
	}
	switch {
	case t.method == SMS && s.Texts == nil:
		return errTextsOff
	case t.method == Passkey && s.Passkeys == nil:
		return errKeysOff
	}
	a, err := s.account(c)
	if err != nil {
		return err
	}
	if len(a.Factors) == 0 {
		return errNoFactors
	}
	outcome := s.ready(c, a, t)
	var done Settlement
	if outcome == Right {
		// Counted before it is looked at, so that of any number at once no more
		// are looked at than the limit allows.
		if a, err = s.reserve(w, c, a, t.method); err != nil {
			return err
		}
		if done, outcome, err = s.check(c, a, t); err != nil {
			s.giveBack(c, t.method, err)
			return wait(w, err, c.now)
		}
	}
	proof := Secret{}
	if outcome == Right {
		if proof, outcome, err = s.settle(c, a, t, &done); err != nil {
			return err
		}
	}
	s.Metrics.Add(c.now, "MfaVerified", 1, [2]string{"Method", string(t.method)}, [2]string{"Result", string(outcome)})
	if outcome != Right {
		return s.refuse(w, c, a, t, outcome)
	}
	left := a.Codes.Left()
	if t.method == Recovery {
		left--
	}
	return web.WriteJSON(w, http.StatusOK, struct {
		OK    bool      `json:"ok"`
		Proof string    `json:"proof"`
		Until time.Time `json:"proof_expires_at"`
		Left  int       `json:"recovery_codes_left"`
	}{true, proof.Reveal(), done.Until, left})
}

// refuse answers what was not right, and remembers what was wrong.
func (s *Service) refuse(w http.ResponseWriter, c call, a Account, t attempt, outcome Outcome) error {
	if outcome == Wrong || outcome == Replayed {
		var err error
		if a, err = s.remember(c, t, outcome == Replayed); err != nil {
			return err
		}
	}
	return web.WriteJSON(w, http.StatusOK, struct {
		OK     bool    `json:"ok"`
		Reason Outcome `json:"reason"`
		Left   int     `json:"tries_left"`
	}{false, outcome, s.Limits.left(a.tries(t.method), c.now)})
}

// remember adds a failure to the account's watch. When that is enough to tell,
// it writes the entry that owes the mail with it, so that both are there or none.
func (s *Service) remember(c call, t attempt, replay bool) (Account, error) {
	for range maxRaces {
		a, err := s.account(c)
		if err != nil {
			return a, err
		}
		watch, news := s.Vigilance.add(a.Watch, Failure{c.now, t.method, replay}, a.tries(t.method).Streak)
		var entries []ledger.Entry
		if news != nil {
			news.IP, news.UserAgent = t.ip, t.agent
			own := c
			own.actor = "safekeep" // nobody asked for this
			if entries, err = s.tell(own, a.Version, event{ledger.MFAFailing, news}); err != nil {
				return a, err
			}
		}
		err = s.Accounts.Watch(c.ctx, c.user, watch, c.now.Add(2*max(s.Vigilance.Within, patience)), entries...)
		if err == nil && news != nil {
			s.Metrics.Add(c.now, "MfaFailing", 1)
		}
		if !isRaced(err) {
			return a, err
		}
	}
	return Account{}, errBusy
}
