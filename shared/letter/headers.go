package letter

import (
	"net/url"
	"strings"
)

// Limits of what one header line and one subject may hold.
const (
	subjectRunes    = 100
	referenceIDs    = 10  // a thread needs one id in common, not a thousand
	headerValueLen  = 870 // SES v2 MessageHeader: value at most 870 characters
	referenceIDPart = 80  // bytes of one token id; ours have 30
	threadIDPart    = 128 // bytes of a workspace's or user's id, the longest there are
)

// machineHeaders marks a mail as written by a machine (RFC 3834, and the header
// Exchange heeds instead) and ties it into threads by ids that can be computed
// again at any time.
func machineHeaders(threads []string) map[string]string {
	h := map[string]string{
		"Auto-Submitted":           "auto-generated",
		"X-Auto-Response-Suppress": "All",
	}
	if len(threads) > 0 {
		h["In-Reply-To"] = threads[0]
		h["References"] = strings.Join(threads, " ")
	}
	return h
}

// exposedThreads has a thread for each token.
func exposedThreads(domain string, leaks []*leak) []string {
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
	return refs
}

// digestedThreads has one thread for all digests of a workspace.
func digestedThreads(domain, workspaceID string) []string {
	return thread(workspaceID, "hygiene", domain)
}

// rotatedThreads has one thread for all rotations of a credential.
func rotatedThreads(domain, credentialID string) []string {
	return thread(credentialID, "rotation", domain)
}

// accountThreads has one thread for all that happens to a user's account.
func accountThreads(domain, user string) []string {
	return thread(user, "account", domain)
}

// thread is the one thread of something, or none when it has no id. The id is
// escaped, not stripped: a.b and ab are two customers. RFC 5322 allows the
// percent sign there, but not every dot.
func thread(id, topic, domain string) []string {
	id = url.QueryEscape(id[:min(len(id), threadIDPart)])
	if id == "" {
		return nil
	}
	return []string{"<" + strings.ReplaceAll(id, ".", "%2E") + "." + topic + "@" + domain + ">"}
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
