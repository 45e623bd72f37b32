package mfa_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

// owner is a person with what they hold.
type owner struct {
	*world
	user    string
	numbers [2]string // of the phones that they have
	apps    []app
	codes   []string
	keys    []*token
}

// post sends a request, to a process that may die over it.
func (o *owner) post(routes *web.Router, path string, body fields) fields {
	return call(o.t, routes, "POST", "/users/"+o.user+path, body).fields
}

// begin begins to enrol an app, and takes the secret if there is an answer.
func (o *owner) begin(routes *web.Router, proof string) {
	made := o.post(routes, "/totp", fields{"email": "o@acme.example", "proof": proof})
	if secret, ok := made["secret"]; ok {
		o.apps = append(o.apps, newApp(o.t, secret))
	}
}

// confirm confirms the app that was begun last, if one was.
func (o *owner) confirm(routes *web.Router) {
	if len(o.apps) == 0 {
		return
	}
	done := o.post(routes, "/totp/confirm", fields{"code": o.apps[len(o.apps)-1].code(o.time())})
	if codes, ok := done["recovery_codes"].([]any); ok {
		o.codes = nil
		for _, code := range codes {
			o.codes = append(o.codes, code.(string))
		}
	}
}

// prove verifies with whatever app of theirs is in force, and returns the proof.
func (o *owner) prove() string {
	o.t.Helper()
	for _, phone := range o.apps {
		o.later(30 * time.Second)
		if got := o.verify(o.user, "totp", phone.code(o.time())); got["ok"] == true {
			return got["proof"].(string)
		}
	}
	o.t.Errorf("%s: no app of theirs verifies: locked out", o.user)
	return ""
}

// kinds are those of the factors in force, each once.
func (o *owner) kinds() []string {
	o.t.Helper()
	kinds := []string{}
	for _, f := range o.view(o.user)["factors"].([]any) {
		if kind := f.(map[string]any)["kind"].(string); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// enrolToken enrols a new passkey, as far as it goes.
func (o *owner) enrolToken(routes *web.Router, proof string) {
	made, ok := o.post(routes, "/passkeys", fields{"email": "o@acme.example", "name": "Key", "proof": proof})["options"]
	if ok {
		k := newToken(o.t)
		o.keys = append(o.keys, k)
		call(o.t, routes, "POST", "/users/"+o.user+"/passkeys/confirm", k.create(o.t, ours, made))
	}
}

// touch verifies by whatever passkey of theirs is in force.
func (o *owner) touch(routes *web.Router) {
	o.t.Helper()
	for _, k := range o.keys {
		asked := o.post(routes, "/passkeys/challenge", fields{})["options"]
		if call(o.t, routes, "POST", "/users/"+o.user+"/verify", k.sign(o.t, ours, asked)).fields["ok"] == true {
			return
		}
	}
	o.t.Errorf("%s: no passkey of theirs verifies: locked out", o.user)
}

// sound says what is wrong with an account as whoever signs in finds it.
func (o *owner) sound() {
	o.t.Helper()
	view, ids := o.view(o.user), o.kinds()
	// The story tells what is in force, no more and no less.
	var told []string
	for _, entry := range o.told("user#" + o.user) {
		factor := entry[strings.LastIndex(entry, `"factor":"`)+1:]
		factor, _, _ = strings.Cut(strings.TrimPrefix(factor, `factor":"`), `"`)
		switch kind, _, _ := strings.Cut(entry, " "); kind {
		case "mfa.enrolled":
			if !slices.Contains(told, factor) {
				told = append(told, factor)
			}
		case "mfa.removed":
			told = slices.DeleteFunc(told, func(k string) bool { return k == factor })
		case "mfa.reset":
			told = nil
		}
	}
	slices.Sort(told)
	slices.Sort(ids)
	if !slices.Equal(told, ids) {
		o.t.Errorf("%s: in force %v, and the ledger tells of %v", o.user, ids, told)
	}
	if len(ids) == 0 {
		if len(view["ask"].([]any)) != 0 || view["recovery_codes_left"] != 0. {
			o.t.Errorf("%s: asked for %v with no factor", o.user, view["ask"])
		}
		return
	}
	if view["recovery_codes_left"].(float64) < 9 {
		o.t.Errorf("%s: %v recovery codes", o.user, view["recovery_codes_left"])
	}
	if slices.Contains(ids, "totp") {
		o.prove()
	}
	if slices.Contains(ids, "passkey") {
		o.touch(o.routes)
	}
	if slices.Contains(ids, "sms") {
		o.later(2 * time.Hour)
		o.need(200, "POST", "/users/"+o.user+"/sms/send", fields{})
		right := false
		for _, number := range o.numbers {
			if code := o.texts.code(number); code != "" && !right {
				right = o.verify(o.user, "sms", code)["ok"] == true
			}
		}
		if !right {
			o.t.Errorf("%s: no phone of theirs verifies: locked out", o.user)
		}
	}
}

// The process is killed before and after every call that it makes, at every step
// of an account's life. What remains is what was before or what should be after:
// nobody is left without what they had, or asked for what they cannot give. And
// whoever begins again gets there.
func TestKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]struct {
		before func(*owner)              // what is in force before
		run    func(*owner, *web.Router) // by a process that may die
		again  func(*owner)              // as whoever starts over does
		want   []string                  // what is in force in the end
	}{
		"first app": {
			run:   func(o *owner, r *web.Router) { o.begin(r, ""); o.confirm(r) },
			again: func(o *owner) { o.begin(o.routes, ""); o.confirm(o.routes) }, want: []string{"totp"},
		},
		"another app": {
			before: (*owner).enrolApp,
			run:    func(o *owner, r *web.Router) { o.begin(r, o.prove()); o.confirm(r) },
			again:  func(o *owner) { o.begin(o.routes, o.prove()); o.confirm(o.routes) }, want: []string{"totp"},
		},
		"first phone": {
			run: func(o *owner, r *web.Router) { o.phone(r, 0, "") }, again: func(o *owner) { o.phone(o.routes, 0, "") }, want: []string{"sms"},
		},
		"another phone": {
			before: func(o *owner) { o.enrolApp(); o.phone(o.routes, 0, o.prove()) },
			run:    func(o *owner, r *web.Router) { o.phone(r, 1, o.prove()) },
			again:  func(o *owner) { o.phone(o.routes, 1, o.prove()) }, want: []string{"sms", "totp"},
		},
		"signing in": {
			before: (*owner).enrolApp,
			run: func(o *owner, r *web.Router) {
				o.later(30 * time.Second)
				o.post(r, "/verify", fields{"method": "totp", "code": o.apps[0].code(o.time())})
			},
			again: func(o *owner) { o.prove() }, want: []string{"totp"},
		},
		"first passkey": {
			run: func(o *owner, r *web.Router) { o.enrolToken(r, "") },
			again: func(o *owner) {
				if len(o.kinds()) == 0 {
					o.enrolToken(o.routes, "")
				}
			},
			want: []string{"passkey"},
		},
		"a passkey beside an app": {
			before: (*owner).enrolApp,
			run:    func(o *owner, r *web.Router) { o.enrolToken(r, o.prove()) },
			again:  func(o *owner) { o.enrolToken(o.routes, o.prove()) }, want: []string{"passkey", "totp"},
		},
		"signing in by a passkey": {
			before: func(o *owner) { o.enrolToken(o.routes, "") },
			run: func(o *owner, r *web.Router) {
				if asked, ok := o.post(r, "/passkeys/challenge", fields{})["options"]; ok {
					call(o.t, r, "POST", "/users/"+o.user+"/verify", o.keys[0].sign(o.t, ours, asked))
				}
			},
			again: func(o *owner) { o.touch(o.routes) }, want: []string{"passkey"},
		},
		"a recovery code": {
			before: (*owner).enrolApp,
			run: func(o *owner, r *web.Router) {
				o.post(r, "/verify", fields{"method": "recovery", "code": o.codes[0]})
			},
			again: func(o *owner) { o.prove() }, want: []string{"totp"},
		},
		"failing": {
			before: func(o *owner) {
				o.enrolApp()
				for range 4 {
					o.verify(o.user, "recovery", "0000-0000-0000-0000")
				}
			},
			run: func(o *owner, r *web.Router) {
				o.post(r, "/verify", fields{"method": "recovery", "code": "0000-0000-0000-0000"})
				o.later(time.Hour)
			},
			again: func(o *owner) { o.prove() }, want: []string{"totp"},
		},
		"new codes": {
			before: (*owner).enrolApp,
			run:    func(o *owner, r *web.Router) { o.post(r, "/recovery-codes", fields{"proof": o.prove()}) },
			again:  func(o *owner) { o.post(o.routes, "/recovery-codes", fields{"proof": o.prove()}) }, want: []string{"totp"},
		},
		"removing one of two": {
			before: func(o *owner) { o.enrolApp(); o.phone(o.routes, 0, o.prove()) },
			run: func(o *owner, r *web.Router) {
				call(o.t, r, "DELETE", "/users/"+o.user+"/sms", fields{"proof": o.prove()})
			},
			again: func(o *owner) { o.call("DELETE", "/users/"+o.user+"/sms", fields{"proof": o.prove()}) }, want: []string{"totp"},
		},
		"removing the last": {
			before: (*owner).enrolApp,
			run: func(o *owner, r *web.Router) {
				call(o.t, r, "DELETE", "/users/"+o.user+"/totp", fields{"proof": o.prove()})
			},
			again: func(o *owner) {
				if len(o.factors(o.user)) > 0 {
					o.call("DELETE", "/users/"+o.user+"/totp", fields{"proof": o.prove()})
				}
			},
			want: []string{},
		},
		"reset": {
			before: func(o *owner) { o.enrolApp(); o.phone(o.routes, 0, o.prove()) },
			run:    func(o *owner, r *web.Router) { o.post(r, "/reset", fields{"reason": "lost"}) },
			again:  func(o *owner) { o.post(o.routes, "/reset", fields{"reason": "lost"}) }, want: []string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			calls := 0
			for n := 1; ; n++ {
				reached := false
				for i, after := range []bool{false, true} {
					o := &owner{world: w, user: fmt.Sprintf("u%d-%v", n, after)}
					o.numbers = [2]string{fmt.Sprintf("+160455501%02d", 2*n+i), fmt.Sprintf("+141655501%02d", 2*n+i)}
					w.place("acme", workspace.Workspace{Name: "Acme"}, o.user)
					if step.before != nil {
						step.before(o)
					}
					p, routes := w.dying(n, after)
					step.run(o, routes)
					reached = reached || p.dead
					o.sound()
					step.again(o)
					o.sound()
					if got := slices.Sorted(slices.Values(o.kinds())); !slices.Equal(got, step.want) {
						t.Errorf("killed at call %d and begun again: in force %v, want %v", n, got, step.want)
					}
				}
				if !reached {
					break
				}
				calls = n
			}
			if calls < 3 {
				t.Errorf("killed at %d calls only", calls)
			}
			// Every entry of a user's own has its copy in the workspace.
			own, copies := 0, len(w.told("acme"))
			for n := 1; n <= calls+1; n++ {
				own += len(w.told(fmt.Sprintf("user#u%d-false", n))) + len(w.told(fmt.Sprintf("user#u%d-true", n)))
			}
			if own != copies {
				t.Errorf("%d entries of the users' own, %d copies", own, copies)
			}
			t.Logf("killed at each of %d calls", calls)
		})
	}
}

// enrolApp gives the owner a first app.
func (o *owner) enrolApp() {
	o.begin(o.routes, "")
	o.confirm(o.routes)
}

// phone enrols a phone, as far as it goes.
func (o *owner) phone(routes *web.Router, which int, proof string) {
	number := o.numbers[which]
	o.later(2 * time.Hour) // the limits of sends are tested elsewhere
	if proof != "" {
		proof = o.prove() // the other one has expired
	}
	o.post(routes, "/sms", fields{"email": "o@acme.example", "phone": number, "proof": proof})
	o.post(routes, "/sms/confirm", fields{"code": max(o.texts.code(number), "000000")})
}
