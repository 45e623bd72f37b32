package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"safekeep/shared/token"
)

// item is one element of a report that holds a string token.
type item struct {
	received token.Secret // exactly as the host sent it
	kind     string       // the host's type, echoed back to it and not believed
	place    token.Place
}

var errNotAnArray = errors.New("the report is not a JSON array")

// parseReport reads a report: a JSON array of objects with the members token,
// type, url and, from GitHub, source. It is lenient, so that one bad element
// never spoils the batch: an element without a string token is left out,
// other members of a wrong type count as absent, unknown ones are ignored.
func parseReport(body []byte, format token.Format) ([]item, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(body, &elements); err != nil || elements == nil {
		return nil, errNotAnArray
	}
	items := make([]item, 0, len(elements))
	for _, element := range elements {
		var members struct {
			Token, Type, URL, Source json.RawMessage
		}
		if json.Unmarshal(element, &members) != nil {
			continue
		}
		text, ok := stringOf(members.Token)
		if !ok {
			continue
		}
		kind, _ := stringOf(members.Type)
		link, _ := stringOf(members.URL)
		source, _ := stringOf(members.Source)
		items = append(items, item{
			received: token.NewSecret(text), kind: kind,
			place: token.Place{Source: cleanSource(source), URL: redactURL(link, format, text)},
		})
	}
	return items, nil
}

func stringOf(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// cleanSource lets through what fits every word that GitHub's documentation
// lists and those it will add; anything else could smuggle text into a mail.
func cleanSource(source string) string {
	source = strings.ToLower(strings.TrimSpace(source))
	strange := func(c rune) bool { return (c < 'a' || c > 'z') && c != '_' }
	if len(source) > 40 || strings.ContainsFunc(source, strange) {
		return ""
	}
	return source
}

// maxURL is the longest URL that is kept, and maxRawURL the longest that is
// looked through, both in bytes.
const (
	maxURL    = 2048
	maxRawURL = 16 << 10
)

// minLiteral is the shortest string that is searched for letter by letter. A
// shorter one is no token anybody issued.
const minLiteral = 8

// redactURL takes tokens out of the URL one was found at: whoever leaked it
// chose the URL, and the ledger and the mails must not repeat it. Beside
// everything of our shape it takes out the given strings. A token that only
// comes to light when the URL is decoded, however often, costs it its path.
func redactURL(link string, format token.Format, literals ...string) string {
	link = strings.TrimSpace(link)
	for i := range literals {
		literals[i] = strings.TrimSpace(literals[i])
	}
	shows := func(s string) bool {
		return len(format.Within(s)) > 0 || slices.ContainsFunc(literals, func(literal string) bool {
			return len(literal) >= minLiteral && strings.Contains(s, literal)
		})
	}
	redacted := format.Redact(link)
	for _, literal := range literals {
		if len(literal) >= minLiteral {
			redacted = strings.ReplaceAll(redacted, literal, token.Hint(literal))
		}
	}
	hidden := len(link) > maxRawURL
	for level := redacted; !hidden; {
		decoded := decodeOnce(level)
		if decoded == level {
			break
		}
		level, hidden = decoded, shows(decoded)
	}
	if hidden {
		if host := hostOf(link); host != "" && !shows(host) {
			return "https://" + host + "/…"
		}
		return ""
	}
	if len(redacted) > maxURL { // cut last: the other way round half a token could stay
		redacted = strings.ToValidUTF8(redacted[:maxURL], "")
	}
	return redacted
}

// hostOf returns the host of an https URL, or "". Not by url.Parse, which gives
// up at a mistake in the path.
func hostOf(link string) string {
	rest, ok := strings.CutPrefix(link, "https://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	strange := func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '.' && c != '-'
	}
	if !ok || len(rest) > 255 || strings.ContainsFunc(rest, strange) {
		return ""
	}
	return rest
}

// decodeOnce decodes every valid %XX and leaves the rest, as a reader would
// who does not stop at a mistake. A plus sign stays one.
func decodeOnce(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				out = append(out, b[0])
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

// digest names a report by its body: the same report delivered again has the
// same name. (The signature would not do: a second valid one can be made from
// the first.)
func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}
