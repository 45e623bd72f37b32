package sms

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"

	"safekeep/shared/sms/smstest"
)

// A code is good for the user, the number and the ten minutes that it was sent
// for, and for nothing else.
func TestCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	codes, to := w.codes(), number(t, phone)
	state, err := codes.Start(t.Context(), "ann", to)
	if err != nil {
		t.Fatal(err)
	}
	code := w.code(phone)
	if got, want := w.double.Texts()[0].Text, "Acme code: "+code+". It is good for 10 minutes. We never ask for it.\n@app.acme.example #"+code; got != want {
		t.Errorf("%q", strings.ReplaceAll(got, code, "…"))
	}
	if strings.Contains(state, code) || strings.Contains(state, phone[1:]) || !regexp.MustCompile(`^code\.\d{10}\.[0-9a-f]{64}$`).MatchString(state) {
		t.Errorf("the state is not what it should be, %d bytes", len(state))
	}
	flipped := state[:len(state)-1] + map[bool]string{true: "0", false: "1"}[state[len(state)-1] != '0']
	later := strings.Replace(state, expiry(w.clock()), expiry(w.clock().Add(time.Hour)), 1)
	for name, c := range map[string]struct {
		user, to, state, code string
		want                  bool
	}{
		"right":          {"ann", phone, state, code, true},
		"again":          {"ann", phone, state, code, true}, // whoever stores the state deletes it
		"another code":   {"ann", phone, state, other(code), false},
		"no code":        {"ann", phone, state, "", false},
		"a longer one":   {"ann", phone, state, code + "0", false},
		"a space":        {"ann", phone, state, " " + code, false},
		"another user":   {"bob", phone, state, code, false},
		"another number": {"ann", phone2, state, code, false},
		"a changed MAC":  {"ann", phone, flipped, code, false},
		"a later expiry": {"ann", phone, later, code, false},
		"no MAC":         {"ann", phone, newState(ownState, expiry(w.clock()), ""), code, false},
	} {
		if ok, err := codes.Check(t.Context(), c.user, number(t, c.to), c.state, c.code); ok != c.want || err != nil {
			t.Errorf("%s: %t, %v", name, ok, err)
		}
	}
	for _, stale := range []string{"", "twilio" + state[4:], "code." + expiry(w.clock().Add(-time.Hour)) + ".x"} {
		if ok, err := codes.Check(t.Context(), "ann", to, stale, code); ok || !errors.Is(err, ErrExpired) {
			t.Errorf("a state that is none: %t, %v", ok, err)
		}
	}
	w.pass(lifetime - time.Second)
	if ok, err := codes.Check(t.Context(), "ann", to, state, code); !ok || err != nil {
		t.Errorf("just in time: %t, %v", ok, err)
	}
	w.pass(time.Second)
	if ok, err := codes.Check(t.Context(), "ann", to, state, code); ok || !errors.Is(err, ErrExpired) {
		t.Errorf("after ten minutes: %t, %v", ok, err)
	}
}

// While the key changes, codes that were sent before are good, at every step.
func TestCodesOverAKeyChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	codes, to := w.codes(), number(t, phone)
	state, err := codes.Start(t.Context(), "ann", to)
	if err != nil {
		t.Fatal(err)
	}
	code := w.code(phone)
	for _, step := range []struct {
		current, previous string
		want              bool
	}{{keyA, keyB, true}, {keyB, keyA, true}, {keyB, "", false}} {
		w.keys(step.current, step.previous)
		if ok, err := codes.Check(t.Context(), "ann", to, state, code); ok != step.want || err != nil {
			t.Errorf("%t, want %t, %v", ok, step.want, err)
		}
	}
	w.keys("", "")
	if _, err := codes.Check(t.Context(), "ann", to, state, code); !errors.Is(err, ErrUnavailable) || Reason(err) != Account {
		t.Errorf("without a key: %v", err)
	}
	if _, err := codes.Start(t.Context(), "ann", to); !errors.Is(err, ErrUnavailable) || len(w.double.Texts()) != 1 {
		t.Errorf("without a key: %v, %d texts", err, len(w.double.Texts()))
	}
}

// What AWS answers decides whether there is a text, a second try, and what the
// user is told.
func TestAWSAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault smstest.Fault
		kind  error
		what  string
		calls int
	}{
		"opted out":        {smstest.Fault{Refuse: "ConflictException DESTINATION_PHONE_NUMBER_OPTED_OUT"}, ErrRefused, OptedOut, 1},
		"blocked number":   {smstest.Fault{Refuse: "ConflictException DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE"}, ErrRefused, Blocked, 1},
		"blocked country":  {smstest.Fault{Refuse: "ConflictException DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"}, ErrRefused, NoCountry, 1},
		"wrong identity":   {smstest.Fault{Refuse: "ValidationException INVALID_IDENTITY_FOR_DESTINATION_COUNTRY"}, ErrRefused, NoCountry, 1},
		"sandbox":          {smstest.Fault{Refuse: "ConflictException DESTINATION_PHONE_NUMBER_NOT_VERIFIED"}, ErrUnavailable, Account, 1},
		"invalid, unsaid":  {smstest.Fault{Refuse: "ValidationException INVALID_PARAMETER"}, ErrUnavailable, Account, 1},
		"denied":           {smstest.Fault{Refuse: "AccessDeniedException ACCOUNT_DISABLED"}, ErrUnavailable, Account, 1},
		"number's quota":   {smstest.Fault{Refuse: "ServiceQuotaExceededException DAILY_DESTINATION_CALL_LIMIT"}, ErrTooMany, Quota, 1},
		"account's quota":  {smstest.Fault{Refuse: "ServiceQuotaExceededException MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"}, ErrUnavailable, Quota, 1},
		"unknown":          {smstest.Fault{Refuse: "NewException SOMETHING"}, ErrUnavailable, Account, 1},
		"strange":          {smstest.Fault{Refuse: "+16045550142 +16045550142"}, ErrUnavailable, Account, 1},
		"always throttled": {smstest.Fault{Throttle: true}, ErrUnavailable, Busy, 3},
		"internal":         {smstest.Fault{Refuse: "InternalServerException"}, ErrUnavailable, Outage, 1},
		"a page":           {smstest.Fault{Status: 503}, ErrUnavailable, Outage, 1},
		"a page of 404":    {smstest.Fault{Status: 404}, ErrUnavailable, Account, 1},
		"a page of 429":    {smstest.Fault{Status: 429}, ErrUnavailable, Busy, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.misbehave(9, c.fault)
			state, err := w.codes().Start(t.Context(), "ann", number(t, phone))
			if !errors.Is(err, c.kind) || Reason(err) != c.what || state != "" {
				t.Errorf("%v is %q", err, Reason(err))
			}
			if err != nil && secretive.MatchString(err.Error()) {
				t.Error("the error says too much")
			}
			if w.double.Calls() != c.calls || len(w.double.Texts()) != 0 {
				t.Errorf("%d calls, %d texts", w.double.Calls(), len(w.double.Texts()))
			}
		})
	}
}

// A throttle passes; a number that AWS itself finds wrong is the number's fault,
// and an identity that is not ours is the account's.
func TestAWSRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	codes, to := w.codes(), number(t, phone)
	w.misbehave(2, smstest.Fault{Throttle: true})
	if _, err := codes.Start(t.Context(), "ann", to); err != nil || w.double.Calls() != 3 || len(w.double.Texts()) != 1 {
		t.Errorf("%v, %d calls, %d texts", err, w.double.Calls(), len(w.double.Texts()))
	}
	if _, err := codes.Start(t.Context(), "ann", Number{}); !errors.Is(err, ErrRefused) || Reason(err) != Unreachable {
		t.Errorf("no number: %v", err)
	}
	codes.Sender.(*Pinpoint).Origination = "pool-of-another"
	if _, err := codes.Start(t.Context(), "ann", to); !errors.Is(err, ErrUnavailable) || Reason(err) != Account || !strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("another's pool: %v", err)
	}
	w.server.Close()
	if _, err := codes.Start(t.Context(), "ann", to); !errors.Is(err, ErrUnavailable) || Reason(err) != Outage || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a closed port: %v", err)
	}
}

// A text whose answer is lost or late may arrive, so it counts as sent, once.
func TestAWSLostAnswers(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]smstest.Fault{
		"lost": {LoseAnswer: true},
		"late": {Delay: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			codes, to := w.codes(), number(t, phone)
			ctx := t.Context()
			if w.misbehave(9, fault); fault.Delay > 0 {
				ctx = w.hangUp(fault)
			}
			state, err := codes.Start(ctx, "ann", to)
			if err != nil || w.double.Calls() != 1 {
				t.Fatalf("%v, %d calls", err, w.double.Calls())
			}
			w.texts(1)
			if ok, err := codes.Check(t.Context(), "ann", to, state, w.code(phone)); !ok || err != nil {
				t.Errorf("%t, %v", ok, err)
			}
		})
	}
}

// deadline is a client that notes how long it is given, and answers nothing.
type deadline struct{ left time.Duration }

func (d *deadline) RoundTrip(r *http.Request) (*http.Response, error) { return d.Do(r) }

func (d *deadline) Do(r *http.Request) (*http.Response, error) {
	if at, ok := r.Context().Deadline(); ok {
		d.left = time.Until(at)
	}
	return nil, io.ErrUnexpectedEOF
}

// Neither service is waited for longer than five seconds.
func TestDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	codes, twilio := w.codes(), w.twilio()
	first, second := &deadline{}, &deadline{}
	options := codes.Sender.(*Pinpoint).Client.Options()
	options.HTTPClient = first
	codes.Sender.(*Pinpoint).Client = pinpointsmsvoicev2.New(options)
	twilio.client.Transport = second
	for _, s := range []service{codes, twilio} {
		if _, err := s.Start(t.Context(), "ann", number(t, phone)); !errors.Is(err, ErrUnavailable) || Reason(err) != Outage {
			t.Errorf("%s: %v", s.Name(), err)
		}
	}
	for _, d := range []*deadline{first, second} {
		if d.left <= 0 || d.left > callTimeout {
			t.Errorf("%v left", d.left)
		}
	}
}

// The request is what it should be, field by field, and no connection is used
// twice: a Lambda that thaws would find out only by losing an answer.
func TestAWSRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mu sync.Mutex
	var bodies []map[string]any
	peers := map[string]bool{}
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var fields map[string]any
		_ = json.Unmarshal(body, &fields)
		mu.Lock()
		bodies, peers[r.RemoteAddr] = append(bodies, fields), true
		mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		w.double.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	w.server.URL = front.URL
	codes := w.codes()
	for range 3 {
		if _, err := codes.Start(t.Context(), "ann", number(t, phone)); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(peers) != 3 {
		t.Errorf("%d connections", len(peers))
	}
	delete(bodies[0], "MessageBody")
	got, _ := json.Marshal(bodies[0])
	want := `{"Context":{"purpose":"sign-in-code"},"DestinationPhoneNumber":"+16045550142","MessageType":"TRANSACTIONAL","OriginationIdentity":"+18885550100","TimeToLive":600}`
	if string(got) != want {
		t.Errorf("%s", got)
	}
}
