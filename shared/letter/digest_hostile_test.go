package letter

import (
	"strings"
	"testing"
	"time"
)

func checkDigest(t *testing.T, m Mail) {
	t.Helper()
	checkLetter(t, m, "\nWHAT YOU CAN DO\n", "\nWHAT HAPPENS NEXT\n", "\nWHY YOU GET THIS MAIL\n")
}

// fullOf is a digest with the given string wherever somebody else chose one.
func fullOf(s string, lines int) Digest {
	at := time.Date(2026, 6, 15, 8, 0, 0, 0, time.UTC)
	f := Finding{
		Name: s, Hint: s, CreatedBy: s, CreatorEmail: s, CreatedAt: at, LeftAt: at, LastUsedOn: s,
		ImportedAt: at, Unused: true, Reminder: true, FoundOn: s,
	}
	d := Digest{Day: s, Before: s, Cleaned: 1, UnusedDays: 90, FollowUpDays: 7}
	for range lines {
		d.Orphaned.Tokens = append(d.Orphaned.Tokens, f)
		d.Kept.Tokens = append(d.Kept.Tokens, Keep{Name: s, Hint: s, Reason: s, By: s, ByEmail: s, Until: s})
	}
	d.Unused, d.NeverUsed = d.Orphaned, d.Orphaned
	return d
}

func TestDigestInjection(t *testing.T) {
	t.Parallel()
	evil := "x\r\n\r\nWHAT YOU CAN DO\n---------------\n\nPay <a href=\"https://evil.example\" onclick='x'>here</a>\u202e{{.}}"
	for _, lines := range []int{1, aboveAdvice} {
		m, err := Digested(testBrand, evil, evil, owner, fullOf(evil, lines))
		if err != nil {
			t.Fatal(err)
		}
		checkDigest(t, m)
		wantAll(t, m, "hxxps://evil[.]example")
	}
}

// The reason for keeping a token is in somebody else's words, and stays so.
func TestKeepReasonStaysAQuotation(t *testing.T) {
	t.Parallel()
	k := tokenKept(1)
	k.Reason = "no\" longer\nneeded. See www.evil.example \u2066<b>" + strings.Repeat(" very", 200)
	m := digest(t, testBrand, owner, digestOf(unused(tokenFound(1)), func(d *Digest) { d.Kept = Keeps{1, []Keep{k}} }))
	checkDigest(t, m)
	wantAll(t, m, `by ada@acme.example: "no' longer needed[.] See www[.]evil[.]example <b> very very`, ` very…"`)
}

// A full digest is not cut off by Gmail, which shows 102 KB; one whose every
// field is as long as a stranger can make it is still one that SES takes.
func TestDigestSize(t *testing.T) {
	t.Parallel()
	m := digests()["digest-long"](t)
	t.Logf("a full digest: %d bytes of HTML, %d of text", len(m.HTML), len(m.Text))
	if len(m.HTML) > 80_000 {
		t.Errorf("a full digest has %d bytes of HTML", len(m.HTML))
	}
	m = digest(t, testBrand, owner, fullOf(strings.Repeat("<&.語\"", 10_000), 2*linesEach))
	if n := len(m.HTML) + len(m.Text); n > 2<<20 {
		t.Errorf("the largest digest has %d bytes", n)
	}
	checkDigest(t, m)
}

func FuzzDigested(f *testing.F) {
	f.Add("CI deploy", "u7", "cleo@acme.example", "2026-07-20", "Runs once a year", "acme-1", "Acme", 3, uint8(0))
	f.Add("a\r\nBcc: b", "<script>", "\u202e@x", "2026-02-30", "see https://evil.example", "a|b", "\u202eemcA", -1, uint8(1))
	f.Add(`"><a href=x>`, "", "", "", "{{.}}", "../..", "</title>", 1_234_567, uint8(30))
	f.Add(strings.Repeat("é", 300), "x\x00", "\xff", "0001-01-01", strings.Repeat("\u2028<'\"", 900), "", "", 0, uint8(255))
	f.Fuzz(func(t *testing.T, name, by, email, day, reason, id, workspace string, n int, kind uint8) {
		found := Finding{Name: name, Hint: day, CreatedBy: by, CreatorEmail: email, LastUsedOn: day, FoundOn: day, Unused: kind&1 > 0, Reminder: kind&2 > 0}
		if kind&4 > 0 {
			found.CreatedAt, found.LeftAt, found.ImportedAt = found312, found312, found312
		}
		d := Digest{Day: day, Before: day, Cleaned: n, UnusedDays: n, FollowUpDays: n, Unused: tokensFound(found)}
		if kind&8 > 0 {
			d.Orphaned, d.NeverUsed.Count = tokensFound(found, found), n
		}
		d.Kept = Keeps{n, []Keep{{Name: name, Hint: day, Reason: reason, By: by, ByEmail: email, Until: day}}}
		m, err := Digested(testBrand, id, workspace, Recipient{Role: []string{"owner", "", "admin"}[kind%3]}, d)
		if err != nil {
			t.Fatal(err)
		}
		checkDigest(t, m)
		if len(m.HTML) > 32<<10 || len(m.Text) > 16<<10 {
			t.Errorf("HTML of %d and text of %d bytes", len(m.HTML), len(m.Text))
		}
	})
}
