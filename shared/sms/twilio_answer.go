package sms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// twilioAccount is how we sign in at Twilio, and which Verify service we use.
type twilioAccount struct {
	user, service string
	token         hidden
}

var errTwilioAccount = errors.New(`the secret of Twilio is not {"account_sid":"AC…","auth_token":"…","service_sid":"VA…"}`)

// parseTwilioAccount reads the secret. Its service goes into a path, so all of it
// must look as it should; errors repeat nothing.
func parseTwilioAccount(secret string) (twilioAccount, error) {
	var account struct {
		Account string `json:"account_sid"`
		Token   string `json:"auth_token"`
		Service string `json:"service_sid"`
	}
	if json.Unmarshal([]byte(secret), &account) != nil || account.Token == "" ||
		!isSID(account.Service, "VA") || !isSID(account.Account, "AC") && !isSID(account.Account, "SK") {
		return twilioAccount{}, errTwilioAccount
	}
	return twilioAccount{account.Account, account.Service, hide(account.Token)}, nil
}

// isSID says whether a text is an id of a kind: two letters and 32 hex digits.
func isSID(text, kind string) bool {
	digits, ok := strings.CutPrefix(text, kind)
	return ok && len(digits) == 32 && strings.Trim(digits, "0123456789abcdefABCDEF") == ""
}

// errand is what a call is for: the same answer means different things.
type errand int

const (
	sending errand = iota
	checking
)

func (e errand) path() string {
	if e == checking {
		return "/VerificationCheck"
	}
	return "/Verifications"
}

// unanswered judges a call that got no answer. A text may have been sent; but
// whether a code was right nobody can say, and to ask again would cost a try or
// find that it is used up.
func (e errand) unanswered(ctx context.Context, w *wire, err error) error {
	if e == checking && w.open.Load() {
		return &failure{kind: ErrUnavailable, reason: Outage, cause: twilioVerify + " did not say whether a code is right"}
	}
	return w.lost(ctx, twilioVerify, err)
}

// refusals are what Twilio's codes mean. Those left out are about the account or
// our request. Source: the pages of the codes under twilio.com/docs/api/errors.
var refusals = map[int]verdict{
	20404: {ErrUnavailable, Account}, // no such Verify service
	20429: {ErrUnavailable, Busy},
	21211: {ErrRefused, Unreachable},
	21408: {ErrRefused, NoCountry},
	21610: {ErrRefused, OptedOut},
	21614: {ErrRefused, Unreachable},
	60003: {ErrUnavailable, Busy},
	60200: {ErrRefused, Unreachable}, // To is the one parameter that varies
	60202: {ErrTooMany, Tries},
	60203: {ErrTooMany, Sends},
	60205: {ErrRefused, Unreachable}, // a landline
	60212: {ErrUnavailable, Busy},    // another call about the same number
	60410: {ErrRefused, Blocked},     // its prefix, for twelve hours
	60412: {ErrRefused, Blocked},
	60605: {ErrRefused, NoCountry},
}

// explain turns an answer that is not what was asked for into an error. Of the
// answer only its numbers are kept, because its message may quote the phone
// number.
func (e errand) explain(status int, a answer, now time.Time) error {
	if e == checking && gone(status, a) {
		return ErrExpired
	}
	f := &failure{kind: ErrUnavailable, reason: Account, cause: fmt.Sprintf("%s answered %d, code %d", twilioVerify, status, a.Code)}
	refusal, known := refusals[a.Code]
	switch {
	case status < 300:
		f.cause += ", which is not how Verify answers; look at TWILIO_URL"
	case status < 400:
		f.cause += "; a redirect is not followed, so give the address it leads to"
	case status >= http.StatusInternalServerError:
		// What failed over there may have gone out before: no second try.
		f.reason = Outage
	// A check does not say anything about the number.
	case known && (e == sending || refusal.kind != ErrRefused):
		f.kind, f.reason = refusal.kind, refusal.reason
	case status == http.StatusTooManyRequests:
		f.reason = Busy
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f.cause += "; see that the secret is right, and that the account may send"
	}
	f.passing = f.reason == Busy
	if f.kind == ErrTooMany {
		// A verification ends after ten minutes, whatever happens.
		f.until = now.Add(lifetime)
	}
	return f
}

// gone says whether Twilio has nothing any more to check a code against: it has
// expired, was approved or was tried too often. After a start with the same
// settings 404 means nothing else.
func gone(status int, a answer) bool {
	switch a.Status {
	case "canceled", "expired", "deleted", "failed", "max_attempts_reached":
		return status == http.StatusOK
	}
	return status == http.StatusNotFound && a.Code == 20404
}
