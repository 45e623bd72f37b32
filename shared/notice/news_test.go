package notice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"safekeep/shared/dynamo"
	"safekeep/shared/hygiene"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/workspace"
)

// sweptAt is the time of a run that is far from today's.
var sweptAt = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

// oweDigest writes the entry of a digest, as the sweep does.
func (o *office) oweDigest(workspace string, detail any) Key {
	o.t.Helper()
	e := ledger.New(workspace, sweptAt, ledger.HygieneDigested, "safekeep", workspace, detail)
	e.Owes = true
	if err := dynamo.Transact(o.t.Context(), o.ledger.Client, o.ledger.Put(e)); err != nil {
		o.t.Fatal(err)
	}
	return Key{workspace, e.Seq}
}

func digestOfOne() hygiene.Digest {
	left := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	return hygiene.Digest{
		Day: "2026-11-22", UnusedDays: 90, FollowUpDays: 7,
		Orphaned: hygiene.List{Count: 1, Tokens: []hygiene.Line{{
			ID: "tok_1", Name: "CI deploy", Hint: "skp_…a1B2", CreatedBy: "eve", CreatedAt: left.AddDate(-1, 0, 0), LeftAt: left,
			LastUsedOn: "2026-07-20", Unused: true, FoundOn: "2026-11-22",
		}}},
		Cleaned: 2, Before: "2026-11-15",
		Kept: hygiene.KeptList{Count: 2, Tokens: []hygiene.KeptLine{
			{ID: "tok_2", Name: "Audit", Hint: "skp_…c3D4", Reason: "once a year", By: "bob", Until: "2027-03-01"},
			{ID: "tok_3", Name: "Backup", Hint: "skp_…e5F6", Reason: "at night", By: "arn:aws:sts::123456789012:assumed-role/backend/i-1", Until: "2027-04-01"},
		}},
	}
}

func TestADigestIsToldOnce(t *testing.T) {
	o := newOffice(t)
	key := o.oweDigest("acme", digestOfOne())
	for range 3 {
		o.settle(key)
	}
	o.schedule()
	o.wants(ann, bob) // cleo is no admin, and dan has no address
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
	text := strings.Join(strings.Fields(o.mail.text[0]), " ")
	for _, want := range []string{
		`API token "CI deploy" may no longer be needed`, "Acme Analytics",
		"by eve, who left on 1 October 2026. Last used on 20 July 2026. Also not used for 90 days or more.",
		"Since the mail of 15 November 2026, 2 have been cleaned up.",
		`Kept until 1 March 2027 by bob@acme.example: "once a year"`, `Kept until 1 April 2027: "at night"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, o.mail.text[0])
		}
	}
}

func TestACreatorIsNamedByAddress(t *testing.T) {
	o := newOffice(t)
	imported := time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	d := hygiene.Digest{Day: "2026-11-22", UnusedDays: 90, FollowUpDays: 7}
	d.Unused = hygiene.List{Count: 1, Tokens: []hygiene.Line{{Name: "old", CreatedBy: "cleo", ImportedAt: imported}}}
	o.settle(o.oweDigest("acme", d))
	if want := "Created by cleo@acme.example.\n  No use since it was imported on 15 June 2026."; !strings.Contains(o.mail.text[0], want) {
		t.Errorf("no %q in\n%s", want, o.mail.text[0])
	}
}

func TestADigestForNobodyIsTheSecurityContacts(t *testing.T) {
	o := newOffice(t)
	o.place("lonely")
	o.settle(o.oweDigest("lonely", digestOfOne()))
	o.wants("security@company.example")
	if !strings.Contains(o.mail.text[0], "security contact of Acme") {
		t.Errorf("the mail does not say why it comes:\n%s", o.mail.text[0])
	}
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
}

func TestADigestOutlastsAnOutage(t *testing.T) {
	o := newOffice(t)
	down := true
	o.mail.fail = func(string, int) error {
		if down {
			return fmt.Errorf("%w: closed", ErrNotSent)
		}
		return nil
	}
	o.settle(o.oweDigest("acme", digestOfOne()))
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

// What cannot be told in these words waits for a release that can.
func TestWhatCannotBeToldStaysOwed(t *testing.T) {
	o := newOffice(t)
	unknown := ledger.New("acme", time.Now(), "token.sang", "safekeep", "tok_1", struct{}{})
	unknown.Owes = true
	if err := dynamo.Transact(t.Context(), o.ledger.Client, o.ledger.Put(unknown)); err != nil {
		t.Fatal(err)
	}
	o.settle(
		Key{"acme", unknown.Seq},
		o.oweDigest("acme", map[string]string{"orphaned": "many"}),
		o.oweDigest("acme", hygiene.Digest{Day: "2026-11-22"}), // nothing found
	)
	o.wants()
	if n := o.owing(); n != 3 {
		t.Errorf("%d debts stand, want 3", n)
	}
}

// How soon people are told is measured of exposures. A digest tells of a
// scheduled time, which may lie anywhere.
func TestMailTimeIsOfExposures(t *testing.T) {
	o := newOffice(t)
	var out bytes.Buffer
	o.courier.Metrics = metrics.NewRecorder(&out, "test")
	count := func() (sent, timed int) {
		for line := range strings.Lines(out.String()) {
			var values map[string]any
			if err := json.Unmarshal([]byte(line), &values); err != nil {
				t.Fatal(err)
			}
			if _, ok := values["MailsSent"]; ok {
				sent++
			}
			if _, ok := values["MailTime"]; ok {
				timed++
			}
		}
		return sent, timed
	}
	o.settle(o.oweDigest("acme", digestOfOne()))
	if sent, timed := count(); sent != 2 || timed != 0 {
		t.Errorf("a digest: %d sent, %d timed, want 2 and 0", sent, timed)
	}
	o.settle(o.owe("acme", "a1B2", "r", 1))
	if sent, timed := count(); sent != 4 || timed != 2 {
		t.Errorf("and an exposure: %d sent, %d timed, want 4 and 2", sent, timed)
	}
}

// Exposures that wait for the rest of their report do not hold a digest.
func TestADigestIsToldBesideAReport(t *testing.T) {
	o := newOffice(t)
	o.member("bob", "", workspace.Admin)
	o.settle(o.owe("acme", "aaaa", "r", 2), o.oweDigest("acme", digestOfOne()))
	o.wants(ann)
	o.settle(o.owe("acme", "bbbb", "r", 2))
	o.schedule()
	o.wants(ann, ann)
	if o.owing() != 0 {
		t.Error("the debt still stands")
	}
}
