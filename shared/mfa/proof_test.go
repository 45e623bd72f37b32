package mfa_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/shared/dynamo"
)

// Nothing to confirm, with or without a guess.
func TestConfirmWithoutEnrol(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.need(404, "POST", "/users/ann/totp/confirm", fields{"code": "123456"})
	w.need(404, "POST", "/users/ann/sms/confirm", fields{"code": "123456"})
	w.need(404, "POST", "/users/ann/passkeys/confirm", fields{"credential": fields{}})
	made := w.need(201, "POST", "/users/ann/totp", fields{"email": "ann@acme.example"})
	phone := newApp(t, made["secret"])
	w.need(404, "POST", "/users/bob/totp/confirm", fields{"code": phone.code(w.now)})
	for range 5 {
		w.need(422, "POST", "/users/ann/totp/confirm", fields{"code": wrong(phone, w.now)})
	}
	w.need(404, "POST", "/users/ann/totp/confirm", fields{"code": phone.code(w.now)}) // five answers, no more
	made = w.need(201, "POST", "/users/ann/totp", fields{"email": "ann@acme.example"})
	w.later(30 * time.Minute)
	w.need(404, "POST", "/users/ann/totp/confirm", fields{"code": newApp(t, made["secret"]).code(w.now)}) // too late
	if got := w.factors("ann"); len(got) != 0 {
		t.Errorf("factors: %v", got)
	}
}

// Whoever has only the password changes nothing on an account with a factor.
func TestChangesTakeAProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Begun while there was no factor, and kept in store.
	kept := newApp(t, w.need(201, "POST", "/users/ann/totp", fields{"email": "mal@evil.example"})["secret"])
	w.need(201, "POST", "/users/ann/sms", fields{"email": "mal@evil.example", "phone": "+16045550199"})
	text := w.texts.code("+16045550199")
	own := newApp(t, w.need(201, "POST", "/users/ann/totp", fields{"email": "ann@acme.example"})["secret"])
	w.need(422, "POST", "/users/ann/totp/confirm", fields{"code": kept.code(w.now)}) // replaced by the second
	w.need(200, "POST", "/users/ann/totp/confirm", fields{"code": own.code(w.now)})
	w.need(404, "POST", "/users/ann/sms/confirm", fields{"code": text}) // ended with the first factor
	w.later(30 * time.Second)
	spent := w.proof("ann", own)
	w.need(201, "POST", "/users/ann/recovery-codes", fields{"proof": spent})
	old := w.proof("ann", own)
	w.later(5 * time.Minute)
	bobs, _ := w.enrol("bob")
	anothers := w.proof("bob", bobs)
	for name, proof := range map[string]any{"none": "", "made up": strings.Repeat("A", 43), "spent": spent, "too old": old, "another's": anothers} {
		for _, c := range []struct {
			method, path string
			body         fields
		}{
			{"POST", "totp", fields{"email": "mal@evil.example", "proof": proof}},
			{"POST", "sms", fields{"email": "mal@evil.example", "phone": "+16045550199", "proof": proof}},
			{"POST", "passkeys", fields{"email": "mal@evil.example", "name": "Mine", "proof": proof}},
			{"POST", "recovery-codes", fields{"proof": proof}},
			{"DELETE", "totp", fields{"proof": proof}},
		} {
			if got := w.call(c.method, "/users/ann/"+c.path, c.body); got.status != 401 {
				t.Errorf("%s %s with a proof that is %s: %d", c.method, c.path, name, got.status)
			}
		}
	}
	if w.texts.count != 1 {
		t.Errorf("%d texts", w.texts.count)
	}
	if email := dynamo.Text(w.items()["ann profile"], "email"); email != "ann@acme.example" {
		t.Error("mails would go to another address")
	}
	// Whatever was proved before a factor came or went is proved no more.
	one, two := w.proof("ann", own), w.proof("ann", own)
	w.need(201, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": "+16045550142", "proof": one})
	w.need(200, "POST", "/users/ann/sms/confirm", fields{"code": w.texts.code("+16045550142")})
	w.need(401, "DELETE", "/users/ann/sms", fields{"proof": two})
	one, two = w.proof("ann", own), w.proof("ann", own)
	if got := w.call("DELETE", "/users/ann/sms", fields{"proof": one}); got.status != 204 {
		t.Errorf("removing: %d", got.status)
	}
	w.need(401, "POST", "/users/ann/recovery-codes", fields{"proof": two})
	// A good one still works, once, also when used many times at once.
	good := w.proof("ann", own)
	var all sync.WaitGroup
	var won atomic.Int64
	for range 20 {
		all.Go(func() {
			if w.call("POST", "/users/ann/totp", fields{"email": "ann@acme.example", "proof": good}).status == 201 {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("one proof was used %d times", won.Load())
	}
}

// Who writes a factor into the table by hand has not enrolled it: nothing is
// decided by an account that does not fit together, until an admin resets it.
func TestTornAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, _ := w.enrol("ann")
	row := w.items()["ann factor#totp"]
	row["item"] = dynamo.S("factor#sms")
	row["made"] = dynamo.S("SOMETHINGELSE")
	if _, err := w.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(accounts), Item: row}); err != nil {
		t.Fatal(err)
	}
	w.need(503, "GET", "/users/ann", nil)
	w.need(503, "POST", "/users/ann/verify", fields{"method": "totp", "code": phone.code(w.now)})
	w.need(503, "POST", "/users/ann/totp", fields{"email": "ann@acme.example"})
	if got := w.call("POST", "/users/ann/reset", fields{"reason": "mend it"}); got.status != 204 {
		t.Fatalf("reset: %d %v", got.status, got.fields)
	}
	if got := w.factors("ann"); len(got) != 0 {
		t.Errorf("factors: %v", got)
	}
	w.enrol("ann")
}

// Whoever reads while others change sees a whole account, and never one without
// a factor that had one before and after.
func TestReadsAreWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, _ := w.enrol("ann")
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				a, err := w.service.Accounts.Account(t.Context(), "ann")
				if err != nil || a.Torn || len(a.Factors) == 0 {
					t.Errorf("%d factors, torn %v, %v", len(a.Factors), a.Torn, err)
				}
			}
		})
	}
	for range 20 {
		made := w.need(201, "POST", "/users/ann/totp", fields{"email": "ann@acme.example", "proof": w.proof("ann", phone)})
		phone = newApp(t, made["secret"])
		w.need(200, "POST", "/users/ann/totp/confirm", fields{"code": phone.code(w.now)})
		w.later(30 * time.Second)
	}
	close(done)
	all.Wait()
}

// Somebody who got in for a moment has begun an enrolment with a proof. Whatever
// the owner does to throw them out ends it.
func TestCleaningUpEndsEnrolments(t *testing.T) {
	t.Parallel()
	for name, clean := range map[string]func(w *world, own app){
		"new codes": func(w *world, own app) {
			w.need(201, "POST", "/users/ann/recovery-codes", fields{"proof": w.proof("ann", own)})
		},
		"another phone": func(w *world, own app) { w.enrolPhone("ann", "+14165550123", w.proof("ann", own)) },
		"a phone removed": func(w *world, own app) {
			if got := w.call("DELETE", "/users/ann/sms", fields{"proof": w.proof("ann", own)}); got.status != 204 {
				t.Errorf("removing: %d", got.status)
			}
		},
		"a reset": func(w *world, _ app) {
			if got := w.call("POST", "/users/ann/reset", fields{"reason": "broken into"}); got.status != 204 {
				t.Errorf("a reset: %d", got.status)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			own, _ := w.enrol("ann")
			w.enrolPhone("ann", phone, w.proof("ann", own))
			made := w.need(201, "POST", "/users/ann/passkeys", fields{"email": "ann@acme.example", "name": "Thief", "proof": w.proof("ann", own)})
			clean(w, own)
			w.need(404, "POST", "/users/ann/passkeys/confirm", newToken(t).create(t, ours, made["options"]))
		})
	}
}

// The mail about an account goes elsewhere only once a factor is in force, and the
// address before is kept, however often it is changed then.
func TestMailMovesWithAFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mail := func() string {
		p := w.items()["ann profile"]
		return dynamo.Text(p, "email") + " " + dynamo.Text(p, "email_before") + " " + dynamo.Text(p, "email_since")
	}
	w.need(201, "POST", "/users/ann/totp", fields{"email": "mal@evil.example"})
	if got := mail(); got != "  " {
		t.Errorf("before any factor: %q", got)
	}
	own, _ := w.enrol("ann")
	replace := func(email string) {
		made := w.need(201, "POST", "/users/ann/totp", fields{"email": email, "proof": w.proof("ann", own)})
		if got := mail(); strings.HasPrefix(got, email) {
			t.Errorf("an enrolment that was only begun moves the mail: %q", got)
		}
		own = newApp(t, made["secret"])
		w.need(200, "POST", "/users/ann/totp/confirm", fields{"code": own.code(w.now)})
		w.later(time.Minute)
	}
	if got := mail(); got != "ann@acme.example  " {
		t.Errorf("the first: %q", got)
	}
	replace("one@evil.example")
	since, _, _ := strings.Cut(w.now.Add(-time.Minute).Format(time.RFC3339), "Z")
	if got := mail(); !strings.HasPrefix(got, "one@evil.example ann@acme.example "+since) {
		t.Errorf("moved: %q", got)
	}
	replace("two@evil.example")
	if got := mail(); !strings.HasPrefix(got, "two@evil.example ann@acme.example "+since) {
		t.Errorf("moved again: %q", got)
	}
	w.later(7 * 24 * time.Hour)
	replace("three@acme.example")
	if got := mail(); !strings.HasPrefix(got, "three@acme.example two@evil.example ") {
		t.Errorf("a week later: %q", got)
	}
	w.later(30 * 24 * time.Hour)
	w.need(201, "POST", "/users/ann/recovery-codes", fields{"proof": w.proof("ann", own)})
	if got := mail(); got != "three@acme.example  " {
		t.Errorf("a month later: %q", got)
	}
}
