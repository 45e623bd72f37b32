package mfa_test

import (
	"context"
	"errors"
	"sync"
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

func (p *process) GiveBack(ctx context.Context, user string, method mfa.Kind) error {
	return p.do(func() error { return p.behind.Accounts.GiveBack(ctx, user, method) })
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

func (p *process) Enrolment(ctx context.Context, user string, to sms.Number) error {
	return p.do(func() error { return p.behind.Meter.Enrolment(ctx, user, to) })
}

func (p *process) SignIn(ctx context.Context, user string) error {
	return p.do(func() error { return p.behind.Meter.SignIn(ctx, user) })
}

// dying returns the function as a process that dies at its n-th call.
func (w *world) dying(n int, after bool) (*process, *web.Router) {
	p := &process{dieAt: n, after: after, behind: *w.service}
	s := *w.service
	s.Accounts, s.Sealer, s.Places, s.Texts, s.Meter = p, p, p, p, p
	return p, s.Routes()
}
