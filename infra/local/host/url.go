package host

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// The two ways a Function URL lets callers in, as the template spells them.
const (
	AuthNone = "NONE"
	AuthIAM  = "AWS_IAM"
)

// A URL serves a function as its Function URL does in BUFFERED mode.
type URL struct {
	Function *Function
	// Auth is AuthNone or AuthIAM. With the latter, callers need not sign here:
	// the function sees [UserARN] in the event.
	Auth string
	// ForceBase64 carries every body as base64, which a function must be able to
	// take in any case.
	ForceBase64 bool
}

// ServeHTTP invokes the function. Whatever goes wrong in it is a 502 without a
// reason, which is all that Lambda gives away.
func (u *URL) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit+1))
	if err != nil {
		return // the caller went away
	}
	// One id for the header, the event and the invocation, as on AWS: it is what
	// somebody with a failed request looks for in the logs.
	id := newRequestID()
	w.Header().Set("X-Amzn-Requestid", id)
	payload, err := u.event(r, id, body)
	if err != nil {
		message(w, http.StatusBadRequest, err.Error())
		return
	}
	// Lambda weighs the event and not the request: quotes that JSON escapes and
	// base64 count. What would be refused there must not pass here.
	if len(body) > PayloadLimit || len(payload) > PayloadLimit {
		message(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", PayloadLimit))
		return
	}
	result, err := u.Function.invoke(r.Context(), id, payload)
	switch {
	case errors.Is(err, ErrClosed):
		message(w, http.StatusServiceUnavailable, "Service Unavailable")
	case err != nil:
		return // the caller went away; the invocation runs on
	case result.Failed:
		message(w, http.StatusBadGateway, "Internal Server Error")
	default:
		answer(w, result.Payload)
	}
}

// answer turns what a function returned into HTTP. Without a statusCode the
// whole of it is the body of a 200, as payload format 2.0 has it.
func answer(w http.ResponseWriter, payload []byte) {
	var a events.LambdaFunctionURLResponse
	if err := json.Unmarshal(payload, &a); err != nil || a.StatusCode == 0 {
		if !json.Valid(payload) {
			message(w, http.StatusBadGateway, "Internal Server Error")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(payload)
		return
	}
	body := []byte(a.Body)
	if a.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(a.Body)
		if err != nil {
			message(w, http.StatusBadGateway, "Internal Server Error")
			return
		}
		body = decoded
	}
	h := w.Header()
	h.Set("Content-Type", "application/json") // unless the function says otherwise
	for name, value := range a.Headers {
		if !strings.EqualFold(name, "Content-Length") && !strings.EqualFold(name, "Transfer-Encoding") {
			h.Set(name, value)
		}
	}
	for _, cookie := range a.Cookies {
		h.Add("Set-Cookie", cookie)
	}
	if a.StatusCode == http.StatusNoContent || a.StatusCode == http.StatusNotModified {
		h.Del("Content-Type")
	}
	w.WriteHeader(a.StatusCode)
	_, _ = w.Write(body)
}

// message answers as Lambda's own front does.
func message(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Message": text})
}
