package letter

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// variants are the mails people get, each read once by eye and then kept.
func variants() map[string]func(testing.TB) Mail {
	one := func(b Brand, to Recipient, in ...Exposure) func(testing.TB) Mail {
		return func(t testing.TB) Mail { return render(t, b, to, in...) }
	}
	gitlab := func(e *Exposure) {
		e.Host, e.Place, e.URL = "gitlab", "", "https://gitlab.com/acme/etl/-/raw/9f2c41d7/.env"
	}
	dryRun := func(e *Exposure) { e.Why = whyDryRun }
	foreign := func(e *Exposure) { e.Place, e.URL = "Npm", "https://packages.example.org/etl/-/etl-1.0.0.tgz" }
	unused := func(e *Exposure) { e.LastUsedOn, e.CreatorEmail, e.URL, e.Place = "", "", "", "Unknown" }
	imported := func(e *Exposure) { e.CreatorEmail, e.CreatedBy, e.CreatedAt = "", "", time.Time{} }
	admin := Recipient{User: "u2", Email: "bob@acme.example", Role: "admin"}
	bare := Brand{Product: "Streamline", From: "security@streamline.example"}
	return map[string]func(testing.TB) Mail{
		"revoked":  one(testBrand, owner, exposed(1, outcomeRevoked)),
		"unused":   one(bare, admin, exposed(1, outcomeRevoked, unused)),
		"reported": one(testBrand, admin, exposed(1, outcomeReported)),
		"dry-run":  one(testBrand, owner, exposed(1, outcomeReported, dryRun, gitlab)),
		"expired":  one(testBrand, owner, exposed(1, outcomeExpired, foreign)),
		"fallback": one(bare, fallback, exposed(1, outcomeReported, imported)),
		"two":      one(testBrand, owner, exposed(1, outcomeRevoked), exposed(2, outcomeRevoked)),
		"mixed":    one(testBrand, owner, exposed(1, outcomeExpired), exposed(2, outcomeReported), exposed(3, outcomeRevoked)),
		"many":     one(testBrand, owner, manyExposures(24)...),
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, mail := range letters() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mail(t)
			got := "Subject: " + m.Subject + "\n\n" + m.Text
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("text differs from %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// TestBothPartsSayTheSame compares the words of the two parts: whatever stands
// in the text part must stand in the HTML part.
func TestBothPartsSayTheSame(t *testing.T) {
	t.Parallel()
	for name, mail := range letters() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mail(t)
			seen := strings.ToLower(parts(m)["HTML"])
			for word := range strings.FieldsSeq(m.Text) {
				word = strings.ToLower(strings.Trim(word, "*-():."))
				// In HTML the name is the head of its card and needs no label.
				if word != "name" && !strings.Contains(seen, word) {
					t.Errorf("%q stands in the text part only", word)
				}
			}
		})
	}
}

func TestTextWidth(t *testing.T) {
	t.Parallel()
	for name, mail := range letters() {
		for line := range strings.Lines(mail(t).Text) {
			line = strings.TrimRight(line, "\n")
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s: white space at the end of %q", name, line)
			}
			if utf8.RuneCountInString(line) > columns && !strings.Contains(line, "://") && !isSQL(line) {
				t.Errorf("%s: line of more than %d columns: %s", name, columns, line)
			}
		}
	}
}

// TestContent checks what each kind of mail must say and must not.
func TestContent(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ all, none []string }{
		"revoked": {
			all: []string{
				"CI deploy 1", "skp_…0001", "ada@acme.example", "3 March 2026", "20 November 2026", "in a commit on GitHub",
				"We revoked it on 22 November 2026, 03:12:45 UTC", "Make a new token", "audit trail", "forks, clones and caches",
				"you are an owner of the workspace \"Acme Analytics\" (acme-1)", "GitHub's secret scanning", "Everything that used this token",
				"https://app.streamline.example/w/acme-1/tokens", "https://app.streamline.example/w/acme-1/audit", "mailto:help@streamline.example",
			},
			none: []string{"still works", "Revoke this", "security contact"},
		},
		"unused":   {all: []string{"no use on record", "may be that nothing depends on it", "you are an admin", "u1"}, none: []string{"http", "never used"}},
		"reported": {all: []string{"This token still works", "automatic revocation is switched off for this workspace", "Revoke this token now"}, none: []string{"revoked it", "dry run"}},
		"dry-run":  {all: []string{"This token still works", "is in a dry run", "GitLab's secret scanning"}, none: []string{"switched off", "GitHub"}},
		"expired":  {all: []string{"already expired by itself", "Nothing: the token had stopped working", "audit trail", "hxxps://packages[.]example[.]org", "Not made a link"}, none: []string{"Make a new token", "still works", "//packages.example"}},
		"fallback": {all: []string{"security contact of Streamline", "has no owner or admin with a mail address"}, none: []string{"http://", "Created"}},
		"mixed":    {all: []string{"1 API token still works", "Revoke this token now", "Revoked (1)", "Still working: revoke now (1)", "Expired before it was found (1)"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := variants()[name](t)
			wantAll(t, m, tt.all...)
			wantNone(t, m, append(tt.none, "Safekeep", "safekeep")...)
		})
	}
}

func TestOrderOfGroups(t *testing.T) {
	t.Parallel()
	m := variants()["mixed"](t)
	for part, s := range map[string]string{"text": m.Text, "HTML": visible(m.HTML)} {
		s = strings.ToLower(squash(s))
		last := -1
		for _, mark := range []string{"1 api token still works", "revoked (1)", "still working: revoke now (1)", "expired before it was found (1)", "what to do now"} {
			i := strings.Index(s, mark)
			if i <= last {
				t.Errorf("%s: %q stands at %d, after something at %d", part, mark, i, last)
			}
			last = i
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Gist_content": "in a gist on GitHub", "WIKI_COMMIT": "in a change to a wiki page on GitHub", "pull_request_title": "in the title of a pull request on GitHub",
		"Npm": "in an npm package, reported by GitHub", "manual_submission": "handed to GitHub as leaked", "Unknown": "on GitHub", "": "on GitHub",
		"issue_form": "on GitHub (issue form)", "<b>\r\nx</b>": "on GitHub (bxb)",
	} {
		m := render(t, testBrand, owner, exposed(1, outcomeRevoked, func(e *Exposure) { e.Host, e.Place = "GitHub", in }))
		wantAll(t, m, "Found "+want+" https://github.com/")
	}
}

func TestAddressNotes(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://github.com/search?q=skp_…a1B2": "hxxps://github[.]com/search?q=skp_…a1B2 " + noteRedacted,
		"https://evil.example/skp_…a1B2":        "hxxps://evil[.]example/skp_…a1B2 " + noteUnknown,
		"http://github.com/a":                   "hxxp://github[.]com/a " + noteUnknown,
	} {
		m := render(t, testBrand, owner, exposed(1, outcomeRevoked, func(e *Exposure) { e.URL = url }))
		m.Text = strings.NewReplacer("(Not", "Not", "out.)", "out.", "leads.)", "leads.").Replace(m.Text)
		wantAll(t, m, want)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) *leak { return &leak{Exposure: Exposure{At: found312.Add(d)}} }
	tests := []struct {
		in   []*leak
		want string
	}{
		{[]*leak{at(0), at(0)}, " on 22 November 2026, 03:12:45 UTC"},
		{[]*leak{at(9 * time.Second), at(0)}, " on 22 November 2026 between 03:12:45 and 03:12:54 UTC"},
		{[]*leak{at(0), at(24 * time.Hour)}, " between 22 November 2026, 03:12:45 UTC and 23 November 2026, 03:12:45 UTC"},
		{[]*leak{{}}, ""},
	}
	for _, tt := range tests {
		if got := span(tt.in); got != tt.want {
			t.Errorf("span = %q, want %q", got, tt.want)
		}
	}
}
