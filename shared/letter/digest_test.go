package letter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// tokenFound is finding i; change makes it differ.
func tokenFound(i int, change ...func(*Finding)) Finding {
	f := Finding{
		Name: fmt.Sprintf("CI deploy %d", i), Hint: fmt.Sprintf("skp_…%04d", i),
		CreatedBy: "u7", CreatorEmail: "cleo@acme.example", CreatedAt: time.Date(2026, 3, 3, 23, 0, 0, 0, time.UTC),
		LastUsedOn: "2026-07-20", FoundOn: "2026-11-22",
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

func orphan(f *Finding) {
	f.CreatorEmail, f.LeftAt, f.LastUsedOn = "", time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC), "2026-11-20"
}
func unusedToo(f *Finding)  { f.LastUsedOn, f.Unused = "2026-07-20", true }
func noUse(f *Finding)      { f.LastUsedOn = "" }
func foreignOne(f *Finding) { f.ImportedAt = time.Date(2026, 6, 15, 8, 0, 0, 0, time.UTC); noUse(f) }
func undated(f *Finding)    { f.CreatedAt = time.Time{} }
func reminder(f *Finding)   { f.Reminder, f.FoundOn = true, "2026-11-15" }

func tokensFound(all ...Finding) Findings { return Findings{Count: len(all), Tokens: all} }

func tokenKept(i int) Keep {
	return Keep{
		Name: fmt.Sprintf("Nightly export %d", i), Hint: fmt.Sprintf("skp_…%04d", i),
		Reason: "Runs once a year, for the audit", By: "u1", ByEmail: "ada@acme.example", Until: "2027-03-01",
	}
}

// digestOf is a digest of 22 November 2026; change fills it.
func digestOf(change ...func(*Digest)) Digest {
	d := Digest{Day: "2026-11-22", UnusedDays: 90, FollowUpDays: 7}
	for _, c := range change {
		c(&d)
	}
	return d
}

func orphaned(all ...Finding) func(*Digest) {
	return func(d *Digest) { d.Orphaned = tokensFound(all...) }
}
func unused(all ...Finding) func(*Digest) { return func(d *Digest) { d.Unused = tokensFound(all...) } }
func neverUsed(all ...Finding) func(*Digest) {
	return func(d *Digest) { d.NeverUsed = tokensFound(all...) }
}

func several(n int, change ...func(*Finding)) (all []Finding) {
	for i := range n {
		all = append(all, tokenFound(i+1, change...))
	}
	return all
}

// longDigest has as many lines as there can be, and more tokens.
func longDigest(d *Digest) {
	d.Orphaned = Findings{1234, several(linesEach, orphan, unusedToo, reminder)}
	d.Unused = Findings{linesEach, several(linesEach)}
	d.NeverUsed = Findings{51, several(linesEach, noUse)}
	d.Cleaned, d.Before = 1200, "2026-11-15"
	d.Kept.Count = 70
	for i := range linesEach {
		d.Kept.Tokens = append(d.Kept.Tokens, tokenKept(i+1))
	}
}

func digest(t testing.TB, b Brand, to Recipient, d Digest) Mail {
	t.Helper()
	m, err := Digested(b, "acme-1", "Acme Analytics", to, d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// digests are the digests people get, each read once by eye and then kept.
func digests() map[string]func(testing.TB) Mail {
	one := func(b Brand, to Recipient, change ...func(*Digest)) func(testing.TB) Mail {
		return func(t testing.TB) Mail { return digest(t, b, to, digestOf(change...)) }
	}
	admin := Recipient{User: "u2", Email: "bob@acme.example", Role: "admin"}
	bare := Brand{Product: "Streamline", From: "security@streamline.example"}
	mixed := func(d *Digest) {
		d.Cleaned, d.Before = 4, "2026-11-15"
		d.Kept = Keeps{2, []Keep{tokenKept(8), {Name: "Backup", Hint: "skp_…0009"}}}
	}
	return map[string]func(testing.TB) Mail{
		"digest-orphaned":      one(testBrand, owner, orphaned(tokenFound(1, orphan))),
		"digest-both":          one(testBrand, admin, orphaned(tokenFound(1, orphan, unusedToo))),
		"digest-never-used":    one(testBrand, owner, neverUsed(tokenFound(1, noUse))),
		"digest-imported":      one(bare, admin, unused(tokenFound(1, foreignOne), tokenFound(2, foreignOne, undated))),
		"digest-reminder":      one(testBrand, owner, orphaned(tokenFound(1, orphan, reminder))),
		"digest-reminders":     one(testBrand, owner, orphaned(tokenFound(1, orphan, noUse, reminder)), unused(tokenFound(2, reminder))),
		"digest-mixed":         one(testBrand, owner, orphaned(tokenFound(1, orphan, unusedToo, reminder), tokenFound(2, orphan)), unused(tokenFound(3), tokenFound(4, foreignOne)), neverUsed(tokenFound(5, noUse)), mixed),
		"digest-long":          one(testBrand, owner, longDigest),
		"digest-twenty-one":    one(bare, admin, unused(several(aboveAdvice+1, reminder)...)),
		"digest-fallback":      one(bare, fallback, unused(several(2)...)),
		"digest-hardly-known":  one(bare, owner, orphaned(Finding{}), unused(Finding{LastUsedOn: "lately"}), func(d *Digest) { d.Day, d.UnusedDays, d.FollowUpDays, d.Cleaned = "", 0, 0, 1 }),
		"digest-only-a-number": one(testBrand, owner, func(d *Digest) { d.NeverUsed.Count = 1 }),
	}
}

// letters are all golden mails.
func letters() map[string]func(testing.TB) Mail {
	all := variants()
	maps.Copy(all, digests())
	maps.Copy(all, rotations())
	maps.Copy(all, accounts())
	return all
}

func TestDigestSubject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		want string
		in   Digest
	}{
		{`API token "CI deploy 1" may no longer be needed`, digestOf(orphaned(tokenFound(1, orphan)))},
		{`API token "CI deploy 1" may no longer be needed`, digestOf(neverUsed(tokenFound(1, noUse)))},
		{`3 API tokens of "Acme Analytics" may no longer be needed`, digestOf(orphaned(tokenFound(1, orphan)), unused(tokenFound(2), tokenFound(3, reminder)))},
		{`1,334 API tokens of "Acme Analytics" may no longer be needed`, digestOf(func(d *Digest) {
			d.Orphaned, d.Unused = Findings{1234, several(50, reminder)}, Findings{100, several(50, reminder)}
		})},
		{`Reminder: API token "CI deploy 1" may no longer be needed`, digestOf(unused(tokenFound(1, reminder)))},
		{`Reminder: 2 API tokens of "Acme Analytics" may no longer be needed`, digestOf(orphaned(tokenFound(1, orphan, reminder)), unused(tokenFound(2, reminder)))},
		{`1 API token of "Acme Analytics" may no longer be needed`, digestOf(func(d *Digest) { d.Unused.Count = 1 })},
		{`API token "x' was revoked. 'y" may no longer be needed`, digestOf(unused(tokenFound(1, func(f *Finding) { f.Name = `x" was revoked. "y` })))},
		{`API token "(no name)" may no longer be needed`, digestOf(unused(tokenFound(1, func(f *Finding) { f.Name = "\x00\u202e" })))},
	}
	for _, tt := range tests {
		if got := digest(t, testBrand, owner, tt.in).Subject; got != tt.want {
			t.Errorf("subject\n got %s\nwant %s", got, tt.want)
		}
	}
	long, err := Digested(testBrand, "w", strings.Repeat("語", 100), owner, digestOf(unused(several(2, reminder)...)))
	if err != nil || utf8.RuneCountInString(long.Subject) != subjectRunes || !strings.HasSuffix(long.Subject, `…" may no longer be needed`) {
		t.Errorf("subject with a long name: %v %s", err, long.Subject)
	}
}

// TestDigestContent checks what each digest must say and must not.
func TestDigestContent(t *testing.T) {
	t.Parallel()
	const (
		calm     = "Nothing has been revoked, and nothing will be for this reason"
		heir     = "If its creator has left, give the new one to somebody who is still there"
		lastMail = "This is the last mail about"
		remind   = "If nothing has changed in 7 days, we remind you, once."
	)
	tests := map[string]struct{ all, none []string }{
		"digest-orphaned": {
			all: []string{
				`On 22 November 2026 we looked through the API tokens of the workspace "Acme Analytics". This mail is about one that may no longer be needed: its creator has left.`,
				calm, "Created on 3 March 2026 by u7, who left on 1 October 2026. Last used on 20 November 2026.", heir, remind,
				"Replace it", "Remove it", "Keep it", "Until that day it only stands at the end", "you are an owner of the workspace \"Acme Analytics\" (acme-1)",
				"https://app.streamline.example/w/acme-1/tokens", "https://app.streamline.example/w/acme-1/audit", "https://docs.streamline.example/tokens", "mailto:help@streamline.example",
			},
			none: []string{"Also not used", "Reminder", "never used", "Never used", "last mail", "cleaned up", "Showing", "Kept on purpose", "security contact"},
		},
		"digest-both":       {all: []string{"its creator has left, and it has not been used for 90 days or more", "who left on 1 October 2026. Last used on 20 July 2026. Also not used for 90 days or more.", "you are an admin"}},
		"digest-never-used": {all: []string{"it has never been used since it was made", "by cleo@acme.example. Never used."}, none: []string{heir, "on record", "has left, give"}},
		"digest-imported":   {all: []string{"by cleo@acme.example. No use since it was imported on 15 June 2026.", "Created by cleo@acme.example. No use since"}, none: []string{"http", "ever used", "mailto"}},
		"digest-reminder":   {all: []string{"This mail reminds you of one that may no longer be needed: its creator has left.", calm, "Reminder: first found on 15 November 2026", lastMail + " it", "silent about it"}, none: []string{"we remind you"}},
		"digest-reminders":  {all: []string{"This mail reminds you of 2 that may no longer be needed, because nothing has changed", "No use on record", lastMail + " them"}, none: []string{"we remind you", "ever used"}},
		"digest-mixed": {
			all: []string{
				"This mail is about 5 that may no longer be needed. We wrote about 1 of them before.", calm,
				"Since the mail of 15 November 2026, 4 have been cleaned up. Thank you.", "Creator has left (2)", "Not used for 90 days or more (2)", "Never used (1)",
				"Kept on purpose (2)", "We write nothing about these before the day named.", `Kept until 1 March 2027 by ada@acme.example: "Runs once a year, for the audit"`, "Backup (skp_…0009)",
				"About a token that is marked as a reminder, this is the last mail. About the others we remind you, once, if nothing has changed in 7 days.",
			},
			none: []string{"Showing"},
		},
		"digest-long": {
			all: []string{
				"This mail is about 1,335 that may no longer be needed. Of these, 1,234 have a creator who has left, 50 have not been used for 90 days or more and 51 have never been used. 150 of them are named at the end of this mail.", "Creator has left (1,234)", "Showing 50 of 1,234.", "Showing 50 of 51.", "Showing 50 of 70.",
				"1,200 have been cleaned up", "See all tokens",
			},
			none: []string{"Showing 50 of 50"},
		},
		"digest-twenty-one":   {all: []string{"reminds you of 21 that may no longer be needed, because nothing has changed about them. Of these, 21 have not been used for 90 days or more. They are named at the end of this mail."}, none: []string{"Showing"}},
		"digest-fallback":     {all: []string{"security contact of Streamline", "has no owner or admin with a mail address"}, none: []string{"http", "See all", "Look at"}},
		"digest-hardly-known": {all: []string{"We looked through", "Not used for a long time (1)", "Its creator has left. No use on record.", "Last used on lately.", "So far, 1 has been cleaned up", "If nothing has changed, we remind you, once."}, none: []string{"0 day", "1 January", "0001", "  "}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := digests()[name](t)
			wantAll(t, m, tt.all...)
			wantNone(t, m, append(tt.none, "Safekeep", "safekeep", "%!")...)
		})
	}
}

// A digest reads well for whoever skims it: the finding, the tokens, what to
// do. The advice is never below a long list, and what is kept on purpose, which
// nobody needs to act on, comes last.
func TestOrderOfDigest(t *testing.T) {
	t.Parallel()
	first := []string{"api tokens of", "nothing has been revoked, and", "thank you", "look at these tokens"}
	lists := []string{"creator has left (", "not used for 90 days or more (", "never used ("}
	advice := []string{"what you can do", "what happens next", "why you get this mail"}
	for name, marks := range map[string][]string{
		"digest-mixed": slices.Concat(first, lists, advice, []string{"kept on purpose"}),
		"digest-long":  slices.Concat(first, advice, lists, []string{"kept on purpose"}),
	} {
		m := digests()[name](t)
		for part, s := range map[string]string{"text": m.Text, "HTML": visible(m.HTML)} {
			s = strings.ToLower(squash(s))
			last := -1
			for _, mark := range marks {
				i := strings.Index(s, mark)
				if i <= last {
					t.Errorf("%s, %s: %q stands at %d, after something at %d", name, part, mark, i, last)
				}
				last = max(last, i)
			}
		}
	}
}

func TestDigestThreads(t *testing.T) {
	t.Parallel()
	for workspace, want := range map[string]string{
		"acme-1":                      "<acme-1.hygiene@streamline.example>",
		"a.b":                         "<a%2Eb.hygiene@streamline.example>",
		"a|b:c@d~e":                   "<a%7Cb%3Ac%40d~e.hygiene@streamline.example>",
		"x>\r\nBcc: <y":               "<x%3E%0D%0ABcc%3A+%3Cy.hygiene@streamline.example>",
		strings.Repeat("x", 2000):     "<" + strings.Repeat("x", threadIDPart) + ".hygiene@streamline.example>",
		strings.Repeat("\x00", 2_000): "<" + strings.Repeat("%00", threadIDPart) + ".hygiene@streamline.example>",
	} {
		m, err := Digested(testBrand, workspace, "Acme", owner, digestOf(unused(tokenFound(1))))
		if err != nil {
			t.Fatal(err)
		}
		diff := cmp.Diff(map[string]string{
			"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "In-Reply-To": want, "References": want,
		}, m.Headers)
		if diff != "" || len(want) > headerValueLen {
			t.Errorf("%.20q: headers (-want +got):\n%s", workspace, diff)
		}
	}
	if threads := digestedThreads("a.example", ""); threads != nil {
		t.Errorf("threads of a workspace without an id: %v", threads)
	}
}

func TestDigestErrors(t *testing.T) {
	t.Parallel()
	kept := func(d *Digest) { d.Kept, d.Cleaned = Keeps{1, []Keep{tokenKept(1)}}, 3 }
	if _, err := Digested(testBrand, "w", "W", owner, digestOf(kept)); !errors.Is(err, ErrNoFinding) {
		t.Errorf("nothing found: %v, want ErrNoFinding", err)
	}
	if _, err := Digested(Brand{From: "security"}, "w", "W", owner, digestOf(unused(tokenFound(1)))); !errors.Is(err, ErrFrom) {
		t.Errorf("no domain: %v, want ErrFrom", err)
	}
}
