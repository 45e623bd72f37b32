package letter

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var (
	testBrand = Brand{
		Product:    "Streamline",
		From:       "Streamline Security <security@streamline.example>",
		TokensURL:  "https://app.streamline.example/w/{workspace}/tokens",
		AuditURL:   "https://app.streamline.example/w/{workspace}/audit",
		DocsURL:    "https://docs.streamline.example/tokens",
		SupportURL: "mailto:help@streamline.example",
		AccountURL: "https://app.streamline.example/u/{user}/security",
	}
	owner    = Recipient{User: "u1", Email: "ada@acme.example", Role: "owner"}
	fallback = Recipient{User: "security-contact", Email: "soc@streamline.example"}
	found312 = time.Date(2026, 11, 22, 3, 12, 45, 0, time.UTC)
)

// exposed is an exposure of token i; change makes it differ.
func exposed(i int, outcome string, change ...func(*Exposure)) Exposure {
	e := Exposure{
		TokenID:      fmt.Sprintf("tok_%04d", i),
		Name:         fmt.Sprintf("CI deploy %d", i),
		Hint:         fmt.Sprintf("skp_…%04d", i),
		CreatedBy:    "u1",
		CreatorEmail: "ada@acme.example",
		CreatedAt:    time.Date(2026, 3, 3, 23, 0, 0, 0, time.UTC),
		LastUsedOn:   "2026-11-20",
		Host:         "github",
		Place:        "commit",
		URL:          fmt.Sprintf("https://github.com/acme/etl/blob/9f2c41d7/deploy/%d.env", i),
		At:           found312,
		Outcome:      outcome,
	}
	if outcome == outcomeReported {
		e.Why = whyOff
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

func render(t testing.TB, b Brand, to Recipient, exposures ...Exposure) Mail {
	t.Helper()
	m, err := Exposed(b, "acme-1", "Acme Analytics", to, exposures)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSubject(t *testing.T) {
	t.Parallel()
	named := func(n string) func(*Exposure) { return func(e *Exposure) { e.Name = n } }
	at := func(host, place string) func(*Exposure) {
		return func(e *Exposure) { e.Host, e.Place = host, place }
	}
	r, s, x := outcomeRevoked, outcomeReported, outcomeExpired
	tests := []struct {
		want string
		in   []Exposure
	}{
		{`API token "CI deploy" was found on GitHub and revoked`, []Exposure{exposed(1, r, named("CI deploy"))}},
		{`API token "a" was found on GitLab and revoked`, []Exposure{exposed(1, r, named("a"), at("gitlab", ""))}},
		{`API token "a" was found on npm and revoked`, []Exposure{exposed(1, r, named("a"), at("github", "Npm"))}},
		{`API token "a" was reported to GitHub and revoked`, []Exposure{exposed(1, r, named("a"), at("github", "Manual_submission"))}},
		{`API token "a" was found on a code host and revoked`, []Exposure{exposed(1, r, named("a"), at("forge", ""))}},
		{`Action needed: API token "CI deploy" was found on GitHub and still works`, []Exposure{exposed(1, s, named("CI deploy"))}},
		{`Expired API token "CI deploy" was found on GitHub`, []Exposure{exposed(1, x, named("CI deploy"))}},
		{`3 API tokens were found on GitHub and revoked`, []Exposure{exposed(1, r), exposed(2, r), exposed(3, r)}},
		{`2 API tokens were found on GitHub and GitLab and revoked`, []Exposure{exposed(1, r), exposed(2, r, at("gitlab", ""))}},
		{`Action needed: 2 API tokens were found on GitHub and still work`, []Exposure{exposed(1, s), exposed(2, s)}},
		{`2 expired API tokens were found on GitHub`, []Exposure{exposed(1, x), exposed(2, x)}},
		{`Action needed: 1 of 2 API tokens found on GitHub still works`, []Exposure{exposed(1, r), exposed(2, s)}},
		{`Action needed: 2 of 3 API tokens found on GitHub still work`, []Exposure{exposed(1, s), exposed(2, x), exposed(3, s)}},
		{`3 API tokens were found on GitHub: 2 revoked, 1 expired`, []Exposure{exposed(1, r), exposed(2, x), exposed(3, r)}},
		{`API token "x' was not revoked. 'y" was found on GitHub and revoked`, []Exposure{exposed(1, r, named(`x" was not revoked. "y`))}},
		{`API token "a Bcc: b@c.example" was found on GitHub and revoked`, []Exposure{exposed(1, r, named("a\r\nBcc: b@c.example"))}},
		{`API token "(no name)" was found on GitHub and revoked`, []Exposure{exposed(1, r, named("\x00\u202e"))}},
	}
	for _, tt := range tests {
		if got := render(t, testBrand, owner, tt.in...).Subject; got != tt.want {
			t.Errorf("subject\n got %s\nwant %s", got, tt.want)
		}
	}
	for _, outcome := range []string{r, s, x} {
		long := render(t, testBrand, owner, exposed(1, outcome, named(strings.Repeat("語", 100)))).Subject
		if n := utf8.RuneCountInString(long); n != subjectRunes {
			t.Errorf("subject with a long name has %d runes, want %d: %s", n, subjectRunes, long)
		}
		if !strings.Contains(long, `…" was found on GitHub`) {
			t.Errorf("not only the name was cut: %s", long)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	many := func(n, idLen int) (out []Exposure) {
		for i := range n {
			out = append(out, exposed(i, outcomeRevoked, func(e *Exposure) { e.TokenID += strings.Repeat("x", idLen) }))
		}
		return out
	}
	base := map[string]string{"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
	with := func(refs ...string) map[string]string {
		h := map[string]string{"In-Reply-To": refs[0], "References": strings.Join(refs, " ")}
		for k, v := range base {
			h[k] = v
		}
		return h
	}
	ids := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("<tok_%04d.exposed@streamline.example>", i))
		}
		return out
	}
	set := func(id string) []Exposure {
		return []Exposure{exposed(0, outcomeRevoked, func(e *Exposure) { e.TokenID = id })}
	}
	tests := []struct {
		name string
		in   []Exposure
		want map[string]string
	}{
		{"one token", many(1, 0), with(ids(1)...)},
		{"ten tokens", many(10, 0), with(ids(10)...)},
		{"more than ten", many(11, 0), with(ids(10)...)},
		{"a hostile id", set("tok_1>\r\nBcc: <x@y"), with("<tok_1Bccxy.exposed@streamline.example>")},
		{"no id", set(""), base},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, render(t, testBrand, owner, tt.in...).Headers); diff != "" {
			t.Errorf("%s: headers (-want +got):\n%s", tt.name, diff)
		}
	}
	if refs := render(t, testBrand, owner, many(10, 200)...).Headers["References"]; len(refs) > headerValueLen || !strings.HasSuffix(refs, ">") {
		t.Errorf("References of long ids has %d bytes or is cut: %s", len(refs), refs)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	ok := []Exposure{exposed(1, outcomeRevoked)}
	tests := []struct {
		name string
		from string
		in   []Exposure
		want error
	}{
		{"nothing to say", "a@b.example", nil, ErrNoExposure},
		{"an unknown outcome", "a@b.example", []Exposure{exposed(1, "lost")}, ErrOutcome},
		{"no sender", "", ok, ErrFrom},
		{"no domain", "security", ok, ErrFrom},
		{"an empty domain", "Name <a@>", ok, ErrFrom},
		{"a line break in the sender", "a@b.example\r\nBcc: c@d", ok, nil},
		{"a line break in the domain", "a@b.example\r\nBcc", ok, ErrFrom},
		{"a name and an address", "Name <a@B.example>", ok, nil},
	}
	for _, tt := range tests {
		b := testBrand
		b.From = tt.from
		m, err := Exposed(b, "w", "W", owner, tt.in)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
		for k, v := range m.Headers {
			if strings.ContainsAny(v, "\r\n") {
				t.Errorf("%s: header %s has a line break: %q", tt.name, k, v)
			}
		}
	}
}

func TestSameTokenTwice(t *testing.T) {
	t.Parallel()
	later := func(e *Exposure) { e.At = e.At.Add(time.Hour); e.URL = "https://github.com/fork/etl" }
	m := render(t, testBrand, owner, exposed(1, outcomeReported), exposed(1, outcomeRevoked, later))
	if want := `API token "CI deploy 1" was found on GitHub and revoked`; m.Subject != want {
		t.Errorf("the later outcome must count: got %q, want %q", m.Subject, want)
	}
	wantAll(t, m, "/deploy/1.env", "https://github.com/fork/etl", "04:12:45")
	wantNone(t, m, "still works")
}

func BenchmarkRender(b *testing.B) {
	for _, n := range []int{1, 20, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := manyExposures(n)
			b.ReportAllocs()
			for b.Loop() {
				render(b, testBrand, owner, in...)
			}
		})
	}
}
