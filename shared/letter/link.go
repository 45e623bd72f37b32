package letter

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a reader gets to see of an address somebody else chose.
const (
	hrefLen      = 2048 // longest address that becomes a link, in bytes
	displayRunes = 120  // longest form that is displayed in HTML, and defanged

	// ellipsis is what redaction leaves of our token (skp_…a1B2): a page whose
	// address held it cannot be reached by that address any more.
	ellipsis = "…"
)

// reporterHosts are the public web hosts a reporter's own findings lie on. An
// address on any other host may be real, but we cannot vouch for it. Hosts that
// hand out downloads (those of package tarballs, codeload.github.com) are left out:
// nobody should fetch a package because a mail about a leak links to it.
var reporterHosts = map[string][]string{
	"github": {
		"github.com", "gist.github.com", "raw.githubusercontent.com",
		"gist.githubusercontent.com", "www.npmjs.com", "npmjs.com",
	},
	"gitlab": {"gitlab.com"},
}

// linkTo returns the address to link for raw, or "" if it must not be a link.
// The reporter is "github" or "gitlab".
// raw was chosen by whoever leaked the token, who may be hoping that an admin
// clicks it: it must parse, and begin literally with https:// and a known host
// of that reporter, which leaves no room for a user, a port, another case or an
// escape that browsers and Go would read differently.
func linkTo(reporter, raw string) string {
	raw = strings.TrimSpace(raw)
	if len(raw) > hrefLen || strings.Contains(raw, ellipsis) || !utf8.ValidString(raw) {
		return ""
	}
	if _, err := url.Parse(raw); err != nil {
		return ""
	}
	for _, host := range reporterHosts[reporter] {
		rest, ok := strings.CutPrefix(raw, "https://"+host)
		if !ok || rest != "" && !strings.ContainsRune("/?#", rune(rest[0])) {
			continue
		}
		if href := percentEncode(raw); len(href) <= hrefLen {
			return href
		}
	}
	return ""
}

// percentEncode escapes every byte that RFC 3986 allows nowhere in a URL, which
// turns an IRI into a URL and leaves nothing for HTML, a terminal or a text
// direction algorithm to trip over.
func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// defang shows an address in a form that no mail client makes into a link, and
// as a single word of printable ASCII (and ellipses), so it cannot pass for a
// sentence of ours.
func defang(raw string) string {
	raw = strings.TrimSpace(raw)
	// What lies in the middle of a very long one cannot be displayed anyhow.
	if end := 8 * displayRunes; len(raw) > 2*end {
		raw = raw[:end] + ellipsis + raw[len(raw)-end:]
	}
	parts := strings.Split(raw, ellipsis)
	for i, p := range parts {
		parts[i] = breakLinks(percentEncode(p))
	}
	return cutMiddle(strings.Join(parts, ellipsis), displayRunes)
}

// breakLinks spoils everything that link detection in mail clients goes by.
func breakLinks(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			break
		}
		switch head := s[:i]; {
		case hasSuffixFold(head, "https"):
			b.WriteString(head[:i-len("https")] + "hxxps://")
		case hasSuffixFold(head, "http"):
			b.WriteString(head[:i-len("http")] + "hxxp://")
		default:
			b.WriteString(head + "[:]//")
		}
		s = s[i+len("://"):]
	}
	b.WriteString(s)
	return strings.ReplaceAll(b.String(), ".", "[.]")
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// tame makes a string that customers choose fit to stand in our sentences: one
// line, printable characters only, at most limit runes. Control, format and
// bidirectional override characters are dropped. A name that carries an
// address (or a "www.") is defanged, so a member cannot make our mail link to
// a page of theirs; other names stay exactly as they are.
func tame(s string, limit int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0 // runs of white space become one space
		case unicode.IsPrint(r):
			if space {
				b.WriteByte(' ')
				space = false
			}
			b.WriteRune(r)
		}
		if b.Len() > 4*utf8.UTFMax*limit {
			break // far beyond what can be shown
		}
	}
	t := b.String()
	if strings.Contains(t, "://") || strings.Contains(strings.ToLower(t), "www.") {
		t = breakLinks(t)
	}
	return cutEnd(t, limit)
}

// cutEnd shortens s to limit runes, the last of them an ellipsis.
func cutEnd(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	r := []rune(s)
	return strings.TrimRight(string(r[:max(limit-1, 0)]), " ") + ellipsis
}

// cutMiddle shortens s to limit runes and keeps both ends: the host and the
// file name are what people recognise.
func cutMiddle(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	r := []rune(s)
	head := (limit - 1) * 3 / 5
	tail := limit - 1 - head
	return string(r[:head]) + ellipsis + string(r[len(r)-tail:])
}
