package mfa_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/shared/dynamo"
	"safekeep/shared/envelope/kmstest"
)

// outcomes counts what calls at once were answered.
func (w *world) outcomes(n int, user string, body func(int) fields) map[string]int {
	w.t.Helper()
	var mu sync.Mutex
	counts := map[string]int{}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			got := w.call("POST", "/users/"+user+"/verify", body(i))
			name := fmt.Sprint(got.status)
			if got.status == 200 {
				name = fmt.Sprint(got.fields["reason"])
				if got.fields["ok"] == true {
					name = "ok"
				}
			}
			mu.Lock()
			counts[name]++
			mu.Unlock()
		})
	}
	all.Wait()
	return counts
}

// A right code, a hundred times at once: one wins.
func TestReplayedAHundredTimesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, codes := w.enrol("ann")
	for _, method := range []string{"totp", "recovery"} {
		code := codes[0]
		if method == "totp" {
			code = phone.code(w.now)
		}
		got := w.outcomes(100, "ann", func(int) fields { return fields{"method": method, "code": code} })
		if got["ok"] != 1 || got["wrong"] > 0 || got["ok"]+got["replayed"]+got["429"] != 100 {
			t.Errorf("%s: %v", method, got)
		}
		w.later(time.Hour)
	}
	if used := len(w.told("user#ann")); used < 3 { // enrolled, a code used, and failing
		t.Errorf("%d entries", used)
	}
	if n := strings.Count(strings.Join(w.told("user#ann"), "\n"), "mfa.recovery_code_used"); n != 1 {
		t.Errorf("%d entries about one code", n)
	}
}

// checks counts how often a secret was opened, which is once for each try that is
// checked.
func (w *world) checks() int { return w.kms.Count("Decrypt") }

// Twenty wrong codes at once where five are allowed: exactly five are checked,
// and after that not even a right one.
func TestBruteForceAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, codes := w.enrol("ann")
	w.kms.Set(nil)
	bad := wrong(phone, w.now)
	got := w.outcomes(20, "ann", func(int) fields { return fields{"method": "totp", "code": bad} })
	if got["wrong"] != 5 || got["429"] != 15 || w.checks() != 5 {
		t.Errorf("%v, %d checked", got, w.checks())
	}
	locked := w.call("POST", "/users/ann/verify", fields{"method": "totp", "code": phone.code(w.now)})
	if locked.status != 429 || locked.header["Retry-After"] != "900" {
		t.Errorf("while locked: %d, Retry-After %s", locked.status, locked.header["Retry-After"])
	}
	// So it is with recovery codes, which are counted apart.
	got = w.outcomes(20, "ann", func(int) fields { return fields{"method": "recovery", "code": "0000-0000-0000-0000"} })
	if got["wrong"] != 5 || got["429"] != 15 {
		t.Errorf("recovery codes: %v", got)
	}
	if locked := w.call("POST", "/users/ann/verify", fields{"method": "recovery", "code": codes[0]}); locked.status != 429 {
		t.Errorf("a right one while locked: %d", locked.status)
	}
	if until := w.view("ann")["locked_until"]; until != w.now.Add(15*time.Minute).Format(time.RFC3339) {
		t.Errorf("locked until %v", until)
	}
	// Another user is not held up.
	other, _ := w.enrol("bob")
	if got := w.verify("bob", "totp", other.code(w.now)); got["ok"] != true {
		t.Errorf("bob: %v", got["reason"])
	}
	w.later(15 * time.Minute)
	if got := w.verify("ann", "totp", phone.code(w.now)); got["ok"] != true {
		t.Errorf("after the lock: %v", got["reason"])
	}
	if w.view("ann")["locked_until"] != nil {
		t.Error("still locked")
	}
}

// At a boundary of windows, with a clock that flips between them: five, not ten.
func TestBruteForceAtABoundary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, _ := w.enrol("ann")
	edge := noon.Add(15 * time.Minute)
	var flip atomic.Int64
	w.service.Now = func() time.Time {
		if flip.Add(1)%2 == 0 {
			return edge
		}
		return edge.Add(-time.Millisecond)
	}
	bad := wrong(phone, edge)
	w.kms.Set(nil)
	got := w.outcomes(40, "ann", func(int) fields { return fields{"method": "totp", "code": bad} })
	if got["wrong"] != 5 || got["429"] != 35 || w.checks() != 5 {
		t.Errorf("%v, %d checked", got, w.checks())
	}
}

// The lock doubles, and at a hundred only a reset helps.
func TestHardStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, _ := w.enrol("ann")
	w.kms.Set(nil)
	for n := 0; n < 19; n++ {
		bad := wrong(phone, w.now)
		for left := 4; left >= 0; left-- {
			if got := w.verify("ann", "totp", bad); got["reason"] != "wrong" || got["tries_left"] != float64(left) {
				t.Fatalf("round %d: %v", n, got)
			}
		}
		if locked := w.call("POST", "/users/ann/verify", fields{"method": "totp", "code": bad}); locked.status != 429 {
			t.Fatalf("round %d: %d", n, locked.status)
		}
		w.later(min(15*time.Minute<<n, 24*time.Hour))
	}
	w.outcomes(20, "ann", func(int) fields { return fields{"method": "totp", "code": wrong(phone, w.now)} })
	w.later(365 * 24 * time.Hour)
	locked := w.call("POST", "/users/ann/verify", fields{"method": "totp", "code": phone.code(w.now)})
	if locked.status != 429 || !strings.Contains(locked.fields["detail"].(string), "admin") || w.checks() != 100 {
		t.Errorf("%d %v, %d checked", locked.status, locked.fields["detail"], w.checks())
	}
	if until := w.view("ann")["locked_until"]; until != "9999-12-31T23:59:59Z" {
		t.Errorf("locked until %v", until)
	}
	w.call("POST", "/users/ann/reset", fields{"reason": "locked out"})
	second, _ := w.enrol("ann")
	if got := w.verify("ann", "totp", second.code(w.now)); got["ok"] != true {
		t.Errorf("after the reset: %v", got["reason"])
	}
}

// Somebody slow enough to be under every threshold is told of at the tenth in a
// row, and at the hard stop.
func TestSlowAttackIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, _ := w.enrol("ann")
	for n := range 100 {
		if got := w.verify("ann", "totp", wrong(phone, w.now)); got["reason"] != "wrong" {
			t.Fatalf("try %d: %v", n, got)
		}
		w.later(8 * time.Minute)
	}
	if got := w.call("POST", "/users/ann/verify", fields{"method": "totp", "code": phone.code(w.now)}); got.status != 429 {
		t.Errorf("after a hundred: %d", got.status)
	}
	if told := w.told("user#ann"); len(told) != 3 || !strings.Contains(told[1], `"failures":10,`) || !strings.Contains(told[2], `"failures":100,`) {
		t.Errorf("told: %v", told)
	}
}

// A success forgets the failures before it.
func TestSuccessForgets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, _ := w.enrol("ann")
	for range 30 {
		for range 4 {
			if got := w.verify("ann", "totp", wrong(phone, w.now)); got["reason"] != "wrong" {
				t.Fatalf("%v", got)
			}
		}
		if got := w.verify("ann", "totp", phone.code(w.now)); got["ok"] != true {
			t.Fatalf("%v", got)
		}
		w.later(30 * time.Second)
	}
}

// One user's code is none for another, nor is their secret when its row is copied.
func TestAnothersCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anns, annsCodes := w.enrol("ann")
	bobs, _ := w.enrol("bob")
	w.later(time.Minute)
	if got := w.verify("bob", "totp", anns.code(w.now)); got["reason"] != "wrong" {
		t.Errorf("an app's code: %v", got)
	}
	if got := w.verify("bob", "recovery", annsCodes[0]); got["reason"] != "wrong" {
		t.Errorf("a recovery code: %v", got)
	}
	row := w.items()["ann factor#totp"]
	row["user"] = dynamo.S("bob")
	row["made"] = w.items()["bob factor#totp"]["made"]
	if _, err := w.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(accounts), Item: row}); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{anns.code(w.now), bobs.code(w.now)} {
		if got := w.call("POST", "/users/bob/verify", fields{"method": "totp", "code": code}); got.status != 500 {
			t.Errorf("with the secret of another: %d %v", got.status, got.fields)
		}
	}
}

// Somebody with the password fails again and again: one mail, and again in the
// next window.
func TestFailingIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, codes := w.enrol("ann")
	attempt := func(method, code string) {
		w.t.Helper()
		w.call("POST", "/users/ann/verify", fields{"method": method, "code": code, "ip": "203.0.113.9", "user_agent": "curl/8\x00 <b>"})
	}
	for range 3 {
		attempt("totp", wrong(phone, w.now))
		w.later(time.Minute)
	}
	w.verify("ann", "totp", phone.code(w.now)) // the owner signs in meanwhile
	attempt("recovery", "0000-0000-0000-0000")
	if got := len(w.told("user#ann")); got != 1 {
		t.Fatalf("told after four: %v", w.told("user#ann"))
	}
	attempt("recovery", "0000-0000-0000-0000")
	told := w.told("user#ann")
	want := `mfa.failing safekeep owes {"failures":5,"replays":0,"minutes":15,"methods":["totp","recovery"],"first_at":"2026-11-22T12:00:30Z",` +
		`"last_at":"2026-11-22T12:03:30Z","ip":"203.0.113.9","user_agent":"curl/8 \u003cb\u003e"}`
	if len(told) != 2 || told[1] != want {
		t.Fatalf("told: %v\nwant %s", told, want)
	}
	if copies := w.told("acme"); len(copies) != 2 || copies[1] != strings.Replace(want, " owes", "", 1) {
		t.Errorf("the workspace is told %v", copies)
	}
	attempt("recovery", "0000-0000-0000-0000") // the fifth in a row: not one more mail
	w.later(40 * time.Minute)
	w.outcomes(20, "ann", func(int) fields { return fields{"method": "totp", "code": wrong(phone, w.now)} })
	if told := w.told("user#ann"); len(told) != 3 || !strings.HasPrefix(told[2], "mfa.failing") {
		t.Errorf("in the next window: %v", told)
	}
	// Replays count double: two, and one that is wrong.
	w.later(24 * time.Hour)
	w.verify("ann", "recovery", codes[0])
	w.later(24 * time.Hour)
	used := len(w.told("user#ann"))
	attempt("recovery", codes[0])
	attempt("recovery", codes[0])
	if got := len(w.told("user#ann")); got != used {
		t.Errorf("told after two replays")
	}
	attempt("totp", wrong(phone, w.now))
	if told := w.told("user#ann"); len(told) != used+1 || !strings.Contains(told[used], `"failures":3,"replays":2`) {
		t.Errorf("after two replays and one more: %v", told[used:])
	}
}

// A phone whose clock is off by more than half a minute is refused, and that is
// said where it can be mended.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.need(201, "POST", "/users/ann/totp", fields{"email": "ann@acme.example"})
	phone := newApp(t, made["secret"])
	for _, off := range []time.Duration{-time.Minute, time.Minute, 10 * time.Minute} {
		got := w.need(422, "POST", "/users/ann/totp/confirm", fields{"code": phone.code(w.now.Add(off))})
		if !strings.Contains(got["detail"].(string), "clock") {
			t.Errorf("%v off: %v", off, got)
		}
	}
	w.need(200, "POST", "/users/ann/totp/confirm", fields{"code": phone.code(w.now.Add(30 * time.Second))})
	// A phone that was ahead has used a step of the future; those before it are past.
	if got := w.verify("ann", "totp", phone.code(w.now)); got["reason"] != "replayed" {
		t.Errorf("%v", got)
	}
	w.later(time.Minute)
	if got := w.verify("ann", "totp", phone.code(w.now.Add(-30*time.Second))); got["reason"] != "replayed" {
		t.Errorf("%v", got)
	}
	if got := w.verify("ann", "totp", phone.code(w.now)); got["ok"] != true {
		t.Errorf("%v", got)
	}
}

// An outage of KMS locks nobody out: a try that was not checked is not counted.
func TestKeyServiceDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, _ := w.enrol("ann")
	w.kms.Set(func(int, kmstest.Call) kmstest.Fault { return kmstest.Fault{Status: 400, Code: "DisabledException"} })
	for range 12 {
		if got := w.call("POST", "/users/ann/verify", fields{"method": "totp", "code": phone.code(w.now)}); got.status != 503 {
			t.Fatalf("%d %v", got.status, got.fields)
		}
	}
	w.need(503, "POST", "/users/bob/totp", fields{"email": "bob@acme.example"})
	w.kms.Set(nil)
	if got := w.verify("ann", "totp", wrong(phone, w.now)); got["tries_left"] != 4. {
		t.Errorf("afterwards: %v", got)
	}
	if got := w.verify("ann", "totp", phone.code(w.now)); got["ok"] != true {
		t.Errorf("afterwards: %v", got)
	}
}
