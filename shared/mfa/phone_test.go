package mfa_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
	"safekeep/shared/mfa"
	"safekeep/shared/sms"
)

// enrolPhone gives a user a phone in force.
func (w *world) enrolPhone(user, number, proof string) fields {
	w.t.Helper()
	w.need(201, "POST", "/users/"+user+"/sms", fields{"email": user + "@acme.example", "phone": number, "proof": proof})
	return w.need(200, "POST", "/users/"+user+"/sms/confirm", fields{"code": w.texts.code(number)})
}

func TestLifeOfAPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.need(201, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": "+1 (604) 555-0142"})
	if made["hint"] != "+1 … 42" || made["expires_at"] != noon.Add(10*time.Minute).Format(time.RFC3339) {
		t.Errorf("%v", made)
	}
	w.need(404, "POST", "/users/ann/sms/send", fields{}) // not in force yet
	done := w.need(200, "POST", "/users/ann/sms/confirm", fields{"code": w.texts.code(phone)})
	if len(done["recovery_codes"].([]any)) != 10 {
		t.Error("no recovery codes")
	}
	// The code that confirmed is none to sign in with.
	if got := w.verify("ann", "sms", w.texts.code(phone)); got["reason"] != "expired" {
		t.Errorf("without a code sent: %v", got)
	}
	if got := w.need(200, "POST", "/users/ann/sms/send", fields{}); got["sent"] != true {
		t.Errorf("%v", got)
	}
	code := w.texts.code(phone)
	if got := w.verify("ann", "sms", "000000"); got["reason"] != "wrong" {
		t.Errorf("a wrong code: %v", got)
	}
	got := w.verify("ann", "sms", code)
	if got["ok"] != true {
		t.Fatalf("%v", got["reason"])
	}
	if got := w.verify("ann", "sms", code); got["reason"] != "expired" {
		t.Errorf("again: %v", got)
	}
	// Another number is another factor: with a proof, and told.
	const second = "+14165550123"
	w.need(201, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": second, "proof": got["proof"]})
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	if w.texts.code(phone) == code {
		t.Error("the text to sign in with did not go to the phone in force")
	}
	w.later(11 * time.Minute)
	w.need(404, "POST", "/users/ann/sms/confirm", fields{"code": w.texts.code(second)}) // too late
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	if got = w.verify("ann", "sms", w.texts.code(phone)); got["ok"] != true {
		t.Fatalf("the old phone: %v", got["reason"])
	}
}

// A phone is changed with a proof only, and its owner is told. A code on its way
// to the old phone is none for the new one.
func TestPhoneChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const second = "+14165550123"
	w.enrolPhone("ann", phone, "")
	w.need(401, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": second})
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	proof := w.verify("ann", "sms", w.texts.code(phone))["proof"].(string)
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	old := w.texts.code(phone)
	done := w.enrolPhone("ann", second, proof)
	if len(done["recovery_codes"].([]any)) != 0 || done["recovery_codes_left"] != 10. {
		t.Error("recovery codes were made anew")
	}
	if got := w.verify("ann", "sms", old); got["reason"] != "expired" {
		t.Errorf("the old phone's code: %v", got)
	}
	want := []string{
		`mfa.enrolled zoe owes {"factor":"sms","hint":"+1 … 42","first":true,"recovery_codes":10}`,
		`mfa.phone_changed zoe owes {"hint":"+1 … 23","old_hint":"+1 … 42"}`,
	}
	if diff := cmp.Diff(want, w.told("user#ann")); diff != "" {
		t.Errorf("story:\n%s", diff)
	}
	if email := dynamo.Text(w.items()["ann profile"], "email"); email != "ann@acme.example" {
		t.Error("the mail about it has no address")
	}
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	if got := w.verify("ann", "sms", w.texts.code(second)); got["ok"] != true {
		t.Errorf("the new phone: %v", got["reason"])
	}
}

// A code that was on its way to the old phone when that was replaced is none for
// the new one.
func TestPhoneChangeMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const second = "+14165550123"
	app, _ := w.enrol("ann")
	w.enrolPhone("ann", phone, w.proof("ann", app))
	w.need(201, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": second, "proof": w.proof("ann", app)})
	confirm := w.texts.code(second)
	w.texts.during = func() {
		w.texts.mu.Lock()
		w.texts.count-- // the double knows the state of its last text only
		w.texts.mu.Unlock()
		w.need(200, "POST", "/users/ann/sms/confirm", fields{"code": confirm})
		w.texts.mu.Lock()
		w.texts.count++
		w.texts.sent[second] = w.texts.sent[phone]
		w.texts.mu.Unlock()
	}
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	if got := w.verify("ann", "sms", w.texts.code(phone)); got["reason"] != "expired" {
		t.Errorf("the old phone's code: %v", got)
	}
}

// A number that no codes go to is refused before anything is sent or counted.
func TestNumbersThatGetNoCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, number := range []string{"", "250 555 0199", "+18005550123", "+19005550123", "+17875550123", "+442079460123", "call me"} {
		got := w.need(422, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": number})
		if got["field"] != "phone" || len(number) > 6 && strings.Contains(got["detail"].(string), number) {
			t.Errorf("%q: %v", number, got)
		}
	}
	if w.texts.count != 0 || len(w.items()) != 0 {
		t.Errorf("%d texts, %d items", w.texts.count, len(w.items()))
	}
}

// Sends are limited, and a locked account gets none.
func TestSendsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrolPhone("ann", phone, "")
	for range 4 {
		w.need(200, "POST", "/users/ann/sms/send", fields{})
	}
	got := w.call("POST", "/users/ann/sms/send", fields{})
	if got.status != 429 || got.header["Retry-After"] == "" || w.texts.count != 5 {
		t.Errorf("%d, Retry-After %q, %d sent", got.status, got.header["Retry-After"], w.texts.count)
	}
	if !strings.Contains(w.figures.String(), `"Reason":"limit_user"`) || !strings.Contains(w.figures.String(), `"SmsSent":1`) {
		t.Error("no metric")
	}
	w.later(2 * time.Hour)
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	for range 5 { // and five tries of one code
		if got := w.verify("ann", "sms", "000000"); got["reason"] != "wrong" {
			t.Errorf("%v", got)
		}
	}
	if got := w.call("POST", "/users/ann/sms/send", fields{}); got.status != 429 || w.texts.count != 6 {
		t.Errorf("while locked: %d, %d sent", got.status, w.texts.count)
	}
}

// One code takes five answers, whatever else is allowed; the fifth at once too.
func TestOneTextTakesFiveAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.service.Limits.Tries = 50
	w.enrolPhone("ann", phone, "")
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	before := w.texts.checks
	got := w.outcomes(20, "ann", func(int) fields { return fields{"method": "sms", "code": "000000"} })
	if got["wrong"] != 5 || got["expired"] != 15 || w.texts.checks-before != 5 {
		t.Errorf("%v, %d checked", got, w.texts.checks-before)
	}
	if got := w.verify("ann", "sms", w.texts.code(phone)); got["reason"] != "expired" {
		t.Errorf("the right one: %v", got)
	}
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	code := w.texts.code(phone)
	if got := w.outcomes(5, "ann", func(int) fields { return fields{"method": "sms", "code": code} }); got["ok"] != 1 {
		t.Errorf("the right one, five times at once: %v", got)
	}
}

// What the sender says is answered as it is, and nothing is lost by it.
func TestSenderFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, _ := w.enrol("ann")
	proof := w.proof("ann", app)
	w.texts.down = sms.ErrUnavailable
	w.need(503, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": phone, "proof": proof})
	w.texts.down = nil
	w.need(201, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": phone, "proof": proof}) // the proof was not used
	w.texts.down = sms.ErrTooMany
	w.need(429, "POST", "/users/ann/sms/confirm", fields{"code": "123456"})
	w.texts.down = errors.New("a secret of the sender's")
	if got := w.need(500, "POST", "/users/ann/sms/confirm", fields{"code": "123456"}); strings.Contains(got["detail"].(string), "secret") {
		t.Error("its words are answered")
	}
	w.texts.down = nil
	w.need(200, "POST", "/users/ann/sms/confirm", fields{"code": w.texts.code(phone)})
	// Of a code that could not be checked no try is counted.
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	w.texts.down = sms.ErrUnavailable
	for range 4 {
		w.need(503, "POST", "/users/ann/verify", fields{"method": "sms", "code": w.texts.code(phone)})
	}
	w.texts.down = nil
	if got := w.verify("ann", "totp", wrong(app, w.now)); got["tries_left"] != 4. {
		t.Errorf("%v", got)
	}
	if got := w.verify("ann", "sms", w.texts.code(phone)); got["ok"] != true {
		t.Errorf("%v", got)
	}
	// Texts that were switched off are asked for all the same, and not let pass.
	w.service.Texts = nil
	if diff := cmp.Diff([]any{"totp", "sms", "recovery"}, w.view("ann")["ask"]); diff != "" {
		t.Errorf("asked for:\n%s", diff)
	}
	w.need(409, "POST", "/users/ann/sms/send", fields{})
	w.need(409, "POST", "/users/ann/verify", fields{"method": "sms", "code": "123456"})
}

// Somebody who knows the number keeps its owner from no text.
func TestStrangersEnrolments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrolPhone("ann", phone, "")
	w.later(24 * time.Hour)
	for _, stranger := range []string{"s1", "s2", "s3", "s4", "s5", "s6"} {
		w.call("POST", "/users/"+stranger+"/sms", fields{"email": "s@evil.example", "phone": phone})
	}
	if w.texts.count != 4 { // ann's, and three
		t.Errorf("%d texts", w.texts.count)
	}
	w.need(200, "POST", "/users/ann/sms/send", fields{})
}

// Whoever asks for texts until there are none keeps the owner from theirs, so it
// is told like failing.
func TestAskingWithoutEndIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrolPhone("ann", phone, "")
	for n := range 10 {
		if got := w.call("POST", "/users/ann/sms/send", fields{}); n >= 4 && (got.status != 429 || got.header["Retry-After"] == "") {
			t.Errorf("send %d: %d", n+1, got.status)
		}
	}
	if told := w.told("user#ann"); len(told) != 2 || !strings.Contains(told[1], `"failures":5,"replays":0,"minutes":15,"methods":["sms"]`) {
		t.Errorf("told: %v", told)
	}
}

// A phone that was removed while its code was looked at makes no proof, even where
// the removal had not seen that a code was on its way.
func TestPhoneRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, _ := w.enrol("ann")
	w.enrolPhone("ann", phone, w.proof("ann", app))
	proof := w.proof("ann", app)
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	blind := &between{Accounts: w.service.Accounts}
	w.service.Accounts = blind
	blind.write = func(before mfa.Account) { delete(before.Challenges, mfa.SMS) }
	blind.settle = func() {
		if got := w.call("DELETE", "/users/ann/sms", fields{"proof": proof}); got.status != 204 {
			t.Errorf("removing: %d", got.status)
		}
	}
	if got := w.verify("ann", "sms", w.texts.code(phone)); got["ok"] == true {
		t.Error("a removed phone made a proof")
	}
}

// between does something before an account is written or settled, once.
type between struct {
	mfa.Accounts
	write  func(before mfa.Account)
	settle func()
}

func (b *between) Write(ctx context.Context, before, after mfa.Account, entries ...ledger.Entry) error {
	if do := b.write; do != nil {
		b.write = nil
		do(before)
	}
	return b.Accounts.Write(ctx, before, after, entries...)
}

func (b *between) Settle(ctx context.Context, a mfa.Account, s mfa.Settlement, entries ...ledger.Entry) error {
	if do := b.settle; do != nil {
		b.settle = nil
		do()
	}
	return b.Accounts.Settle(ctx, a, s, entries...)
}

// A code that is on its way when its country is taken from the list can be used;
// another one is not sent there.
func TestRegionsNarrowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrolPhone("ann", phone, "")
	w.need(200, "POST", "/users/ann/sms/send", fields{})
	var err error
	if w.service.Regions, err = sms.ParseRegions("US"); err != nil {
		t.Fatal(err)
	}
	if got := w.verify("ann", "sms", w.texts.code(phone)); got["ok"] != true {
		t.Errorf("%v", got["reason"])
	}
	w.need(422, "POST", "/users/ann/sms/send", fields{})
	if w.texts.count != 2 {
		t.Errorf("%d texts", w.texts.count)
	}
}
