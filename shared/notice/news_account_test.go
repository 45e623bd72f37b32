package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/identity"
	"safekeep/shared/ledger"
	"safekeep/shared/letter"
	"safekeep/shared/metrics"
)

const accountsTable = "Accounts"

// annPrivate is where ann gets the mail about her account, which is not where her
// workspace writes to her.
const annPrivate = "ann@home.example"

// newAccountOffice is an office with the Accounts table, in which ann has a profile.
func newAccountOffice(t *testing.T) (*office, *bytes.Buffer) {
	t.Helper()
	o := newOffice(t)
	client := o.ledger.Client
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(accountsTable), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("user"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("item"), KeyType: types.KeyTypeRange}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("user"), AttributeType: types.ScalarAttributeTypeS}, {AttributeName: aws.String("item"), AttributeType: types.ScalarAttributeTypeS}},
	})
	var exists *types.ResourceInUseException // where the templates have the table
	if err != nil && !errors.As(err, &exists) {
		t.Fatal(err)
	}
	o.courier.Profiles = &AccountProfiles{Client: client, Table: accountsTable}
	measured := &bytes.Buffer{}
	o.courier.Metrics = metrics.NewRecorder(measured, "test")
	o.account("ann", "profile", dynamo.Item{"email": dynamo.S(annPrivate)})
	return o, measured
}

// account puts an item of a user's account.
func (o *office) account(user, item string, attributes dynamo.Item) {
	o.t.Helper()
	attributes["user"], attributes["item"] = dynamo.S(user), dynamo.S(item)
	if _, err := o.ledger.Client.PutItem(o.t.Context(), &dynamodb.PutItemInput{TableName: aws.String(accountsTable), Item: attributes}); err != nil {
		o.t.Fatal(err)
	}
}

// forget deletes a user's profile.
func (o *office) forget(user string) {
	o.t.Helper()
	key := dynamo.Item{"user": dynamo.S(user), "item": dynamo.S("profile")}
	if _, err := o.ledger.Client.DeleteItem(o.t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(accountsTable), Key: key}); err != nil {
		o.t.Fatal(err)
	}
}

// enter writes an entry about an account, under any partition.
func (o *office) enter(partition string, kind ledger.Kind, actor, detail string, owes bool) Key {
	o.t.Helper()
	e := ledger.New(partition, time.Now(), kind, actor, "ann", json.RawMessage(detail))
	e.Owes = owes
	if err := dynamo.Transact(o.t.Context(), o.ledger.Client, o.ledger.Put(e)); err != nil {
		o.t.Fatal(err)
	}
	return Key{partition, e.Seq}
}

// reset is a short entry that owes.
func (o *office) reset(user string) Key {
	o.t.Helper()
	return o.enter("user#"+user, ledger.MFAReset, "support-7", `{"factors":["totp"],"reason":"lost"}`, true)
}

// counted is how often a metric was written.
func counted(measured *bytes.Buffer, name string) int {
	return strings.Count(measured.String(), `"Name":"`+name+`"`)
}

// The details are written here as they are agreed upon with the room that writes
// them, and the mails hold what is in them.
func TestAUserIsToldAboutTheirAccount(t *testing.T) {
	for kind, tt := range map[ledger.Kind]struct {
		actor, detail string
		want          []string
	}{
		ledger.MFAEnrolled:          {"ann", `{"factor":"sms","hint":"+1 … 42","first":true,"recovery_codes":10}`, []string{"10 recovery codes were made", "A phone number was added to your account at Acme", "now takes a second step", "Number +1 … 42"}},
		ledger.MFARemoved:           {"arn:aws:sts::123456789012:assumed-role/backend/i-1", `{"factor":"passkey","hint":"MacBook"}`, []string{"A passkey was removed from your account at Acme", "Name MacBook"}},
		ledger.MFAPhoneChanged:      {"ann", `{"hint":"+1 … 42","old_hint":"+1 … 17"}`, []string{"New number +1 … 42", "Old number +1 … 17"}},
		ledger.MFARecoveryCodesMade: {"bob", `{"count":10}`, []string{"There are 10 of them", "Done by bob"}},
		ledger.MFARecoveryCodeUsed:  {"ann", `{"left":2}`, []string{"A recovery code was used for your account at Acme: 2 are left"}},
		ledger.MFAReset:             {"support-7", `{"factors":["totp","sms"],"reason":"lost phone"}`, []string{"an authenticator app and a phone number", "Done by support-7", `Reason "lost phone"`}},
		ledger.MFAFailing: {"safekeep", `{"failures":5,"replays":1,"minutes":15,"methods":["totp"],"first_at":"2026-11-22T03:12:45.123Z","last_at":"2026-11-22T03:21:07Z","ip":"203.0.113.7","user_agent":"curl/8.5.0"}`,
			[]string{"Somebody may have your password for Acme", "5 times within 15 minutes", "Once it was with a code that had been used before", "code from an authenticator app", "22 November 2026, 03:12:45 UTC", "22 November 2026, 03:21:07 UTC", "203.0.113.7", `"curl/8.5.0"`}},
	} {
		t.Run(string(kind), func(t *testing.T) {
			o, measured := newAccountOffice(t)
			key := o.enter("user#ann", kind, tt.actor, tt.detail, true)
			shown := o.enter("acme", kind, tt.actor, tt.detail, false) // for the admins to read, not to be mailed
			for range 3 {                                              // the stream may hand a batch over again
				o.settle(key, shown)
			}
			o.schedule()
			o.wants(annPrivate)
			if o.owing() != 0 {
				t.Error("the debt still stands")
			}
			if counted(measured, "MailsSent") != 1 || counted(measured, "MailTime") != 1 || counted(measured, "MfaMailless") != 0 {
				t.Errorf("measured: %s", measured)
			}
			text := strings.Join(strings.Fields(o.mail.text[0]), " ")
			for _, want := range append(tt.want, "because it is about your account at Acme", "Account "+annPrivate) {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, o.mail.text[0])
				}
			}
			for _, bad := range []string{"arn:", "Done by ann", "Done by safekeep", "workspace \"", "security contact"} {
				if strings.Contains(text, bad) {
					t.Errorf("%q in\n%s", bad, o.mail.text[0])
				}
			}
		})
	}
}

func TestEventsOfAUserAreSeparateMails(t *testing.T) {
	o, _ := newAccountOffice(t)
	o.account("eve", "profile", dynamo.Item{"email": dynamo.S("eve@home.example")})
	o.settle(o.reset("ann"), o.reset("ann"), o.reset("ann"), o.reset("eve"), o.owe("acme", "a1B2", "r", 1))
	o.wants(ann, annPrivate, annPrivate, annPrivate, bob, "eve@home.example")
	if o.owing() != 0 {
		t.Error("a debt still stands")
	}
}

func TestManyCouriersAtOneAccount(t *testing.T) {
	o, measured := newAccountOffice(t)
	keys := []Key{o.reset("ann"), o.reset("ann"), o.reset("lone")}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := o.courier.settleAll(context.Background(), keys); err != nil {
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
	o.wants(annPrivate, annPrivate)
	if n := counted(measured, "MfaMailless"); n != 1 || o.owing() != 0 {
		t.Errorf("%d without an address, %d debts stand", n, o.owing())
	}
}

// A user without an address is told nothing, and nobody is told in their stead.
func TestNobodyStandsInForAUser(t *testing.T) {
	for name, profile := range map[string]dynamo.Item{
		"no profile": nil, "no address": {"version": dynamo.N(1)}, "an empty address": {"email": dynamo.S("")}, "no text": {"email": dynamo.N(7)},
	} {
		t.Run(name, func(t *testing.T) {
			o, measured := newAccountOffice(t)
			var said bytes.Buffer
			defer slog.SetDefault(slog.Default())
			slog.SetDefault(slog.New(slog.NewJSONHandler(&said, nil)))
			o.account("lone", "factor#totp", dynamo.Item{"email": dynamo.S("wrong@item.example")})
			if profile != nil {
				o.account("lone", "profile", profile)
			}
			// cleo, who is in a workspace with an address, has none for her account.
			o.settle(o.reset("lone"), o.reset("cleo"))
			o.schedule()
			o.wants()
			if n := counted(measured, "MfaMailless"); n != 2 || counted(measured, "MailUndeliverable") != 0 || o.owing() != 0 {
				t.Errorf("%d without an address, %d debts stand: %s", n, o.owing(), measured)
			}
			if line := said.String(); strings.Count(line, "no address to mail to") != 2 || !strings.Contains(line, `"user#lone"`) || strings.Contains(line, "@") {
				t.Errorf("the log says: %s", line)
			}
		})
	}
}

func TestAnUnreachableUserIsGivenUp(t *testing.T) {
	o, measured := newAccountOffice(t)
	o.mail.fail = func(string, int) error { return ErrRefused }
	o.settle(o.reset("ann"))
	o.schedule()
	o.mail.fail = func(to string, _ int) error {
		if to == annPrivate {
			return ErrRefused
		}
		return nil
	}
	o.wearOut()
	o.wants()
	if o.owing() != 0 || o.mail.n != maxRefusals || counted(measured, "MailUndeliverable") != 1 {
		t.Errorf("%d debts after %d sends: %s", o.owing(), o.mail.n, measured)
	}
}

// An address that is mended in time gets the mail.
func TestAnAddressIsReadAnew(t *testing.T) {
	o, _ := newAccountOffice(t)
	o.mail.fail = func(to string, _ int) error {
		if to == annPrivate {
			return ErrRefused
		}
		return nil
	}
	o.settle(o.reset("ann"))
	o.account("ann", "profile", dynamo.Item{"email": dynamo.S("ann@new.example")})
	o.schedule()
	o.schedule()
	o.wants("ann@new.example")
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
}

func TestAnAccountsMailOutlastsAnOutage(t *testing.T) {
	o, _ := newAccountOffice(t)
	down := true
	o.mail.fail = func(string, int) error {
		if down {
			return fmt.Errorf("%w: closed", ErrNotSent)
		}
		return nil
	}
	o.settle(o.reset("ann"))
	o.schedule()
	o.wants()
	down = false
	o.schedule()
	o.schedule()
	o.wants(annPrivate)
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
}

// A mail that may be on its way holds the debt, whatever becomes of the address.
func TestAMailInFlightIsNotWrittenOff(t *testing.T) {
	o, measured := newAccountOffice(t)
	o.mail.fail = func(string, int) error { return errors.New("connection reset") }
	o.settle(o.reset("ann"))
	o.forget("ann")
	o.schedule()
	if n := counted(measured, "MfaMailless"); n != 0 || o.owing() != 1 {
		t.Fatalf("%d without an address, %d debts stand, while a mail is in flight", n, o.owing())
	}
	o.ahead = defaultLease + time.Second
	o.schedule()
	o.schedule()
	if n := counted(measured, "MfaMailless"); n != 1 || o.owing() != 0 {
		t.Errorf("%d without an address, %d debts stand", n, o.owing())
	}
}

// brokenClear is a ledger whose debts cannot be cleared as long as it is broken, as
// if the courier died just before.
type brokenClear struct {
	Debts
	broken bool
}

func (b *brokenClear) Clear(ctx context.Context, at slip, entries []Debt) error {
	if b.broken {
		return errors.New("the courier died")
	}
	return b.Debts.Clear(ctx, at, entries)
}

// What was done before a courier died is not done again by the next.
func TestACourierMayDieBeforeItClears(t *testing.T) {
	o, measured := newAccountOffice(t)
	debts := &brokenClear{o.courier.Debts, true}
	o.courier.Debts = debts
	if o.courier.settleAll(t.Context(), []Key{o.reset("ann"), o.reset("lone")}) == nil {
		t.Fatal("no error")
	}
	o.forget("ann") // she was told: nothing is left to write off
	debts.broken = false
	o.schedule()
	o.wants(annPrivate)
	if n := counted(measured, "MfaMailless"); n != 1 || o.owing() != 0 {
		t.Errorf("%d without an address, %d debts stand", n, o.owing())
	}
}

// unreadable is an Accounts table that does not answer.
type unreadable struct{}

func (unreadable) Profile(context.Context, string) (Profile, error) {
	return Profile{}, errors.New("throttled")
}

func TestAnUnreadableProfileIsNoMissingOne(t *testing.T) {
	o, measured := newAccountOffice(t)
	profiles := o.courier.Profiles
	o.courier.Profiles = unreadable{}
	key := o.reset("ann")
	if o.courier.settleAll(t.Context(), []Key{key}) == nil {
		t.Error("no error")
	}
	if o.owing() != 1 || counted(measured, "MfaMailless") != 0 {
		t.Error("the debt was written off")
	}
	o.courier.Profiles = profiles
	o.schedule()
	o.wants(annPrivate)
}

// Whoever moves the mail of an account elsewhere is told of at the address that it
// went to before: for seven days, of everything, once.
func TestAFormerAddressIsToldForAWhile(t *testing.T) {
	for name, tt := range map[string]struct {
		before string
		ago    time.Duration
		want   []string
	}{
		"yesterday":        {"old@home.example", 24 * time.Hour, []string{annPrivate, "old@home.example"}},
		"almost a week":    {"old@home.example", 7*24*time.Hour - time.Minute, []string{annPrivate, "old@home.example"}},
		"a week ago":       {"old@home.example", 7 * 24 * time.Hour, []string{annPrivate}},
		"there and back":   {annPrivate, time.Hour, []string{annPrivate}},
		"never":            {"", 0, []string{annPrivate}},
		"it has no moment": {"old@home.example", 100_000 * time.Hour, []string{annPrivate}},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := newAccountOffice(t)
			profile := dynamo.Item{"email": dynamo.S(annPrivate)}
			if tt.before != "" {
				profile["email_before"], profile["email_since"] = dynamo.S(tt.before), dynamo.Time(o.courier.Now().Add(-tt.ago))
			}
			o.account("ann", "profile", profile)
			key := o.reset("ann")
			for range 3 {
				o.settle(key)
			}
			o.wants(tt.want...)
			if o.owing() != 0 {
				t.Error("the debt still stands")
			}
		})
	}
}

// What is about an account never reaches the admins of a workspace, nor is a user
// told of anything else, whoever may have made such entries.
func TestAccountsAndWorkspacesAreNotMixedUp(t *testing.T) {
	o, _ := newAccountOffice(t)
	o.settle(
		o.enter("acme", ledger.MFAReset, "support-7", `{"factors":["totp"]}`, true),
		o.owe("user#ann", "a1B2", "r", 1),
		o.owe("user#ann", "c3D4", "q", 2),
		o.enter("user#ann", ledger.MFAFailing, "safekeep", `{"failures":"many"}`, true),
		o.enter("user#ann", "mfa.sang", "safekeep", `{}`, true),
	)
	o.wants()
	if n := o.owing(); n != 5 {
		t.Errorf("%d debts stand, want 5: they wait for a release that can tell them", n)
	}
}

// A '#' is in no id that the company may bring, so no workspace is taken for an
// account, and no account for a workspace.
func TestAccountsAreNoWorkspaces(t *testing.T) {
	for _, id := range []string{"ann", "auth0|5f7c", "ann@acme.example", "user", "user:ann", strings.Repeat("x", identity.MaxLength), "~"} {
		if identity.Check("workspace", id) != nil || identity.Check("user", id) != nil {
			t.Fatalf("%q is no id", id)
		}
		if identity.Check("workspace", accountPrefix+id) == nil {
			t.Errorf("a workspace may be called %q", accountPrefix+id)
		}
		if user, ok := accountOf(accountPrefix + id); !ok || user != id {
			t.Errorf("%q is the account of %q", accountPrefix+id, user)
		}
		if user, ok := accountOf(id); ok {
			t.Errorf("the workspace %q is the account of %q", id, user)
		}
	}
	// A partition without a user is still nobody else's.
	o, measured := newAccountOffice(t)
	o.settle(o.reset(""))
	o.wants()
	if counted(measured, "MfaMailless") != 1 || o.owing() != 0 {
		t.Errorf("%d debts stand: %s", o.owing(), measured)
	}
}

func FuzzAccountDetail(f *testing.F) {
	f.Add("mfa.failing", "safekeep", `{"failures":5,"first_at":"2026-11-22T03:12:45Z","methods":["totp"],"ip":"::1%x","user_agent":"a\r\nb"}`)
	f.Add("mfa.reset", "arn:aws:iam::1:role/x", `{"factors":[null,""],"reason":"https://evil.example"}`)
	f.Add("mfa.recovery_code_used", "", `{"left":-1}`)
	f.Add("token.exposed", "u", `[]`)
	f.Fuzz(func(t *testing.T, kind, actor, detail string) {
		c := &Courier{Brand: letter.Brand{From: "security@acme.example"}}
		e := Debt{Entry: ledger.Entry{Workspace: "user#u", Kind: ledger.Kind(kind), Actor: actor, Detail: json.RawMessage(detail)}}
		news, err := c.newsOf([]Debt{e}, audience{user: &letter.Recipient{User: "u", Email: "u@acme.example"}})
		if err != nil {
			return
		}
		mail, err := news.write(letter.Recipient{User: "u", Email: "u@acme.example"})
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if !strings.Contains(mail.Text, "about your account") || strings.HasPrefix(actor, "arn:") && strings.Contains(mail.Text, "Done by") && !strings.Contains(detail, "Done by") {
			t.Errorf("the mail is\n%s", mail.Text)
		}
	})
}
