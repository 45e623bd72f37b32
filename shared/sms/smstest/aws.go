package smstest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The protocol is JSON 1.0, as the SDK's serializers write it.
const (
	awsKind   = "application/x-amz-json-1.0"
	awsTarget = "PinpointSMSVoiceV2.SendTextMessage"
)

// sendTextMessage is the body of SendTextMessage, as far as it is judged.
type sendTextMessage struct {
	DestinationPhoneNumber, OriginationIdentity, MessageBody, MessageType string
	TimeToLive                                                            *int
	Context                                                               map[string]string
	DryRun                                                                bool
}

// What the fields must be like. The service takes a number without its plus too;
// here one must be E.164, so that a mistake of ours is found. Source: the service's
// API model; the bounds of TimeToLive are those of its reference.
var (
	e164        = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)
	origination = regexp.MustCompile(`^[A-Za-z0-9_:/+-]{1,256}$`)
	contextKey  = regexp.MustCompile(`^\S{1,100}$`)
	signature   = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[A-Za-z0-9]+/\d{8}/[a-z0-9-]+/sms-voice/aws4_request, ?SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}$`)
)

const (
	minTimeToLive = 5
	maxTimeToLive = 259200
	maxMessage    = 1600
	maxContext    = 5
)

// aws finds out what a call of AWS's API asks for.
func (s *Server) aws(r *http.Request, body []byte) action {
	act := action{call: Call{Service: "aws"}, refuse: func(code string) reply {
		if code == "" {
			return awsRefusal("ThrottlingException", "", "")
		}
		name, reason, _ := strings.Cut(code, " ")
		return awsRefusal(name, reason, "")
	}}
	refuse := func(name, reason, field string) action {
		act.do = func() reply { return awsRefusal(name, reason, field) }
		return act
	}
	if r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("X-Amz-Target") != awsTarget || r.Header.Get("Content-Type") != awsKind {
		return refuse("UnknownOperationException", "", "")
	}
	act.call.Action = "send"
	if !signed(r, s.Now()) {
		return refuse("MissingAuthenticationTokenException", "", "")
	}
	var q sendTextMessage
	if json.Unmarshal(body, &q) != nil {
		return refuse("SerializationException", "", "")
	}
	act.call.To = q.DestinationPhoneNumber
	if field := q.mistake(); field != "" {
		return refuse("ValidationException", "INVALID_PARAMETER", field)
	}
	if !slices.Contains(s.Originations, q.OriginationIdentity) {
		return refuse("ResourceNotFoundException", "", "")
	}
	act.do = func() reply {
		id := newID("")
		s.mu.Lock()
		defer s.mu.Unlock()
		if !q.DryRun {
			s.send(id, q.DestinationPhoneNumber, q.MessageBody)
		}
		return jsonReply(http.StatusOK, awsKind, map[string]string{"MessageId": id})
	}
	return act
}

// signed says whether a request carries a fresh signature for the service. Who
// signed it is nothing that a double could know.
func signed(r *http.Request, now time.Time) bool {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	return err == nil && now.Sub(at).Abs() < 15*time.Minute && signature.MatchString(r.Header.Get("Authorization"))
}

// mistake returns the field that the service would complain about, or "".
func (q *sendTextMessage) mistake() string {
	switch {
	case !e164.MatchString(q.DestinationPhoneNumber):
		return "DestinationPhoneNumber"
	// Over there it may be left out, and the account picks one; ours must say it.
	case !origination.MatchString(q.OriginationIdentity):
		return "OriginationIdentity"
	case strings.TrimSpace(q.MessageBody) == "" || utf8.RuneCountInString(q.MessageBody) > maxMessage:
		return "MessageBody"
	case q.MessageType != "TRANSACTIONAL" && q.MessageType != "PROMOTIONAL":
		return "MessageType"
	case q.TimeToLive != nil && (*q.TimeToLive < minTimeToLive || *q.TimeToLive > maxTimeToLive):
		return "TimeToLive"
	case len(q.Context) > maxContext:
		return "Context"
	}
	for key, value := range q.Context {
		if !contextKey.MatchString(key) || value == "" || len(value) > 800 {
			return "Context"
		}
	}
	return ""
}

// awsRefusal is an error as the service writes it. Its message names the number
// on purpose, as some of the real ones do: nobody may log it.
func awsRefusal(name, reason, field string) reply {
	body := map[string]any{"__type": "com.amazonaws.pinpointsmsvoicev2#" + name, "Message": "not sent to " + leak}
	if reason != "" {
		body["Reason"] = reason
	}
	if field != "" {
		body["Fields"] = []map[string]string{{"Name": field, "Message": "is not valid"}}
	}
	status := http.StatusBadRequest
	if name == "InternalServerException" {
		status = http.StatusInternalServerError
	}
	return jsonReply(status, awsKind, body)
}

// leak stands in every refusal's message. A test that finds it anywhere has found
// a message of a service that was passed on.
const leak = "+1999leak"
