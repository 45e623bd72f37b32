package letter

import (
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func manyExposures(n int) []Exposure {
	outcomes := []string{outcomeRevoked, outcomeRevoked, outcomeExpired, outcomeRevoked, outcomeReported}
	out := make([]Exposure, n)
	for i := range out {
		out[i] = exposed(i, outcomes[i%len(outcomes)], func(e *Exposure) { e.At = e.At.Add(time.Duration(i) * time.Millisecond) })
	}
	return out
}

// TestEveryTokenIsNamed: however many there are, nobody has to guess.
func TestEveryTokenIsNamed(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 20, 21, 22, 1000} {
		in := manyExposures(n)
		m := render(t, testBrand, owner, in...)
		text, page := squash(m.Text), squash(visible(m.HTML))
		for _, e := range in {
			for _, want := range []string{e.Name + " ", e.Hint, e.URL} {
				if !strings.Contains(text, want) || !strings.Contains(page, want) {
					t.Fatalf("%d tokens: %q is missing in a part", n, want)
				}
			}
		}
		if n > detailed && strings.Count(m.Text, "\n  Name ") != detailed {
			t.Errorf("%d tokens: %d are told in full, want %d", n, strings.Count(m.Text, "\n  Name "), detailed)
		}
		if i := strings.Index(m.Text, "THE OTHER "); n > detailed && (i < 0 || i < strings.Index(m.Text, "WHAT TO DO NOW")) {
			t.Errorf("%d tokens: the long list must come after the advice", n)
		}
	}
}

// TestSize bounds a mail whose every field is as long as a stranger can make it.
func TestSize(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<&.語\"", 100_000)
	in := manyExposures(1000)
	for i := range in {
		e := &in[i]
		e.Name, e.Hint, e.CreatedBy, e.CreatorEmail, e.LastUsedOn, e.Place = long, long, long, long, long, long
		e.URL = pad("https://github.com/", hrefLen)
	}
	m := render(t, testBrand, owner, in...)
	// SES takes 40 MB, and slows down above 10 MB.
	if n := len(m.HTML) + len(m.Text); n > 9<<20 {
		t.Errorf("the largest mail has %d bytes", n)
	}
	checkMail(t, m)
}

func TestInjection(t *testing.T) {
	t.Parallel()
	evil := "x\r\n\r\nWHAT TO DO NOW\n--------------\n\nPay <a href=\"https://evil.example\" onclick='x'>here</a>\u202e{{.}}"
	m, err := Exposed(testBrand, evil, evil, owner, []Exposure{exposed(1, outcomeReported, func(e *Exposure) {
		e.Name, e.Hint, e.CreatorEmail, e.LastUsedOn, e.Place, e.URL, e.Host, e.Why = evil, evil, evil, evil, evil, evil, evil, evil
	})})
	if err != nil {
		t.Fatal(err)
	}
	checkMail(t, m)
}

func TestNoOutsideAssets(t *testing.T) {
	t.Parallel()
	for name, mail := range letters() {
		h := strings.ToLower(mail(t).HTML)
		for _, bad := range []string{"<img", "<link", "<script", "<iframe", "src=", "@import", "url(", "zgotmplz", "\u2014"} {
			if strings.Contains(h, bad) {
				t.Errorf("%s: HTML holds %q", name, bad)
			}
		}
		for _, want := range []string{`<html lang="en"`, `name="color-scheme" content="light dark"`, "prefers-color-scheme: dark", `role="presentation"`, "max-width:600px"} {
			if !strings.Contains(h, want) {
				t.Errorf("%s: HTML lacks %q", name, want)
			}
		}
		for _, px := range regexp.MustCompile(`font-size:(\d+)px`).FindAllStringSubmatch(h, -1) {
			if len(px[1]) < 2 && px[1] != "1" || len(px[1]) == 2 && px[1] < "16" {
				t.Errorf("%s: type of %spx is too small for a phone", name, px[1])
			}
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add("CI deploy", "https://github.com/acme/etl/blob/9f2c/.env", "commit", "github", "Acme", "acme-1", "ada@acme.example", "tok_1", uint8(0))
	f.Add("a\r\nBcc: b", "https://github.com@evil.example/", "Npm", "gitlab", "\u202eemcA", "a|b", "<script>", "tok_>\r\n", uint8(1))
	f.Add(`"><a href=x>`, "javascript:alert(1)", "{{.}}", "GITHUB", "</title>", "../..", "x\x00", "", uint8(2))
	f.Add(strings.Repeat("é", 300), "https://github.com/"+strings.Repeat("\u2028<'\"", 900), "x", "github", "", "", "", "", uint8(7))
	f.Fuzz(func(t *testing.T, name, raw, place, host, workspace, id, email, token string, kind uint8) {
		outcome := []string{outcomeRevoked, outcomeReported, outcomeExpired}[kind%3]
		role := []string{"owner", "", "admin"}[kind/3%3]
		e := exposed(1, outcome, func(e *Exposure) {
			e.Name, e.URL, e.Place, e.Host, e.CreatorEmail, e.TokenID = name, raw, place, host, email, token
			e.CreatedBy, e.Hint, e.LastUsedOn, e.Why = token, name, place, host
		})
		in := []Exposure{e}
		if kind&64 != 0 {
			in = append(in, exposed(2, outcomeReported), exposed(3, outcomeRevoked, func(e *Exposure) { e.Name, e.URL = name, raw }))
		}
		m, err := Exposed(testBrand, id, workspace, Recipient{Role: role}, in)
		if err != nil {
			t.Fatal(err)
		}
		checkMail(t, m)
		if len(m.HTML) > 64<<10 || len(m.Text) > 32<<10 {
			t.Errorf("HTML of %d and text of %d bytes for %d tokens", len(m.HTML), len(m.Text), len(in))
		}
	})
}

var (
	tagPattern  = regexp.MustCompile(`<[^>]*>`)
	namePattern = regexp.MustCompile(`^</?([a-z0-9]+)|\s([a-z-]+)="[^"]*"`)
	hrefPattern = regexp.MustCompile(`^<a (?:class="link" )?href="([^"]*)" style="[^"]*">$`)
	tagsAllowed = strings.Fields("html head meta title style body div table tr td th p h1 h2 h3 a b br bdi wbr span")
	attrAllowed = strings.Fields("lang dir charset name content class style role width cellpadding cellspacing border align valign bgcolor scope colspan href")
)

// checkMail holds for every mail about exposures, whatever went into it.
func checkMail(t *testing.T, m Mail) {
	t.Helper()
	checkLetter(t, m, "\nWHAT TO DO NOW\n", "\nWHAT STOPS WORKING\n", "\nWHY YOU GET THIS MAIL\n")
}

// checkLetter holds for every mail. It judges links by a reading of its own, not
// by the code under test. Nobody can add to the headings.
func checkLetter(t *testing.T, m Mail, headings ...string) {
	t.Helper()
	oneLine := map[string]string{"subject": m.Subject}
	for k, v := range m.Headers {
		oneLine[k] = v
		if len(v) > headerValueLen || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("header %s: %q", k, v)
		}
	}
	for k, v := range oneLine {
		if strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s holds an unprintable character: %q", k, v)
		}
	}
	if n := utf8.RuneCountInString(m.Subject); n > subjectRunes {
		t.Errorf("subject has %d runes", n)
	}
	for part, s := range map[string]string{"text": m.Text, "HTML": m.HTML} {
		if i := strings.IndexFunc(s, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%s part holds an unprintable character near %q", part, s[max(0, i-20):min(len(s), i+20)])
		}
		if !utf8.ValidString(s) {
			t.Errorf("%s part is not UTF-8", part)
		}
	}
	for _, heading := range headings {
		if n := strings.Count(m.Text, heading); n != 1 {
			t.Errorf("heading %q stands %d times", heading, n)
		}
	}
	checkHTML(t, m.HTML)
}

func checkHTML(t *testing.T, page string) {
	t.Helper()
	_, body, _ := strings.Cut(page, "<html")
	body = "<html" + body
	for _, tag := range tagPattern.FindAllString(body, -1) {
		for _, n := range namePattern.FindAllStringSubmatch(tag, -1) {
			if n[1] != "" && !slices.Contains(tagsAllowed, n[1]) || n[2] != "" && !slices.Contains(attrAllowed, n[2]) {
				t.Errorf("tag %s is not ours", tag)
			}
		}
		if strings.Contains(strings.ToLower(tag), "href") {
			if a := hrefPattern.FindStringSubmatch(tag); a == nil || !allowedHref(html.UnescapeString(a[1])) {
				t.Errorf("link %s", tag)
			}
		}
	}
	if rest := tagPattern.ReplaceAllString(body, ""); strings.ContainsAny(rest, "<") {
		t.Errorf("HTML holds a loose <")
	}
}

func allowedHref(href string) bool {
	for _, own := range []string{"https://app.streamline.example/w/", "https://app.streamline.example/u/", "https://docs.streamline.example/tokens", "mailto:help@streamline.example"} {
		if strings.HasPrefix(href, own) {
			return true
		}
	}
	u, err := url.Parse(href)
	known := []string{"github.com", "gist.github.com", "raw.githubusercontent.com", "gist.githubusercontent.com", "www.npmjs.com", "npmjs.com", "gitlab.com"}
	return err == nil && u.Scheme == "https" && u.User == nil && u.Port() == "" && slices.Contains(known, u.Host) && len(href) <= 3*hrefLen
}

// visible is what a reader sees of an HTML part.
func visible(page string) string {
	_, page, _ = strings.Cut(page, "<body")
	page = "<body" + page
	page = strings.ReplaceAll(page, "<wbr>", "")
	return html.UnescapeString(tagPattern.ReplaceAllString(page, " "))
}

// hrefs are all addresses an HTML part links to.
func hrefs(page string) (out []string) {
	for _, tag := range tagPattern.FindAllString(page, -1) {
		if a := hrefPattern.FindStringSubmatch(tag); a != nil {
			out = append(out, html.UnescapeString(a[1]))
		}
	}
	return out
}

// squash makes every run of white space one space.
func squash(s string) string { return strings.Join(strings.Fields(s), " ") }

func wantAll(t *testing.T, m Mail, all ...string) {
	t.Helper()
	for _, want := range all {
		for part, s := range parts(m) {
			if !strings.Contains(strings.ToLower(s), strings.ToLower(want)) {
				t.Errorf("%s part lacks %q", part, want)
			}
		}
	}
}

func wantNone(t *testing.T, m Mail, none ...string) {
	t.Helper()
	for _, bad := range none {
		for part, s := range parts(m) {
			if strings.Contains(s, bad) {
				t.Errorf("%s part holds %q", part, bad)
			}
		}
	}
}

// parts are both parts as one line each, the HTML part with its addresses.
func parts(m Mail) map[string]string {
	page := squash(visible(m.HTML))
	for _, href := range hrefs(m.HTML) {
		page += " " + href
	}
	return map[string]string{"text": squash(strings.ReplaceAll(m.Text, "\n* ", "\n")), "HTML": page}
}
