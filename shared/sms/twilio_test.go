package sms

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"safekeep/shared/problem"
	"safekeep/shared/sms/smstest"
)

// Verify's whole way: wrong, right, and right once more.
func TestTwilio(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	twilio, to := w.twilio(), number(t, phone)
	state, err := twilio.Start(t.Context(), "ann", to)
	if err != nil {
		t.Fatal(err)
	}
	code := w.code(phone)
	if strings.Contains(state, code) || strings.Contains(state, phone[1:]) {
		t.Error("the state holds a secret")
	}
	calls := w.double.Calls()
	for _, none := range []string{"", "12345a", "１２３４５６", "123", "12345678901", code + "&To=%2B1"} {
		if ok, err := twilio.Check(t.Context(), "ann", to, state, none); ok || err != nil {
			t.Errorf("%q: %t, %v", none, ok, err)
		}
	}
	for _, stale := range []string{"", "code" + state[6:], "twilio"} {
		if ok, err := twilio.Check(t.Context(), "ann", to, stale, code); ok || !errors.Is(err, ErrExpired) {
			t.Errorf("a state that is none: %t, %v", ok, err)
		}
	}
	if w.double.Calls() != calls {
		t.Errorf("Twilio was asked about what is no code")
	}
	if ok, err := twilio.Check(t.Context(), "ann", to, state, other(code)); ok || err != nil {
		t.Errorf("wrong: %t, %v", ok, err)
	}
	// A state of one number does not help another.
	if ok, err := twilio.Check(t.Context(), "ann", number(t, phone2), state, code); ok || !errors.Is(err, ErrExpired) {
		t.Errorf("another number: %t, %v", ok, err)
	}
	if ok, err := twilio.Check(t.Context(), "ann", to, state, code); !ok || err != nil {
		t.Errorf("right: %t, %v", ok, err)
	}
	if ok, err := twilio.Check(t.Context(), "ann", to, state, code); ok || !errors.Is(err, ErrExpired) {
		t.Errorf("right again: %t, %v", ok, err)
	}
}

// Twilio's own limits come out as ours.
func TestTwilioLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	twilio, to := w.twilio(), number(t, phone)
	var state string
	for n := range 6 {
		got, err := twilio.Start(t.Context(), "ann", to)
		if n < 5 && err != nil || n == 5 && (!errors.Is(err, ErrTooMany) || Reason(err) != Sends || !Until(err).Equal(w.clock().Add(lifetime))) {
			t.Fatalf("send %d: %v", n+1, err)
		}
		if err == nil {
			state = got
		}
	}
	code := w.code(phone)
	for n := range 6 {
		ok, err := twilio.Check(t.Context(), "ann", to, state, other(code))
		if ok || n < 5 && err != nil || n == 5 && (!errors.Is(err, ErrTooMany) || Reason(err) != Tries) {
			t.Fatalf("try %d: %t, %v", n+1, ok, err)
		}
	}
	if ok, err := twilio.Check(t.Context(), "ann", to, state, code); ok || !errors.Is(err, ErrTooMany) {
		t.Errorf("right after five that were wrong: %t, %v", ok, err)
	}
	if _, err := twilio.Start(t.Context(), "ann", to); !errors.Is(err, ErrTooMany) || Reason(err) != Tries {
		t.Errorf("a send after five wrong tries: %v", err)
	}
	w.pass(lifetime)
	if ok, err := twilio.Check(t.Context(), "ann", to, state, code); ok || !errors.Is(err, ErrExpired) {
		t.Errorf("after ten minutes: %t, %v", ok, err)
	}
	if _, err := twilio.Start(t.Context(), "ann", to); err != nil {
		t.Errorf("after ten minutes: %v", err)
	}
}

// What Twilio answers decides what the caller is told, and whether it is asked
// again.
func TestTwilioAnswers(t *testing.T) {
	t.Parallel()
	refuse := func(code string) smstest.Fault { return smstest.Fault{Refuse: code} }
	for name, c := range map[string]struct {
		fault        smstest.Fault
		send, check  error
		what         string // of the send
		calls        int    // of each
		whatOfChecks string
	}{
		"invalid":    {refuse("60200"), ErrRefused, ErrUnavailable, Unreachable, 1, Account},
		"landline":   {refuse("60205"), ErrRefused, ErrUnavailable, Unreachable, 1, Account},
		"fraud":      {refuse("60410"), ErrRefused, ErrUnavailable, Blocked, 1, Account},
		"country":    {refuse("60605"), ErrRefused, ErrUnavailable, NoCountry, 1, Account},
		"stopped":    {refuse("21610"), ErrRefused, ErrUnavailable, OptedOut, 1, Account},
		"sends":      {refuse("60203"), ErrTooMany, ErrTooMany, Sends, 1, Sends},
		"tries":      {refuse("60202"), ErrTooMany, ErrTooMany, Tries, 1, Tries},
		"not there":  {refuse("20404"), ErrUnavailable, ErrExpired, Account, 1, ""},
		"signed out": {refuse("20003"), ErrUnavailable, ErrUnavailable, Account, 1, Account},
		"new code":   {refuse("69999"), ErrUnavailable, ErrUnavailable, Account, 1, Account},
		"concurrent": {refuse("60212"), ErrUnavailable, ErrUnavailable, Busy, 3, Busy},
		"throttled":  {smstest.Fault{Throttle: true}, ErrUnavailable, ErrUnavailable, Busy, 3, Busy},
		"a 429 page": {smstest.Fault{Status: 429}, ErrUnavailable, ErrUnavailable, Busy, 3, Busy},
		"a 500 page": {smstest.Fault{Status: 500}, ErrUnavailable, ErrUnavailable, Outage, 1, Outage},
		"a 200 page": {smstest.Fault{Status: 200}, ErrUnavailable, ErrUnavailable, Account, 1, Account},
		"a 302 page": {smstest.Fault{Status: 302}, ErrUnavailable, ErrUnavailable, Account, 1, Account},
		"a 404 page": {smstest.Fault{Status: 404}, ErrUnavailable, ErrUnavailable, Account, 1, Account},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			twilio, to := w.twilio(), number(t, phone)
			w.misbehave(99, c.fault)
			state, err := twilio.Start(t.Context(), "ann", to)
			if !errors.Is(err, c.send) || Reason(err) != c.what || state != "" || secretive.MatchString(err.Error()) {
				t.Errorf("send: %v is %q", err, Reason(err))
			}
			ok, err := twilio.Check(t.Context(), "ann", to, newState(twilioState, expiry(w.clock()), ""), "123456")
			if ok || !errors.Is(err, c.check) || Reason(err) != c.whatOfChecks || secretive.MatchString(err.Error()) {
				t.Errorf("check: %t, %v is %q", ok, err, Reason(err))
			}
			if w.double.Calls() != 2*c.calls || len(w.double.Texts()) != 0 {
				t.Errorf("%d calls, %d texts", w.double.Calls(), len(w.double.Texts()))
			}
		})
	}
}

// A lost answer counts as a text that was sent, and as a check that told nothing.
func TestTwilioLostAnswers(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]smstest.Fault{"lost": {LoseAnswer: true}, "late": {Delay: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			twilio, to := w.twilio(), number(t, phone)
			wrong := func() context.Context {
				if fault.Delay > 0 {
					return w.hangUp(fault)
				}
				w.misbehave(9, fault)
				return t.Context()
			}
			state, err := twilio.Start(wrong(), "ann", to)
			if err != nil || w.double.Calls() != 1 {
				t.Fatalf("%v, %d calls", err, w.double.Calls())
			}
			w.texts(1)
			code := w.code(phone)
			if ok, err := twilio.Check(wrong(), "ann", to, state, other(code)); ok || !errors.Is(err, ErrUnavailable) || Reason(err) != Outage {
				t.Errorf("%t, %v", ok, err)
			}
			if w.double.Calls() != 2 {
				t.Errorf("%d calls: a try was spent twice", w.double.Calls())
			}
			w.misbehave(0, fault)
			if ok, err := twilio.Check(t.Context(), "ann", to, state, code); !ok || err != nil {
				t.Errorf("%t, %v", ok, err)
			}
			w.server.Close()
			if _, err := twilio.Start(t.Context(), "ann", to); !errors.Is(err, ErrUnavailable) || Reason(err) != Outage {
				t.Errorf("a closed port: %v", err)
			}
			if _, err := twilio.Check(t.Context(), "ann", to, state, code); !errors.Is(err, ErrUnavailable) || Reason(err) != Outage {
				t.Errorf("a closed port: %v", err)
			}
		})
	}
}

// An answer that breaks off after its status, and one that does not end.
func TestTwilioBrokenAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status     int
		body       string
		promise    string
		send       error
		whatOfSend string
	}{
		"broken 201": {201, `{"status":"pen`, "100", nil, ""},
		"broken 403": {403, `{"code":60`, "100", ErrUnavailable, Account},
		"endless":    {201, `{"status":"pending","x":"` + strings.Repeat("x", 1<<20) + `"}`, "", ErrUnavailable, Account},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				if c.promise != "" {
					rw.Header().Set("Content-Length", c.promise)
				}
				rw.WriteHeader(c.status)
				_, _ = io.WriteString(rw, c.body)
			}))
			t.Cleanup(front.Close)
			w.server.URL = front.URL
			_, err := w.twilio().Start(t.Context(), "ann", number(t, phone))
			if !errors.Is(err, c.send) || Reason(err) != c.whatOfSend {
				t.Errorf("%v is %q", err, Reason(err))
			}
			ok, err := w.twilio().Check(t.Context(), "ann", number(t, phone), newState(twilioState, expiry(w.clock()), ""), "123456")
			if ok || !errors.Is(err, ErrUnavailable) {
				t.Errorf("%t, %v", ok, err)
			}
		})
	}
}

// Credentials go to the address that was configured, or nowhere.
func TestTwilioRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	front := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(front.Close)
	w.server.URL = front.URL
	if _, err := w.twilio().Start(t.Context(), "ann", number(t, phone)); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "redirect") {
		t.Error(err)
	}
}

func TestTwilioConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, bad := range []string{"", "verify.twilio.com", "http://verify.twilio.com/v2", "https://a:b@verify.twilio.com", "https://x/?a", "https://x/#a", "ftp://127.0.0.1"} {
		if _, err := NewTwilio(bad, w.twilioSecret, w.clock); !errors.Is(err, errTwilioURL) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	good := w.double.Twilio
	for name, secret := range map[string]string{
		"empty":   "",
		"null":    "null",
		"list":    "[]",
		"account": `{"account_sid":"t0ken","auth_token":"t0ken","service_sid":"` + good.ServiceSID + `"}`,
		"token":   `{"account_sid":"` + good.AccountSID + `","auth_token":"","service_sid":"` + good.ServiceSID + `"}`,
		"service": `{"account_sid":"` + good.AccountSID + `","auth_token":"t0ken","service_sid":"VA/../../t0ken"}`,
	} {
		twilio, err := NewTwilio(w.server.URL+"/v2/", func(context.Context) (string, error) { return secret, nil }, w.clock)
		if err != nil {
			t.Fatal(err)
		}
		_, err = twilio.Start(t.Context(), "ann", number(t, phone))
		if !errors.Is(err, ErrUnavailable) || Reason(err) != Account || secretive.MatchString(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("no access")
	twilio, err := NewTwilio(w.server.URL, func(context.Context) (string, error) { return "", broken }, w.clock)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := twilio.Start(t.Context(), "ann", number(t, phone)); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no access") {
		t.Error(err)
	}
	if w.double.Calls() != 0 {
		t.Errorf("%d calls", w.double.Calls())
	}
}

// canned answers every request with the same.
type canned struct {
	status int
	body   string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Body: io.NopCloser(strings.NewReader(c.body)), Header: http.Header{}, Request: r}, nil
}

// Whatever comes back: no panic, none of it in an error, and a code is right only
// where Twilio says approved.
func FuzzTwilioAnswer(f *testing.F) {
	for _, body := range []string{
		`{"status":"pending","valid":false}`, `{"status":"approved","valid":true}`, `{"status":"canceled"}`, `{"code":20404,"status":404}`,
		`{"code":60203,"message":"Max send attempts reached","status":429}`, `{"code":"60203"}`, `{"code":1e99}`, `{"status":["approved"]}`,
		`{"STATUS":"approved"}`, `null`, `[]`, ``, `{"status":"approved","status":"pending"}`, "<h1>502</h1>", "\xff",
	} {
		f.Add(200, body)
		f.Add(201, body)
		f.Add(404, body)
		f.Add(403, body)
	}
	secret := `{"account_sid":"AC` + strings.Repeat("0a", 16) + `","auth_token":"t0ken","service_sid":"VA` + strings.Repeat("1b", 16) + `"}`
	f.Fuzz(func(t *testing.T, status int, body string) {
		// What is tried again would only make this slow.
		if a := read([]byte(body)); status < 200 || status > 599 || status == 429 || refusals[a.Code].reason == Busy {
			t.Skip()
		}
		twilio, err := NewTwilio("https://verify.twilio.com/v2", func(context.Context) (string, error) { return secret, nil }, func() time.Time { return noon })
		if err != nil {
			t.Fatal(err)
		}
		twilio.client.Transport = canned{status, body}
		state, err := twilio.Start(t.Context(), "ann", number(t, phone))
		said(t, body, err)
		if (state != "") != (err == nil) || err == nil && (status >= 300 || read([]byte(body)).Status != "pending") {
			t.Errorf("%d %q: sent, %v", status, body, err)
		}
		ok, err := twilio.Check(t.Context(), "ann", number(t, phone), newState(twilioState, expiry(noon), ""), "123456")
		said(t, body, err)
		if ok && (err != nil || status >= 300 || read([]byte(body)).Status != "approved") {
			t.Errorf("%d %q: right, %v", status, body, err)
		}
	})
}

// said sees that an error is one of ours, and in our words.
func said(t *testing.T, body string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if _, ok := problem.Of(err); !ok {
		t.Errorf("%q: %v is none of the errors", body, err)
	}
	if len(body) > 60 && strings.Contains(err.Error(), body) || secretive.MatchString(err.Error()) {
		t.Errorf("%q: the error says too much", body)
	}
}
