package outbox

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"
)

// checkSender demands an address under the verified identity. The display name
// must be ASCII: SES wants anything else as an RFC 2047 encoded word.
func (o *Outbox) checkSender(from string) *Error {
	if from == "" {
		return badRequest("Missing required parameter FromEmailAddress")
	}
	a, err := mail.ParseAddress(from)
	if err != nil || !ascii(from) {
		return badRequest("Illegal address: %q", from)
	}
	if e := checkBare(a.Address); e != nil {
		return e
	}
	// An identity that is a domain covers its subdomains, but no domain that only
	// ends in the same letters.
	_, domain, _ := strings.Cut(a.Address, "@")
	domain, identity := strings.ToLower(domain), strings.ToLower(o.identity)
	if strings.EqualFold(a.Address, identity) || domain == identity || strings.HasSuffix(domain, "."+identity) {
		return nil
	}
	return &Error{400, "MessageRejected", "Email address is not verified. The following identities failed the check in region US-EAST-1: " + a.Address}
}

func checkRecipients(q sendEmail) *Error {
	d := q.Destination
	count := len(d.ToAddresses) + len(d.CcAddresses) + len(d.BccAddresses)
	if count == 0 {
		return badRequest("At least one recipient is required")
	}
	if count > 50 {
		return badRequest("Recipient count exceeds 50.")
	}
	for _, list := range [][]string{d.ToAddresses, d.CcAddresses, d.BccAddresses, q.ReplyToAddresses} {
		for _, address := range list {
			if e := checkBare(address); e != nil {
				return e
			}
		}
	}
	return nil
}

// Stricter than RFC 5321, which allows quoted local parts and hosts without a
// dot: SES refuses those or cannot deliver to them.
var (
	local  = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+/=?^_` + "`" + `{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_` + "`" + `{|}~-]+)*$`)
	domain = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$`)
)

// checkBare demands an address and nothing around it. SES itself would take a
// display name in To; Safekeep never sends one, since it would be chosen by
// whoever typed the address.
func checkBare(address string) *Error {
	at := strings.LastIndexByte(address, '@')
	switch {
	case at < 0:
		return badRequest("Missing final '@domain'")
	case len(address) > 320 || at > 64:
		return badRequest("Local address or domain is too long")
	case !local.MatchString(address[:at]):
		return badRequest("Local address contains control or whitespace or illegal characters")
	case !domain.MatchString(address[at+1:]):
		return badRequest("Domain contains illegal character or is no domain")
	}
	return nil
}

var (
	headerName  = regexp.MustCompile(`^[!-9;-~]{1,126}$`)
	headerValue = regexp.MustCompile(`^[ -~]*$`)
	tag         = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)
)

// reserved are the headers that SES sets itself and takes from nobody.
var reserved = map[string]bool{
	"from": true, "to": true, "cc": true, "bcc": true, "subject": true, "reply-to": true, "sender": true,
	"return-path": true, "date": true, "message-id": true, "mime-version": true, "content-type": true,
	"content-transfer-encoding": true, "dkim-signature": true, "received": true, "feedback-id": true,
}

func (s *simple) check() *Error {
	if s.Subject.Data == "" {
		return badRequest("Missing required parameter Subject")
	}
	if strings.ContainsAny(s.Subject.Data, "\r\n\x00") {
		return badRequest("Control characters are not allowed in the subject")
	}
	if s.Body.Text == nil && s.Body.HTML == nil {
		return badRequest("Missing required parameter Body")
	}
	// SES takes text without a charset for 7-bit ASCII and spoils the rest. Here the
	// mistake is an error, so that it is found before a customer reads "?".
	for _, part := range []*text{&s.Subject, s.Body.Text, s.Body.HTML} {
		if part != nil && part.Charset == "" && !ascii(part.Data) {
			return badRequest("text beyond ASCII needs a Charset")
		}
	}
	if len(s.Headers) > 15 {
		return badRequest("there are more than 15 headers")
	}
	for _, h := range s.Headers {
		switch {
		case !headerName.MatchString(h.Name), !headerValue.MatchString(h.Value),
			len(h.Value) > 995, len(h.Name)+len(h.Value) > 996:
			return badRequest("Invalid header %q", h.Name)
		case reserved[strings.ToLower(h.Name)]:
			return badRequest("Header %q is reserved", h.Name)
		}
	}
	return nil
}

func checkTags(q sendEmail) *Error {
	for _, t := range q.EmailTags {
		if !tag.MatchString(t.Name) || !tag.MatchString(t.Value) {
			return badRequest("Invalid tag %q=%q", t.Name, t.Value)
		}
	}
	return nil
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// messageID looks like one of SES.
func messageID(now time.Time) string {
	var b [14]byte
	_, _ = rand.Read(b[:]) // cannot fail
	return fmt.Sprintf("%016x-%s-000000", now.UnixMilli(), hex.EncodeToString(b[:]))
}
