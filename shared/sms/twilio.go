package sms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The limits of an answer.
const (
	maxAnswer  = 64 << 10 // bytes; a real one has about 1,000
	maxHeaders = 16 << 10
)

// Twilio has Twilio Verify make, send and check the codes, which never come
// here. A number has one code at a time over there: while it is good, Start
// sends the same one again, whichever user asks. Make one with NewTwilio.
//
// Source: "Verifications" and "Verification Check" of the Verify API, v2.
type Twilio struct {
	base   string
	secret func(context.Context) (string, error)
	now    func() time.Time
	client *http.Client
}

// twilioState names the states of Twilio. They hold no code, not even in part.
const twilioState = "twilio"

// twilioVerify is what errors and logs call the service.
const twilioVerify = "Twilio Verify"

var errTwilioURL = errors.New("the address of Twilio Verify must be like https://verify.twilio.com/v2, without user, query or fragment")

// NewTwilio returns the service at an address, https://verify.twilio.com/v2,
// which must be https unless it is this machine's own. What secret returns is
// {"account_sid","auth_token","service_sid"}; an API key (SK…) with its secret
// does as well as the account itself, and can be withdrawn alone.
func NewTwilio(address string, secret func(context.Context) (string, error), now func() time.Time) (*Twilio, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, errTwilioURL
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = maxHeaders
	transport.DisableKeepAlives = true // see wire.watch
	return &Twilio{
		base: strings.TrimRight(address, "/"), secret: secret, now: now,
		// A redirect would carry the credentials elsewhere.
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Name is what metrics call the service.
func (*Twilio) Name() string { return "twilio" }

// Start has a code sent to a number, and returns what is to be stored until it
// is checked. Errors are ErrUnavailable, ErrRefused and ErrTooMany, and nothing
// was sent then; after a lost answer there is none, because the code may arrive.
func (t *Twilio) Start(ctx context.Context, _ string, to Number) (state string, err error) {
	expires := expiry(t.now())
	form := url.Values{"To": {to.Reveal()}, "Channel": {"sms"}}
	if _, err := t.call(ctx, sending, form, "pending"); err != nil {
		return "", err
	}
	return newState(twilioState, expires, ""), nil
}

// Check says whether a code is the one that was last sent to the number, less
// than ten minutes ago. Twilio takes one that is right once, and five that are
// wrong. Errors are ErrExpired, ErrTooMany and ErrUnavailable; after the last a
// code that was right may be used up, and then the next call is ErrExpired.
func (t *Twilio) Check(ctx context.Context, _ string, to Number, state, code string) (ok bool, err error) {
	if _, _, err := readState(state, twilioState, t.now()); err != nil {
		return false, err
	}
	// Twilio refuses anything else as a mistake of ours. A Verify service can be
	// set to as few as four digits and as many as ten.
	if !isDigits(code, 4, 10) {
		return false, nil
	}
	// By the number and not by the id that the verification has: so a state that
	// somebody put on another user cannot pass for that user's.
	status, err := t.call(ctx, checking, url.Values{"To": {to.Reveal()}, "Code": {code}}, "approved", "pending")
	return status == "approved", err
}

// call posts a form and returns the status that Twilio answers, one of those
// that are expected, or "" for a send whose answer was lost.
func (t *Twilio) call(ctx context.Context, e errand, form url.Values, expected ...string) (status string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	secret, err := t.secret(ctx)
	if err != nil {
		return "", notInOrder(err)
	}
	account, err := parseTwilioAccount(secret)
	if err != nil {
		return "", notInOrder(err)
	}
	address, text := t.base+"/Services/"+account.service+e.path(), []byte(form.Encode())
	err = again(ctx, func(ctx context.Context, w *wire) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(text))
		if err != nil {
			return notInOrder(errTwilioURL)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Accept", "application/json")
		request.Header.Set("User-Agent", "safekeep")
		request.SetBasicAuth(account.user, account.token.reveal())
		response, err := t.client.Do(request)
		if err != nil {
			return e.unanswered(ctx, w, err)
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
		good := response.StatusCode >= 200 && response.StatusCode < 300
		if err != nil && good {
			return e.unanswered(ctx, w, err)
		}
		answer := read(body)
		if !good || !slices.Contains(expected, answer.Status) {
			return e.explain(response.StatusCode, answer, t.now())
		}
		status = answer.Status
		return nil
	})
	return status, err
}

// answer is what is used of an answer. A refusal has a code, and its status is a
// number; anything else has a status in words.
type answer struct {
	Code   int
	Status string
}

// read reads an answer as far as it can be read. One that is too long is none:
// nothing that Twilio says is.
func read(body []byte) (a answer) {
	var parts struct{ Code, Status json.RawMessage }
	if len(body) <= maxAnswer && json.Unmarshal(body, &parts) == nil {
		_ = json.Unmarshal(parts.Code, &a.Code)
		_ = json.Unmarshal(parts.Status, &a.Status)
	}
	return a
}
