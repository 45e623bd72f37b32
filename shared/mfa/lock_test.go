package mfa_test

import (
	"strings"
	"testing"
	"time"
)

// Somebody more patient still, whose streak ends with every sign-in of the owner's,
// is told of once a day.
func TestPatientAttackIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, _ := w.enrol("ann")
	for range 3 { // days
		for range 12 {
			if got := w.verify("ann", "totp", wrong(phone, w.now)); got["reason"] != "wrong" {
				t.Fatalf("%v", got)
			}
			w.later(100 * time.Minute)
		}
		w.proof("ann", phone)
		w.later(5 * time.Hour)
	}
	if told := w.told("user#ann"); len(told) != 4 || !strings.Contains(told[3], `mfa.failing safekeep owes {"failures":1`) {
		t.Errorf("told: %v", told)
	}
}

// Guessing at six digits keeps nobody from a passkey or a recovery code, nor the
// other way round; and what locks them ends with what takes their place.
func TestGuessesLockOnlyWhatTheyGuessAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, codes := w.enrol("ann")
	blue, _ := w.enrolKey("ann", "Blue", w.proof("ann", phone))
	guess := func(method string) int {
		code := "0000-0000-0000-0000"
		if method == "totp" {
			code = wrong(phone, w.now)
		}
		return w.call("POST", "/users/ann/verify", fields{"method": method, "code": code}).status
	}
	for n := 0; n < 20; n++ { // to the hard stop
		for range 5 {
			guess("totp")
		}
		if got := w.need(200, "POST", "/users/ann/verify", blue.sign(t, ours, w.challenge("ann"))); got["ok"] != true {
			t.Fatalf("round %d: the passkey: %v", n, got["reason"])
		}
		w.later(24*time.Hour + time.Second)
	}
	if until := w.view("ann")["locked_until"]; until != "9999-12-31T23:59:59Z" {
		t.Errorf("what is guessed at is locked until %v", until)
	}
	got := w.verify("ann", "recovery", codes[0])
	if got["ok"] != true {
		t.Fatalf("a recovery code: %v", got["reason"])
	}
	if guess("totp") != 429 {
		t.Error("a recovery code opened what was guessed at")
	}
	for range 5 {
		guess("recovery")
	}
	if guess("recovery") != 429 {
		t.Error("recovery codes have no limit")
	}
	made := w.need(201, "POST", "/users/ann/totp", fields{"email": "ann@acme.example", "proof": got["proof"]})
	second := newApp(t, made["secret"])
	w.need(200, "POST", "/users/ann/totp/confirm", fields{"code": second.code(w.now)})
	w.later(30 * time.Second)
	proof := w.proof("ann", second) // another app is not locked by guesses at the first
	if w.verify("ann", "totp", wrong(second, w.now))["tries_left"] != 4. || guess("recovery") != 429 {
		t.Error("the counts are not apart")
	}
	fresh := w.need(201, "POST", "/users/ann/recovery-codes", fields{"proof": proof})["recovery_codes"].([]any)
	if got := w.verify("ann", "recovery", fresh[0].(string)); got["ok"] != true {
		t.Errorf("a new recovery code: %v", got["reason"])
	}
}
