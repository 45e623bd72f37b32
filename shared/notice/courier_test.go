package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/dynamo"
	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/ledger"
	"safekeep/shared/letter"
	"safekeep/shared/token"
	"safekeep/shared/workspace"
)

// postOffice takes mails, or fails in the way it is told to.
type postOffice struct {
	mu   sync.Mutex
	sent []string // "address: subject"
	text []string
	fail func(to string, n int) error // n counts all calls from 1
	n    int
}

func (p *postOffice) Send(_ context.Context, to string, mail letter.Mail) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	if p.fail != nil {
		if err := p.fail(to, p.n); err != nil {
			return err
		}
	}
	p.sent = append(p.sent, to)
	p.text = append(p.text, mail.Text)
	return nil
}

func (p *postOffice) addresses() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(slices.Values(p.sent))
}

type office struct {
	t       *testing.T
	courier *Courier
	ledger  *ledger.Store
	places  *workspace.Store
	mail    *postOffice
	ahead   time.Duration
}

func newOffice(t *testing.T) *office {
	t.Helper()
	client := dynamotest.New(t)
	story := &ledger.Store{Client: client, Table: dynamotest.Ledger}
	o := &office{
		t: t, ledger: story, mail: &postOffice{},
		places: &workspace.Store{Client: client, Table: dynamotest.Workspaces, Ledger: story},
	}
	o.courier = &Courier{
		Debts: &LedgerDebts{Client: client, Ledger: dynamotest.Ledger, Ephemera: dynamotest.Ephemera}, Rosters: o.places, Sender: o.mail,
		Brand: letter.Brand{Product: "Acme", From: "security@acme.example"}, Fallback: "security@company.example",
		Now: func() time.Time { return time.Now().Add(o.ahead) },
	}
	o.place("acme")
	o.member("ann", "ann@acme.example", workspace.Owner)
	o.member("bob", "bob@acme.example", workspace.Admin)
	o.member("cleo", "cleo@acme.example", workspace.Plain)
	o.member("dan", "", workspace.Admin)
	return o
}

func (o *office) place(id string) {
	o.t.Helper()
	if _, err := o.places.Put(o.t.Context(), workspace.Workspace{ID: id, Name: "Acme Analytics", AutoRevoke: true}, "test", time.Now()); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) member(user, email string, role workspace.Role) {
	o.t.Helper()
	m := workspace.Member{Workspace: "acme", User: user, Email: email, Role: role}
	if _, err := o.places.PutMember(o.t.Context(), m, "test", time.Now()); err != nil {
		o.t.Fatal(err)
	}
}

// owe writes an entry that owes a mail, as one of size exposures of a report.
func (o *office) owe(workspace, name, report string, size int) Key {
	o.t.Helper()
	e := ledger.New(workspace, time.Now(), ledger.TokenExposed, "github", "tok_"+name, token.ExposedDetail{
		Name: name, Hint: "skp_…" + name, CreatedBy: "ann", CreatedAt: time.Now(), Host: "github", Outcome: token.OutcomeRevoked,
	})
	e.Owes, e.Report, e.ReportSize = true, report, size
	if err := dynamo.Transact(o.t.Context(), o.ledger.Client, o.ledger.Put(e)); err != nil {
		o.t.Fatal(err)
	}
	return Key{workspace, e.Seq}
}

func (o *office) settle(keys ...Key) {
	o.t.Helper()
	if err := o.courier.settleAll(o.t.Context(), keys); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) schedule() {
	o.t.Helper()
	if err := o.courier.Handle(o.t.Context(), json.RawMessage(`{"scheduled":"2026-11-22T12:00:00Z"}`)); err != nil {
		o.t.Fatal(err)
	}
}

// wearOut runs the schedule until an address that is refused is given up.
func (o *office) wearOut() {
	o.t.Helper()
	for range maxRefusals {
		o.ahead += time.Hour
		o.schedule()
	}
}

func (o *office) owing() (n int) {
	o.t.Helper()
	if err := o.courier.Debts.Owing(o.t.Context(), func(Key) bool { n++; return true }); err != nil {
		o.t.Fatal(err)
	}
	return n
}

func (o *office) wants(addresses ...string) {
	o.t.Helper()
	if diff := cmp.Diff(addresses, o.mail.addresses()); diff != "" {
		o.t.Errorf("mails:\n%s", diff)
	}
}

const ann, bob = "ann@acme.example", "bob@acme.example"

func TestOwnersAndAdminsAreToldOnce(t *testing.T) {
	o := newOffice(t)
	key := o.owe("acme", "a1B2", "r", 1)
	for range 3 { // the stream may hand a batch over again
		o.settle(key)
	}
	o.schedule()
	o.wants(ann, bob)
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
}

func TestNobodyToTellIsTheSecurityContacts(t *testing.T) {
	o := newOffice(t)
	o.place("lonely")
	o.settle(o.owe("lonely", "a1B2", "r", 1), o.owe("never-put", "c3D4", "r", 1))
	o.wants("security@company.example", "security@company.example")
	if o.owing() != 0 {
		t.Error("a debt still stands")
	}
}

func TestUnreachableAdminsAreTheSecurityContacts(t *testing.T) {
	o := newOffice(t)
	o.mail.fail = func(to string, _ int) error {
		if to == ann || to == bob {
			return ErrRefused
		}
		return nil
	}
	o.settle(o.owe("acme", "a1B2", "r", 1))
	o.wants("security@company.example")
	o.wearOut()
	o.wants("security@company.example")
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
}

func TestOneUnreachableAdminDoesNotHoldTheOthers(t *testing.T) {
	o := newOffice(t)
	o.mail.fail = func(to string, _ int) error {
		if to == ann {
			return ErrRefused
		}
		return nil
	}
	o.settle(o.owe("acme", "a1B2", "r", 1))
	o.wants(bob)
	o.wearOut()
	o.wants(bob)
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
}

func TestAnOutageHealsItself(t *testing.T) {
	o := newOffice(t)
	down := true
	o.mail.fail = func(string, int) error {
		if down {
			return fmt.Errorf("%w: closed", ErrNotSent)
		}
		return nil
	}
	o.settle(o.owe("acme", "a1B2", "r", 1))
	o.schedule()
	o.wants()
	down = false
	o.schedule()
	o.schedule()
	o.wants(ann, bob)
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
}

// When SES calls every address bad, the fault is likely ours. Once it is mended,
// everybody is told.
func TestAFaultOfOursLosesNoMail(t *testing.T) {
	o := newOffice(t)
	o.mail.fail = func(string, int) error { return ErrRefused }
	o.settle(o.owe("acme", "a1B2", "r", 1))
	for range 5 {
		o.ahead += time.Hour
		o.schedule()
	}
	o.wants()
	o.mail.fail = nil
	o.ahead += time.Hour
	o.schedule()
	o.wants(ann, bob)
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
}

// Answers that are lost for hours do not flood anybody.
func TestLostAnswersComeEverMoreSeldom(t *testing.T) {
	o := newOffice(t)
	o.mail.fail = func(string, int) error { return errors.New("connection reset") }
	o.owe("acme", "a1B2", "r", 1)
	for range 4 * 12 {
		o.ahead += 5 * time.Minute
		o.schedule()
	}
	if o.mail.n > 2*12 {
		t.Errorf("%d tries in four hours, for two admins", o.mail.n)
	}
}

// A mail whose answer was lost counts as in flight until its claim has ended.
func TestALostAnswerMayRepeatTheOneMail(t *testing.T) {
	o := newOffice(t)
	lost := false
	o.mail.fail = func(to string, _ int) error {
		if to == ann && !lost {
			lost = true
			o.mail.sent = append(o.mail.sent, to)
			return errors.New("connection reset")
		}
		return nil
	}
	o.settle(o.owe("acme", "a1B2", "r", 1))
	o.schedule()
	o.wants(ann, bob)
	o.ahead = defaultLease + time.Second
	o.schedule()
	o.wants(ann, ann, bob)
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
}

func TestGivenUpAfterManyRefusals(t *testing.T) {
	o := newOffice(t)
	o.mail.fail = func(to string, _ int) error {
		if to != bob {
			return nil
		}
		return ErrNotSent
	}
	o.owe("acme", "a1B2", "r", 1)
	for range maxAttempts + 1 {
		o.schedule()
		o.ahead += time.Hour
	}
	o.wants(ann)
	if o.owing() != 0 || o.mail.n != 1+maxAttempts {
		t.Errorf("%d debts after %d sends", o.owing(), o.mail.n)
	}
}

func TestOneReportIsOneMail(t *testing.T) {
	o := newOffice(t)
	first := []Key{o.owe("acme", "aaaa", "r", 3), o.owe("acme", "bbbb", "r", 3)}
	other := o.owe("acme", "zzzz", "another", 1)
	o.settle(append(first, other)...)
	o.wants(ann, bob) // only the other report's: the third token is still to come
	o.settle(o.owe("acme", "cccc", "r", 3))
	o.schedule()
	o.wants(ann, ann, bob, bob)
	together := func(text string) bool {
		return strings.Contains(text, "aaaa") && strings.Contains(text, "bbbb") && strings.Contains(text, "cccc")
	}
	if n := len(slices.DeleteFunc(slices.Clone(o.mail.text), func(text string) bool { return !together(text) })); n != 2 {
		t.Errorf("%d mails name all three tokens, want 2", n)
	}
	if o.owing() != 0 {
		t.Error("a debt still stands")
	}
}

// What never becomes complete, because its writer died, is told after a while.
func TestAnIncompleteReportIsToldAfterTheGrace(t *testing.T) {
	o := newOffice(t)
	o.settle(o.owe("acme", "aaaa", "r", 3), o.owe("acme", "bbbb", "r", 3))
	o.wants()
	o.ahead = groupGrace + time.Second
	o.schedule()
	o.wants(ann, bob)
	// The late one is told alone.
	o.settle(o.owe("acme", "cccc", "r", 3))
	o.wants(ann, ann, bob, bob)
	if o.owing() != 0 {
		t.Error("a debt still stands")
	}
}

func TestManyCouriersAtOnce(t *testing.T) {
	o := newOffice(t)
	var keys []Key
	for i := range 20 {
		keys = append(keys, o.owe("acme", fmt.Sprintf("n%03d", i), "big", 20))
	}
	single := o.owe("acme", "solo", "small", 1)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := o.courier.settleAll(context.Background(), append(slices.Clone(keys), single)); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := o.courier.Handle(context.Background(), json.RawMessage(`{"scheduled":"2026-11-22T12:00:00Z"}`)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	o.schedule()
	o.wants(ann, ann, bob, bob)
	// The same report, delivered again, exposes more: told too, and once.
	for i := range 5 {
		key := o.owe("acme", fmt.Sprintf("m%03d", i), "big", 5)
		wg.Go(func() {
			if err := o.courier.settleAll(context.Background(), append(slices.Clone(keys), key)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	o.schedule()
	o.wants(ann, ann, ann, bob, bob, bob)
	if o.owing() != 0 {
		t.Error("a debt still stands")
	}
}

func TestHandleRefusesWhatItDoesNotKnow(t *testing.T) {
	o := newOffice(t)
	for _, event := range []string{`{}`, `[]`, `null`, `{"Records":7}`, `{"scheduled":"noon"}`} {
		if err := o.courier.Handle(t.Context(), json.RawMessage(event)); err == nil {
			t.Errorf("%s: no error", event)
		}
	}
	if err := o.courier.Handle(t.Context(), json.RawMessage(`{"Records":[{},{"dynamodb":{"Keys":{"workspace":{"S":"acme"},"seq":{"S":"none"}}}}]}`)); err != nil {
		t.Errorf("records of entries that are gone: %v", err)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"scheduled":"2026-11-22T12:00:00Z"}`))
	f.Add([]byte(`{"Records":[{"eventName":"INSERT","dynamodb":{"Keys":{"workspace":{"S":"acme"},"seq":{"S":"01"}}}}]}`))
	f.Add([]byte(`{"Records":[{"dynamodb":{"Keys":{"workspace":{"N":"1"},"seq":null}}}]}`))
	f.Fuzz(func(_ *testing.T, payload []byte) {
		c := &Courier{Debts: noDebts{}, Now: time.Now}
		_ = c.Handle(context.Background(), payload) // must not panic
	})
}

// noDebts is a ledger in which nothing is owed.
type noDebts struct{ Debts }

func (noDebts) Entries(context.Context, []Key) ([]Debt, error) { return nil, nil }
func (noDebts) Owing(context.Context, func(Key) bool) error    { return nil }
