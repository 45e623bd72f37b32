package smstest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"safekeep/shared/sms/smstest"
)

const (
	from    = "+18885550100"
	phone   = "+16045550142"
	account = "AC00000000000000000000000000000001"
	service = "VA00000000000000000000000000000002"
)

func open() *smstest.Server {
	s := smstest.New()
	s.Originations = []string{from}
	s.Twilio = smstest.Account{AccountSID: account, AuthToken: "token", ServiceSID: service, FriendlyName: "Acme"}
	return s
}

// sendTextMessage is a call of AWS's API that is accepted as it stands.
func sendTextMessage(edit func(map[string]any)) *http.Request {
	fields := map[string]any{
		"DestinationPhoneNumber": phone, "OriginationIdentity": from, "MessageBody": "hello", "MessageType": "TRANSACTIONAL",
		"TimeToLive": 600, "Context": map[string]string{"purpose": "test"},
	}
	if edit != nil {
		edit(fields)
	}
	body, _ := json.Marshal(fields)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
	now := time.Now().UTC()
	r.Header.Set("X-Amz-Target", "PinpointSMSVoiceV2.SendTextMessage")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Date", now.Format("20060102T150405Z"))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/"+now.Format("20060102")+"/us-east-1/sms-voice/aws4_request, SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("a", 64))
	return r
}

func do(s *smstest.Server, r *http.Request) (int, map[string]any) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var fields map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &fields)
	return w.Code, fields
}

// A message that AWS would send is kept, newest first, as /local/sms shows it.
func TestAWSAccepts(t *testing.T) {
	t.Parallel()
	s := open()
	if encoded, _ := json.Marshal(s.Texts()); string(encoded) != "[]" {
		t.Errorf("%s", encoded)
	}
	for _, text := range []string{"one", "two"} {
		status, fields := do(s, sendTextMessage(func(f map[string]any) { f["MessageBody"] = text }))
		if status != 200 || fields["MessageId"] != s.Texts()[0].ID || s.Texts()[0].Text != text || s.Texts()[0].To != phone {
			t.Errorf("%d %v %v", status, fields, s.Texts())
		}
	}
	if status, _ := do(s, sendTextMessage(func(f map[string]any) { f["DryRun"] = true })); status != 200 || len(s.Texts()) != 2 {
		t.Errorf("a dry run: %d, %d texts", status, len(s.Texts()))
	}
	var shown []map[string]any
	encoded, _ := json.Marshal(s.Texts())
	if err := json.Unmarshal(encoded, &shown); err != nil || len(shown[0]) != 4 || shown[0]["text"] != "two" || shown[0]["to"] != phone || shown[0]["id"] == "" || shown[0]["at"] == "" {
		t.Errorf("%s", encoded)
	}
}

// What AWS would refuse is refused, with its name for it.
func TestAWSRefuses(t *testing.T) {
	t.Parallel()
	set := func(field string, value any) func() *http.Request {
		return func() *http.Request { return sendTextMessage(func(f map[string]any) { f[field] = value }) }
	}
	header := func(name, value string) func() *http.Request {
		return func() *http.Request {
			r := sendTextMessage(nil)
			r.Header.Set(name, value)
			return r
		}
	}
	many := map[string]string{"a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "f": "6"}
	for name, c := range map[string]struct {
		request func() *http.Request
		want    string
		field   string
	}{
		"no number":        {set("DestinationPhoneNumber", ""), "ValidationException", "DestinationPhoneNumber"},
		"no plus":          {set("DestinationPhoneNumber", "16045550142"), "ValidationException", "DestinationPhoneNumber"},
		"a long number":    {set("DestinationPhoneNumber", "+1604555014212345"), "ValidationException", "DestinationPhoneNumber"},
		"no identity":      {set("OriginationIdentity", ""), "ValidationException", "OriginationIdentity"},
		"another identity": {set("OriginationIdentity", "+18885550199"), "ResourceNotFoundException", ""},
		"no text":          {set("MessageBody", " \n"), "ValidationException", "MessageBody"},
		"a long text":      {set("MessageBody", strings.Repeat("x", 1601)), "ValidationException", "MessageBody"},
		"no type":          {set("MessageType", ""), "ValidationException", "MessageType"},
		"a short life":     {set("TimeToLive", 4), "ValidationException", "TimeToLive"},
		"a long life":      {set("TimeToLive", 259201), "ValidationException", "TimeToLive"},
		"a lot of context": {set("Context", many), "ValidationException", "Context"},
		"a space":          {set("Context", map[string]string{"a b": "1"}), "ValidationException", "Context"},
		"not text":         {set("MessageBody", 7), "SerializationException", ""},
		"another call":     {header("X-Amz-Target", "PinpointSMSVoiceV2.SendVoiceMessage"), "UnknownOperationException", ""},
		"another protocol": {header("Content-Type", "application/json"), "UnknownOperationException", ""},
		"unsigned":         {header("Authorization", ""), "MissingAuthenticationTokenException", ""},
		"old":              {header("X-Amz-Date", "20200101T000000Z"), "MissingAuthenticationTokenException", ""},
		"another service": {header("Authorization", strings.Replace(sendTextMessage(nil).Header.Get("Authorization"), "/sms-voice/", "/sns/", 1)),
			"MissingAuthenticationTokenException", ""},
	} {
		s := open()
		status, fields := do(s, c.request())
		if kind, _ := fields["__type"].(string); status != 400 || !strings.HasSuffix(kind, "#"+c.want) || len(s.Texts()) != 0 {
			t.Errorf("%s: %d %v", name, status, fields)
		}
		encoded, _ := json.Marshal(fields["Fields"])
		if c.field != "" && !strings.Contains(string(encoded), `"Name":"`+c.field+`"`) {
			t.Errorf("%s: %s", name, encoded)
		}
	}
}

func verify(path, user, token string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(user, token)
	return r
}

// Verify keeps one code for a number, also over several sends, until it is used.
func TestTwilioLife(t *testing.T) {
	t.Parallel()
	s := open()
	start := func() (int, map[string]any) {
		return do(s, verify("/v2/Services/"+service+"/Verifications", account, "token", url.Values{"To": {phone}, "Channel": {"sms"}}))
	}
	check := func(code string) (int, map[string]any) {
		return do(s, verify("/v2/Services/"+service+"/VerificationCheck", account, "token", url.Values{"To": {phone}, "Code": {code}}))
	}
	status, first := start()
	_, second := start()
	texts := s.Texts()
	if status != 201 || first["status"] != "pending" || first["sid"] != second["sid"] || len(texts) != 2 || texts[0].Text != texts[1].Text {
		t.Fatalf("%d %v %v", status, first, texts)
	}
	code := texts[0].Text[len(texts[0].Text)-6:]
	if status, got := check("9999"); status != 200 || got["status"] != "pending" || got["valid"] != false {
		t.Errorf("wrong: %d %v", status, got)
	}
	if status, got := check(code); status != 200 || got["status"] != "approved" || got["valid"] != true || got["to"] != phone {
		t.Errorf("right: %d %v", status, got)
	}
	if status, got := check(code); status != 404 || got["code"] != 20404.0 {
		t.Errorf("again: %d %v", status, got)
	}
	if _, third := start(); third["sid"] == first["sid"] {
		t.Error("after a code was used, the next is the same")
	}
}

func TestTwilioRefuses(t *testing.T) {
	t.Parallel()
	starts, checks := "/v2/Services/"+service+"/Verifications", "/v2/Services/"+service+"/VerificationCheck"
	good := url.Values{"To": {phone}, "Channel": {"sms"}}
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		code    float64
	}{
		"no user":         {verify(starts, "", "token", good), 401, 20003},
		"another token":   {verify(starts, account, "t0ken", good), 401, 20003},
		"another service": {verify("/v2/Services/VA0/Verifications", account, "token", good), 404, 20404},
		"another path":    {verify(starts+"/x", account, "token", good), 404, 20404},
		"no plus":         {verify(starts, account, "token", url.Values{"To": {phone[1:]}, "Channel": {"sms"}}), 400, 60200},
		"another channel": {verify(starts, account, "token", url.Values{"To": {phone}, "Channel": {"call"}}), 400, 60200},
		"a short code":    {verify(checks, account, "token", url.Values{"To": {phone}, "Code": {"123"}}), 400, 60200},
		"no code sent":    {verify(checks, account, "token", url.Values{"To": {phone}, "Code": {"123456"}}), 404, 20404},
	} {
		s := open()
		if status, fields := do(s, c.request); status != c.status || fields["code"] != c.code || len(s.Texts()) != 0 {
			t.Errorf("%s: %d %v", name, status, fields)
		}
	}
	if status, fields := do(smstest.New(), verify(starts, "", "", good)); status != 401 {
		t.Errorf("without an account: %d %v", status, fields)
	}
}

// A fault does what it says: the answer is lost, and what was asked for is done.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := open()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	post := func() (int, error) {
		form := url.Values{"To": {phone}, "Channel": {"sms"}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v2/Services/"+service+"/Verifications", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(account, "token")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err
		}
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode, err
	}
	for _, c := range []struct {
		fault  smstest.Fault
		status int
		texts  int
	}{
		{smstest.Fault{Status: 503}, 503, 0}, {smstest.Fault{Throttle: true}, 429, 0}, {smstest.Fault{Refuse: "60410"}, 403, 0},
		{smstest.Fault{LoseAnswer: true}, 0, 1}, {smstest.Fault{Delay: time.Millisecond}, 201, 2},
	} {
		s.SetMisbehave(func(call smstest.Call) smstest.Fault {
			if call.Service != "twilio" || call.Action != "send" || call.To != phone {
				t.Errorf("%+v", call)
			}
			return c.fault
		})
		if status, err := post(); status != c.status || (err != nil) != c.fault.LoseAnswer || len(s.Texts()) != c.texts {
			t.Errorf("%+v: %d, %v, %d texts", c.fault, status, err, len(s.Texts()))
		}
	}
}
