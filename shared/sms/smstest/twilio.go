package smstest

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// How Verify works unless it is set otherwise. Source: "Rate limits and timeouts"
// of the Verify API, and the pages of codes 60202 and 60203.
const (
	validFor  = 10 * time.Minute
	maxSends  = 5
	maxChecks = 5
)

// verification is a number's code. While it is good, that number has no other.
type verification struct {
	sid, code     string
	at            time.Time
	sends, checks int
}

func (v *verification) over(now time.Time) bool { return v == nil || now.Sub(v.at) >= validFor }

// verifyCode is what Verify takes for a code at all.
var verifyCode = regexp.MustCompile(`^[0-9]{4,10}$`)

// twilio finds out what a call of Verify's API asks for.
func (s *Server) twilio(r *http.Request, body []byte) action {
	act := action{call: Call{Service: "twilio"}, refuse: func(code string) reply {
		if code == "" {
			return twilioRefusal(http.StatusTooManyRequests, 20429)
		}
		number, _ := strconv.Atoi(code)
		return twilioRefusal(statusOf(number), number)
	}}
	refuse := func(status, code int) action {
		act.do = func() reply { return twilioRefusal(status, code) }
		return act
	}
	user, token, _ := r.BasicAuth()
	if s.Twilio.AccountSID == "" || !same(user, s.Twilio.AccountSID) || !same(token, s.Twilio.AuthToken) {
		return refuse(http.StatusUnauthorized, 20003)
	}
	service, resource, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/Services/"), "/")
	if service != s.Twilio.ServiceSID || resource != "Verifications" && resource != "VerificationCheck" {
		return refuse(http.StatusNotFound, 20404)
	}
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, 20004)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		return refuse(http.StatusBadRequest, 60200)
	}
	act.call.To, act.call.Action = form.Get("To"), "send"
	if resource == "VerificationCheck" {
		act.call.Action = "check"
	}
	switch {
	case !e164.MatchString(form.Get("To")):
		return refuse(http.StatusBadRequest, 60200)
	case resource == "Verifications" && form.Get("Channel") != "sms": // the one channel that the double has
		return refuse(http.StatusBadRequest, 60200)
	case resource == "VerificationCheck" && !verifyCode.MatchString(form.Get("Code")):
		return refuse(http.StatusBadRequest, 60200)
	}
	act.do = func() reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		if resource == "VerificationCheck" {
			return s.check(form.Get("To"), form.Get("Code"))
		}
		return s.start(form.Get("To"))
	}
	return act
}

// start sends a number its code. The caller holds the lock.
func (s *Server) start(to string) reply {
	now := s.Now()
	v := s.verifications[to]
	if v.over(now) {
		n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
		if err != nil {
			return twilioRefusal(http.StatusInternalServerError, 20500)
		}
		v = &verification{sid: newID("VE"), code: fmt.Sprintf("%06d", n), at: now}
		s.verifications[to] = v
	}
	switch {
	case v.checks >= maxChecks:
		return twilioRefusal(http.StatusTooManyRequests, 60202)
	case v.sends >= maxSends:
		return twilioRefusal(http.StatusTooManyRequests, 60203)
	}
	v.sends++
	s.send(newID("VL"), to, "Your "+s.Twilio.FriendlyName+" verification code is: "+v.code)
	return s.verification(http.StatusCreated, to, v, "pending")
}

// check tries a code. The caller holds the lock.
func (s *Server) check(to, code string) reply {
	v := s.verifications[to]
	if v.over(s.Now()) {
		return twilioRefusal(http.StatusNotFound, 20404)
	}
	if v.checks >= maxChecks {
		return twilioRefusal(http.StatusTooManyRequests, 60202)
	}
	v.checks++
	if !same(code, v.code) {
		return s.verification(http.StatusOK, to, v, "pending")
	}
	delete(s.verifications, to)
	return s.verification(http.StatusOK, to, v, "approved")
}

// verification is how both calls show one.
func (s *Server) verification(status int, to string, v *verification, state string) reply {
	return jsonReply(status, "application/json", map[string]any{
		"sid": v.sid, "service_sid": s.Twilio.ServiceSID, "account_sid": s.Twilio.AccountSID, "to": to,
		"channel": "sms", "status": state, "valid": state == "approved", "amount": nil, "payee": nil,
		"date_created": v.at.UTC().Format(time.RFC3339), "date_updated": s.Now().UTC().Format(time.RFC3339),
	})
}

func twilioRefusal(status, code int) reply {
	return jsonReply(status, "application/json", map[string]any{
		"code": code, "status": status, "message": "not sent to " + leak,
		"more_info": "https://www.twilio.com/docs/errors/" + strconv.Itoa(code),
	})
}

// statusOf is the HTTP status that goes with a code. Those that the pages of the
// codes do not state are 400.
func statusOf(code int) int {
	switch code {
	case 20003:
		return http.StatusUnauthorized
	case 20404:
		return http.StatusNotFound
	case 20429, 60003, 60202, 60203, 60212:
		return http.StatusTooManyRequests
	case 60205, 60410, 60605:
		return http.StatusForbidden
	default:
		return http.StatusBadRequest
	}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
