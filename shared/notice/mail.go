// Package notice writes and sends the mails that tell the people who run a
// workspace what happened to its API tokens.
//
// Rendering is pure: the same facts give the same mail, byte for byte, so a
// mail that is sent a second time after a crash is recognisably the same.
package notice

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Brand is what the company that runs the stack puts on its mails. Its
// customers know the company's product, so that is the only name they see.
type Brand struct {
	// Product is the name customers know. When empty, the domain of From
	// stands in for it.
	Product string
	// From is the sender, "addr" or "Name <addr>". Its domain ends the thread
	// ids in the headers, so it must have one.
	From string
	// The pages a mail leads to: https (http and mailto are accepted too, for
	// a local stack and for a support address). "{workspace}" is replaced by
	// the percent-encoded workspace id. An empty or unusable address is left
	// out; every sentence is complete without its link.
	TokensURL, AuditURL, DocsURL, SupportURL string
}

// Recipient is one person a mail goes to.
type Recipient struct {
	User  string // the company's id of the person, or "security-contact"
	Email string
	// Role is "owner" or "admin". Empty means the stack's fallback contact,
	// who gets the mail because the workspace has nobody else to write to.
	Role string
}

// Mail is a rendered mail, without addresses. Subject and header values are
// single lines; Text and HTML say the same.
type Mail struct {
	Subject, Text, HTML string
	Headers             map[string]string
}

// ErrNoExposure is returned for a mail that would have nothing to say.
var ErrNoExposure = errors.New("notice: no exposure to write about")

// ErrOutcome is returned when what became of a token is not known. A mail that
// guesses between "revoked" and "still works" would be worse than none.
var ErrOutcome = errors.New("notice: unknown outcome of an exposure")

// ErrFrom is returned when Brand.From has no domain.
var ErrFrom = errors.New("notice: the sender's address has no domain")

// Limits of what one header line and one subject may hold.
const (
	subjectRunes    = 100
	referenceIDs    = 10  // a thread needs one id in common, not a thousand
	headerValueLen  = 870 // SES v2 MessageHeader: value at most 870 characters
	referenceIDPart = 80  // bytes of one token id; ours have 30
)

// Render writes the mail about exposures of one workspace, 1 to 1,000 of them,
// that were reported together. When a token is named more than once, its latest
// outcome counts and every place is told. It does no I/O.
func Render(b Brand, workspaceID, workspaceName string, to Recipient, exposures []Exposure) (Mail, error) {
	domain, err := domainOf(b.From)
	if err != nil {
		return Mail{}, err
	}
	leaks, err := gather(exposures)
	if err != nil {
		return Mail{}, err
	}
	st := newStory(b, domain, workspaceID, workspaceName, to, leaks)
	p := st.page()
	html, err := renderHTML(p)
	if err != nil {
		return Mail{}, fmt.Errorf("notice: rendering the HTML part: %w", err)
	}
	return Mail{
		Subject: p.Subject,
		Text:    renderText(p),
		HTML:    html,
		Headers: exposureHeaders(domain, leaks),
	}, nil
}

// exposureHeaders marks the mail as written by a machine (RFC 3834, and the
// header Exchange heeds instead) and ties all mails about one token into one
// thread by ids that can be computed again at any time.
func exposureHeaders(domain string, leaks []*leak) map[string]string {
	h := map[string]string{
		"Auto-Submitted":           "auto-generated",
		"X-Auto-Response-Suppress": "All",
	}
	var refs []string
	length := 0
	for _, l := range leaks {
		id := keepOnly(l.TokenID, referenceIDPart, isIDByte)
		if id == "" {
			continue
		}
		ref := "<" + id + ".exposed@" + domain + ">"
		if len(refs) == referenceIDs || length+1+len(ref) > headerValueLen {
			break
		}
		refs = append(refs, ref)
		length += 1 + len(ref)
	}
	if len(refs) > 0 {
		h["In-Reply-To"] = refs[0]
		h["References"] = strings.Join(refs, " ")
	}
	return h
}

// domainOf takes the domain out of "addr" or "Name <addr>". Only a plain ASCII
// domain will do, because it goes into headers unencoded.
func domainOf(from string) (string, error) {
	_, after, ok := cutLast(from, "@")
	if !ok {
		return "", ErrFrom
	}
	after = strings.TrimSuffix(strings.TrimSpace(after), ">")
	domain := strings.ToLower(keepOnly(after, 253, isDomainByte))
	if domain == "" || len(domain) != len(after) {
		return "", ErrFrom
	}
	return domain, nil
}

// brandURL fills in the workspace and says whether the address may be a link.
func brandURL(tmpl, workspaceID string) string {
	// QueryEscape is the strictest of the standard escapings, so the id stays
	// one segment wherever the template puts it; only its "+" is wrong in a path.
	id := strings.ReplaceAll(url.QueryEscape(workspaceID), "+", "%20")
	s := strings.ReplaceAll(strings.TrimSpace(tmpl), "{workspace}", id)
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	switch {
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && u.Host != "", u.Scheme == "mailto" && u.Opaque != "":
		return percentEncode(s)
	}
	return ""
}

func isIDByte(c byte) bool     { return isAlnum(c) || c == '_' || c == '-' }
func isDomainByte(c byte) bool { return isAlnum(c) || c == '.' || c == '-' }
func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// keepOnly drops every byte that ok refuses and all beyond limit.
func keepOnly(s string, limit int, ok func(byte) bool) string {
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() < limit; i++ {
		if ok(s[i]) {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
