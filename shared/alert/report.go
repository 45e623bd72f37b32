package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
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
			place: token.Place{Source: cleanSource(source), URL: cleanURL(link, text, format)},
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

// sourceShape fits every word that GitHub's documentation lists and those it
// will add; anything else could be used to smuggle text into a mail.
var sourceShape = regexp.MustCompile(`^[a-z_]{1,40}$`)

func cleanSource(source string) string {
	source = strings.ToLower(strings.TrimSpace(source))
	if !sourceShape.MatchString(source) {
		return ""
	}
	return source
}

// maxURL is the longest URL that is kept, in bytes.
const maxURL = 2048

// cleanURL takes the leaked token out of the URL it was found at: whoever
// leaked it chose the URL, and the ledger and the mails must not repeat it.
func cleanURL(link, leaked string, format token.Format) string {
	link = strings.TrimSpace(link)
	if hides(link, leaked, format) {
		// It is in there under an encoding. Nothing of the path is worth
		// the risk of getting that wrong.
		if u, err := url.Parse(link); err == nil && u.Host != "" && !contains(u.Host, leaked, format) {
			return "https://" + u.Host + "/…"
		}
		return ""
	}
	link = format.Redact(link)
	if leaked = strings.TrimSpace(leaked); len(leaked) >= minLiteral {
		link = strings.ReplaceAll(link, leaked, token.Hint(leaked))
	}
	if len(link) > maxURL { // cut last: the other way round half a token could stay
		link = strings.ToValidUTF8(link[:maxURL], "")
	}
	return link
}

// minLiteral is the shortest reported string that is searched for in the URL
// letter by letter. A shorter one is no token anybody issued.
const minLiteral = 8

func contains(s, leaked string, format token.Format) bool {
	leaked = strings.TrimSpace(leaked)
	return len(format.Within(s)) > 0 || len(leaked) >= minLiteral && strings.Contains(s, leaked)
}

// hides says whether decoding the URL brings the token to light.
func hides(link, leaked string, format token.Format) bool {
	for range 3 { // nobody reads a URL encoded more often than that
		decoded, err := url.QueryUnescape(link)
		if err != nil || decoded == link {
			return false
		}
		if contains(decoded, leaked, format) && !contains(link, leaked, format) {
			return true
		}
		link = decoded
	}
	return false
}

// digest names a report by its body: the same report delivered again has the
// same name. (The signature would not do: a second valid one can be made from
// the first.)
func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}
