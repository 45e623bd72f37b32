package outbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// sendEmail is the body of POST /v2/email/outbound-emails, as far as it is used:
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
type sendEmail struct {
	FromEmailAddress     string
	Destination          struct{ ToAddresses, CcAddresses, BccAddresses []string }
	ReplyToAddresses     []string
	ConfigurationSetName string
	EmailTags            []struct{ Name, Value string }
	Content              struct {
		Simple *simple
		Raw    json.RawMessage
	}
}

type simple struct {
	Subject text
	Body    struct{ Text, HTML *text }
	Headers []struct{ Name, Value string }
}

type text struct{ Data, Charset string }

// credential is the part of a signature that names who signed for what.
var credential = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[A-Za-z0-9]+/\d{8}/([a-z0-9-]+)/([a-z]+)/aws4_request, ?SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}$`)

// sizeLimit is what a message may weigh with SES v2, in bytes.
const sizeLimit = 40 << 20

// ServeHTTP serves SendEmail and knows nothing else.
func (o *Outbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v2/email/outbound-emails" {
		refuse(w, &Error{404, "UnknownOperationException", "the local stack knows only SendEmail"})
		return
	}
	if err := signed(r); err != nil {
		refuse(w, err)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, sizeLimit+1))
	if err != nil {
		return // the caller went away
	}
	m, refusal := o.read(body)
	if refusal == nil {
		refusal = o.take(m)
	}
	if refusal != nil {
		refuse(w, refusal)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"MessageId": m.ID})
}

// signed checks that a request carries a signature for SES. Who signed it is
// nothing that a stand-in could know.
func signed(r *http.Request) *Error {
	authorization := r.Header.Get("Authorization")
	if authorization == "" {
		return &Error{403, "MissingAuthenticationTokenException", "Missing Authentication Token"}
	}
	scope := credential.FindStringSubmatch(authorization)
	if scope == nil || scope[2] != "ses" {
		return &Error{403, "IncompleteSignatureException", "the Authorization header is no Signature Version 4 for ses"}
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > 15*time.Minute {
		return &Error{403, "SignatureDoesNotMatch", "Signature expired or not dated"}
	}
	return nil
}

// read takes a request apart and judges it as SES does.
func (o *Outbox) read(body []byte) (Mail, *Error) {
	var q sendEmail
	if len(body) > sizeLimit {
		return Mail{}, badRequest("Message length is more than %d bytes long", sizeLimit)
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return Mail{}, badRequest("the request is no JSON: %v", err)
	}
	if q.Content.Simple == nil {
		return Mail{}, badRequest("the local stack takes messages with Content.Simple")
	}
	if err := o.checkSender(q.FromEmailAddress); err != nil {
		return Mail{}, err
	}
	if err := checkRecipients(q); err != nil {
		return Mail{}, err
	}
	if err := q.Content.Simple.check(); err != nil {
		return Mail{}, err
	}
	if err := checkTags(q); err != nil {
		return Mail{}, err
	}
	now := time.Now().UTC()
	m := Mail{
		ID: messageID(now), At: now,
		To:      q.Destination.ToAddresses,
		Subject: q.Content.Simple.Subject.Data,
		Headers: map[string]string{"From": q.FromEmailAddress},
	}
	if b := q.Content.Simple.Body; b.Text != nil {
		m.Text = b.Text.Data
	}
	if b := q.Content.Simple.Body; b.HTML != nil {
		m.HTML = b.HTML.Data
	}
	// What is empty was not sent, so a reader need not tell the two apart.
	put := func(name, value string) {
		if value != "" {
			m.Headers[name] = value
		}
	}
	put("Cc", strings.Join(q.Destination.CcAddresses, ", "))
	put("Bcc", strings.Join(q.Destination.BccAddresses, ", "))
	put("Reply-To", strings.Join(q.ReplyToAddresses, ", "))
	put("X-SES-CONFIGURATION-SET", q.ConfigurationSetName)
	var tags []string
	for _, t := range q.EmailTags {
		tags = append(tags, t.Name+"="+t.Value)
	}
	put("X-SES-MESSAGE-TAGS", strings.Join(tags, ", "))
	for _, h := range q.Content.Simple.Headers {
		put(h.Name, h.Value)
	}
	return m, nil
}

func refuse(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", e.Code)
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": e.Message})
}

func badRequest(format string, a ...any) *Error {
	return &Error{400, "BadRequestException", fmt.Sprintf(format, a...)}
}
