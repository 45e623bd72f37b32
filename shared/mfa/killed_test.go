package mfa_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"safekeep/shared/ledger"
	"safekeep/shared/mfa"
	"safekeep/shared/sms"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

// process stands between the service and all that it calls, and dies before or
// after the n-th call: from then on nothing that it does has any effect.
type process struct {
	mu     sync.Mutex
	calls  int
	dieAt  int
	after  bool
	dead   bool
	behind mfa.Service
}

var errKilled = errors.New("killed")

// through makes a call, if the process lives.
func through[T any](p *process, call func() (T, error)) (v T, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var none T
	p.calls++
	if p.calls == p.dieAt && !p.after {
		p.dead = true
	}
	if p.dead {
		return none, errKilled
	}
	v, err = call()
	if p.calls == p.dieAt {
		p.dead = true
		return none, errKilled
	}
	return v, err
}

func (p *process) do(call func() error) error {
	_, err := through(p, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

func (p *process) Account(ctx context.Context, user string) (mfa.Account, error) {
	return through(p, func() (mfa.Account, error) { return p.behind.Accounts.Account(ctx, user) })
}

func (p *process) Write(ctx context.Context, before, after mfa.Account, entries ...ledger.Entry) error {
	return p.do(func() error { return p.behind.Accounts.Write(ctx, before, after, entries...) })
}

func (p *process) Reserve(ctx context.Context, user string, r mfa.Reservation) error {
	return p.do(func() error { return p.behind.Accounts.Reserve(ctx, user, r) })
}

func (p *process) GiveBack(ctx context.Context, user string) error {
	return p.do(func() error { return p.behind.Accounts.GiveBack(ctx, user) })
}

func (p *process) Spend(ctx context.Context, user, item string, pending mfa.Pending, most int) error {
	return p.do(func() error { return p.behind.Accounts.Spend(ctx, user, item, pending, most) })
}

func (p *process) Settle(ctx context.Context, a mfa.Account, s mfa.Settlement, entries ...ledger.Entry) error {
	return p.do(func() error { return p.behind.Accounts.Settle(ctx, a, s, entries...) })
}

func (p *process) Challenge(ctx context.Context, user string, pending mfa.Pending) error {
	return p.do(func() error { return p.behind.Accounts.Challenge(ctx, user, pending) })
}

func (p *process) Watch(ctx context.Context, user string, w mfa.Watch, purgeAt time.Time, entries ...ledger.Entry) error {
	return p.do(func() error { return p.behind.Accounts.Watch(ctx, user, w, purgeAt, entries...) })
}

func (p *process) Seal(ctx context.Context, user string, purpose mfa.Kind, text []byte) ([]byte, error) {
	return through(p, func() ([]byte, error) { return p.behind.Sealer.Seal(ctx, user, purpose, text) })
}

func (p *process) Open(ctx context.Context, user string, purpose mfa.Kind, sealed []byte) ([]byte, error) {
	return through(p, func() ([]byte, error) { return p.behind.Sealer.Open(ctx, user, purpose, sealed) })
}

func (p *process) OfUser(ctx context.Context, user string) ([]workspace.Workspace, error) {
	return through(p, func() ([]workspace.Workspace, error) { return p.behind.Places.OfUser(ctx, user) })
}

func (p *process) Kinds(ctx context.Context, users []string) (map[string][]mfa.Kind, error) {
	return through(p, func() (map[string][]mfa.Kind, error) { return p.behind.Accounts.Kinds(ctx, users) })
}

func (p *process) CheckWorkspace(ctx context.Context, id string) error {
	return p.do(func() error { return p.behind.Places.CheckWorkspace(ctx, id) })
}

func (p *process) Everybody(ctx context.Context, id string, yield func([]workspace.Member)) error {
	return p.do(func() error { return p.behind.Places.Everybody(ctx, id, yield) })
}

func (p *process) Name() string { return p.behind.Texts.Name() }

func (p *process) Start(ctx context.Context, user string, to sms.Number) (string, error) {
	return through(p, func() (string, error) { return p.behind.Texts.Start(ctx, user, to) })
}

func (p *process) Check(ctx context.Context, user string, to sms.Number, state, code string) (bool, error) {
	return through(p, func() (bool, error) { return p.behind.Texts.Check(ctx, user, to, state, code) })
}

// meter is apart because its method has the name of another.
type meter struct{ *process }

func (m meter) Reserve(ctx context.Context, user string, to sms.Number) error {
	return m.do(func() error { return m.behind.Meter.Reserve(ctx, user, to) })
}

// dying returns the function as a process that dies at its n-th call.
func (w *world) dying(n int, after bool) (*process, *web.Router) {
	p := &process{dieAt: n, after: after, behind: *w.service}
	s := *w.service
	s.Accounts, s.Sealer, s.Places, s.Texts, s.Meter = p, p, p, p, meter{p}
	return p, s.Routes()
}

// owner is a person with what they hold.
type owner struct {
	*world
	user    string
	numbers [2]string // of the phones that they have
	apps    []app
	codes   []string
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

// sound says what is wrong with an account as whoever signs in finds it.
func (o *owner) sound() {
	o.t.Helper()
	view, ids := o.view(o.user), o.factors(o.user)
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
					if got := o.factors(o.user); !slices.Equal(got, step.want) && !slices.Equal(slices.Sorted(slices.Values(got)), step.want) {
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
