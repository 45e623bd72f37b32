package host

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// UserARN is the principal that functions behind AWS_IAM see here.
const UserARN = "arn:aws:iam::" + Account + ":user/local"

// event builds what a Function URL hands to its function, payload format 2.0:
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
func (u *URL) event(r *http.Request, id string, body []byte) ([]byte, error) {
	now := time.Now().UTC()
	peer, _, _ := net.SplitHostPort(r.RemoteAddr)
	domain, _, _ := strings.Cut(r.Host, ":")
	e := events.LambdaFunctionURLRequest{
		Version: "2.0",
		// Function URLs leave a path as it was sent; HTTP APIs would decode it.
		RawPath:        r.URL.EscapedPath(),
		RawQueryString: r.URL.RawQuery,
		Headers:        headers(r, peer),
		RequestContext: events.LambdaFunctionURLRequestContext{
			AccountID:    "anonymous",
			RequestID:    id,
			APIID:        "local",
			DomainName:   r.Host,
			DomainPrefix: domain,
			Time:         now.Format("02/Jan/2006:15:04:05 -0700"),
			TimeEpoch:    now.UnixMilli(),
			HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{
				Method:    r.Method,
				Path:      r.URL.EscapedPath(),
				Protocol:  r.Proto,
				SourceIP:  peer,
				UserAgent: r.UserAgent(),
			},
		},
	}
	for _, c := range r.Cookies() {
		e.Cookies = append(e.Cookies, c.Name+"="+c.Value)
	}
	if query := r.URL.Query(); len(query) > 0 {
		e.QueryStringParameters = make(map[string]string, len(query))
		for name, values := range query {
			e.QueryStringParameters[name] = strings.Join(values, ",")
		}
	}
	if u.Auth == AuthIAM {
		e.RequestContext.AccountID = Account
		e.RequestContext.Authorizer = &events.LambdaFunctionURLRequestContextAuthorizerDescription{
			IAM: &events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{
				AccessKey: "LOCAL", AccountID: Account, CallerID: "LOCAL", UserARN: UserARN, UserID: "LOCAL",
			},
		}
	}
	if u.ForceBase64 || !isText(r.Header.Get("Content-Type"), body) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	} else {
		e.Body = string(body)
	}

	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // six bytes for each of < > & would eat the limit
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("building the event: %w", err)
	}
	return b.Bytes(), nil
}

// headers are the request's, lower-cased and joined, as Function URLs have them.
func headers(r *http.Request, peer string) map[string]string {
	h := make(map[string]string, len(r.Header)+5)
	for name, values := range r.Header {
		h[strings.ToLower(name)] = strings.Join(values, ",")
	}
	delete(h, "cookie") // they are in a field of their own
	h["host"] = r.Host
	if r.ContentLength >= 0 && r.Method != http.MethodGet {
		h["content-length"] = fmt.Sprint(r.ContentLength)
	}
	h["x-forwarded-for"] = peer
	h["x-forwarded-proto"] = "http"
	h["x-forwarded-port"] = "80"
	return h
}

// isText says whether a body travels as it is. Function URLs go by the content
// type and carry everything but text and JSON as base64, HTML forms included; a
// body that is not UTF-8 cannot stand in a JSON string anyhow.
func isText(contentType string, body []byte) bool {
	if len(body) == 0 {
		return true
	}
	if !utf8.Valid(body) {
		return false
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return true
	}
	return strings.HasPrefix(kind, "text/") ||
		kind == "application/json" || strings.HasSuffix(kind, "+json") ||
		kind == "application/javascript" || kind == "application/xml" || strings.HasSuffix(kind, "+xml")
}
