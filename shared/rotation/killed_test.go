package rotation_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/envelope"
	"safekeep/shared/ledger"
	"safekeep/shared/rotation"
	"safekeep/shared/snowflake"
	"safekeep/shared/snowflake/snowflaketest"
)

// process stands between a rotator and all that it calls, and dies before or after
// the n-th call: from then on nothing that the rotator does has any effect.
type process struct {
	mu     sync.Mutex
	calls  int
	dieAt  int
	after  bool
	dead   bool
	reader *rotation.Rotator // what it is made of
}

var errKilled = errors.New("killed")

// do makes a call, if the process lives.
func (p *process) do(call func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.calls == p.dieAt && !p.after {
		p.dead = true
	}
	if p.dead {
		return errKilled
	}
	call()
	if p.calls == p.dieAt {
		p.dead = true
		return errKilled
	}
	return nil
}

// through makes a call that returns something.
func through[T any](p *process, call func() (T, error)) (v T, err error) {
	if killed := p.do(func() { v, err = call() }); killed != nil {
		var none T
		return none, killed
	}
	return v, err
}

func (p *process) Get(ctx context.Context, workspace, id string) (credential.Credential, error) {
	return through(p, func() (credential.Credential, error) { return p.reader.Credentials.Get(ctx, workspace, id) })
}

func (p *process) EachKeyPair(ctx context.Context, yield func(credential.Credential) error) error {
	return p.reader.Credentials.EachKeyPair(ctx, yield)
}

func (p *process) OtherKeys(ctx context.Context, c credential.Credential, now time.Time) (map[string]bool, error) {
	return through(p, func() (map[string]bool, error) { return p.reader.Credentials.OtherKeys(ctx, c, now) })
}

func (p *process) Begin(ctx context.Context, c credential.Credential, next credential.Version, at time.Time, actor string) (credential.Credential, error) {
	return through(p, func() (credential.Credential, error) { return p.reader.Credentials.Begin(ctx, c, next, at, actor) })
}

func (p *process) Promote(ctx context.Context, c credential.Credential, tried credential.Connection, overlap time.Duration, actor string) (credential.Credential, error) {
	return through(p, func() (credential.Credential, error) {
		return p.reader.Credentials.Promote(ctx, c, tried, overlap, actor)
	})
}

func (p *process) Advance(ctx context.Context, c credential.Credential, entry ledger.Entry) (credential.Credential, error) {
	return through(p, func() (credential.Credential, error) { return p.reader.Credentials.Advance(ctx, c, entry) })
}

func (p *process) Seal(ctx context.Context, c envelope.Context, text []byte) ([]byte, error) {
	return through(p, func() ([]byte, error) { return p.reader.Vault.Seal(ctx, c, text) })
}

func (p *process) Open(ctx context.Context, c envelope.Context, message []byte) ([]byte, error) {
	return through(p, func() ([]byte, error) { return p.reader.Vault.Open(ctx, c, message) })
}

func (p *process) WhoAmI(ctx context.Context, at snowflake.Place, proof snowflake.Proof) (snowflake.Identity, error) {
	return through(p, func() (snowflake.Identity, error) { return p.reader.Snowflake.WhoAmI(ctx, at, proof) })
}

func (p *process) Run(ctx context.Context, at snowflake.Place, key *rsa.PrivateKey, sql string) (snowflake.Rows, error) {
	return through(p, func() (snowflake.Rows, error) { return p.reader.Snowflake.Run(ctx, at, key, sql) })
}

func (p *process) Take(ctx context.Context, name string, now, until time.Time) (func(context.Context), bool, error) {
	type lease struct {
		release func(context.Context)
		ok      bool
	}
	l, err := through(p, func() (l lease, err error) {
		l.release, l.ok, err = p.reader.Leases.Take(ctx, name, now, until)
		return l, err
	})
	return func(ctx context.Context) { _ = p.do(func() { l.release(ctx) }) }, l.ok, err
}

// killedAt runs a rotator that dies at its n-th call, and returns whether it got
// that far.
func (w *world) killedAt(n int, after bool) bool {
	w.t.Helper()
	p := &process{dieAt: n, after: after, reader: w.rotator}
	r := *w.rotator
	r.Credentials, r.Vault, r.Snowflake, r.Leases = p, p, p, p
	if _, err := r.Handle(w.t.Context(), rotation.Event{Scheduled: w.at}); err != nil {
		w.t.Fatal(err)
	}
	return p.dead
}

// stories are what the ledger may tell of one rotation. Who was killed between
// putting a key in place and saying so finds it there, and cannot know by whom.
var stories = [][]string{
	{"rotation_started", "key_placed", "rotated", "key_retired"},
	{"rotation_started", "rotated", "key_retired"},
}

// The process is killed before and after every call that a rotation makes, in the
// run that switches and in the one that retires. At every moment the key that
// connectors are given signs in; started again, it ends rotated, once.
func TestKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("named %v, after %v", named, after), func(t *testing.T) {
				t.Parallel()
				calls := 0
				for n := 1; ; n++ {
					w := newWorld(t, credential.Policy{RetireSuppliedKey: yes()})
					w.account.SetNamedKeyPairs(named)
					foreign := ""
					if named { // there both slots may be taken
						foreign = print(supplied()[1])
						w.admin(snowflake.SetPublicKey("Loader", snowflake.Slot2, &supplied()[1].PublicKey))
					}
					reached := false
					for _, days := range []time.Duration{90, 1} { // the switch, and the end
						w.at = w.at.Add(days * 24 * time.Hour)
						if w.killedAt(n, after) {
							reached = true
						}
						if err := w.signsIn(); err != nil {
							t.Errorf("killed at call %d: the key in use: %v", n, err)
						}
						w.clock = w.clock.Add(2 * time.Minute) // the dead one's lease is over
						if report := w.run(0); report.Failed+report.Blocked+report.Failing > 0 {
							t.Errorf("killed at call %d and started again: %+v", n, report)
						}
						if err := w.signsIn(); err != nil {
							t.Errorf("killed at call %d and started again: the key in use: %v", n, err)
						}
					}
					c := w.get()
					if c.Current.Number != 2 || c.Rotation.Step != credential.Idle || c.Numbers != 2 {
						t.Errorf("killed at call %d: ends with version %d of %d at step %q", n, c.Current.Number, c.Numbers, c.Rotation.Step)
					}
					if keys := w.account.Keys("Loader"); named && (keys.Slot1 != "" || keys.Slot2 != foreign || len(keys.Named) != 1) || !named && (keys.Slot1 != "" || keys.Slot2 != c.Current.Fingerprint) {
						t.Errorf("killed at call %d: Snowflake has %+v", n, keys)
					}
					if got := w.story(); !slices.Equal(got, stories[0]) && !slices.Equal(got, stories[1]) {
						t.Errorf("killed at call %d: the ledger tells %v", n, got)
					}
					if !reached {
						break
					}
					calls = n
				}
				if calls < 10 {
					t.Errorf("killed at %d calls only", calls)
				}
				t.Logf("killed at each of %d calls", calls)
			})
		}
	}
}

// Snowflake fails from the n-th request on: down, or doing what it is asked and
// losing the answer, or taking no sign-in. When it is back, the rotation ends the
// same way.
func TestSnowflakeFailsAtEveryRequest(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]snowflaketest.Fault{
		"down": {Status: 503}, "lost answers": {LoseAnswer: true}, "no sign-ins": {Code: "390422", Message: "no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				w := newWorld(t, credential.Policy{RetireSuppliedKey: yes()})
				reached := false
				for _, days := range []float64{90, 1} {
					var mu sync.Mutex
					requests := 0
					w.double.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault {
						mu.Lock()
						defer mu.Unlock()
						if requests++; requests >= n {
							reached = true
							return fault
						}
						return snowflaketest.Fault{}
					})
					if report := w.run(days); report.Failed > 0 {
						t.Errorf("request %d: %+v", n, report)
					}
					w.double.SetMisbehave(nil)
					if err := w.signsIn(); err != nil {
						t.Errorf("request %d: the key in use: %v", n, err)
					}
					w.run(0)
				}
				c := w.get()
				if c.Current.Number != 2 || c.Rotation.Step != credential.Idle || c.Rotation.Trouble.State != "" || w.signsIn() != nil {
					t.Errorf("request %d: ends with version %d at %+v", n, c.Current.Number, c.Rotation)
				}
				w.wantKeys("", c.Current.Fingerprint)
				if got := slices.DeleteFunc(w.story(), func(kind string) bool {
					return kind == "rotation_failed" || kind == "rotation_failed*"
				}); len(got) < 3 || got[0] != "rotation_started" || got[len(got)-1] != "key_retired" {
					t.Errorf("request %d: the ledger tells %v", n, w.story())
				}
				if !reached {
					return
				}
			}
		})
	}
}

// Of two rotators at the same moment one works and the other leaves.
func TestTwoRotatorsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, credential.Policy{RetireSuppliedKey: yes()})
	for _, days := range []float64{90, 1} {
		w.at = w.at.Add(time.Duration(days) * 24 * time.Hour)
		done := make([]rotation.Report, 8)
		var all sync.WaitGroup
		for i := range done {
			all.Go(func() {
				var err error
				if done[i], err = w.rotator.Handle(t.Context(), rotation.Event{Scheduled: w.at}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		rotated := 0
		for _, r := range done {
			rotated += r.Done
			if r.Failed+r.Failing+r.Blocked > 0 {
				t.Errorf("%+v", r)
			}
		}
		if want := map[float64]int{90: 1}[days]; rotated != want {
			t.Errorf("%d of 8 rotated, want %d", rotated, want)
		}
	}
	w.wantStory(stories[0]...)
	w.wantKeys("", w.get().Current.Fingerprint)
}

// Two credentials of one user, due on the same day: the second waits for the first,
// and neither takes the other's place.
func TestTwoCredentialsOfOneUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.id
	second := w.keep(w.key)
	w.run(90)
	for range 3 {
		w.run(1)
	}
	var prints []string
	for _, id := range []string{first, second} {
		w.id = id
		if err := w.signsIn(); err != nil {
			t.Errorf("the key in use of %s: %v", id, err)
		}
		prints = append(prints, w.get().Current.Fingerprint)
	}
	keys := w.account.Keys("Loader")
	if keys.Slot1 != print(w.key) || !slices.Contains(prints, keys.Slot2) || prints[0] == prints[1] {
		t.Errorf("in use are %v, and Snowflake has %+v", prints, keys)
	}
}
