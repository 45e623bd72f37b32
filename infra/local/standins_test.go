package local_test

import (
	"encoding/json"
	"strings"
	"testing"

	"safekeep/infra/local/faults"
	"safekeep/infra/local/outbox"
)

// A leak is signed as the host would and delivered to the public function; the
// answer shows status and body.
func TestLeak(t *testing.T) {
	s, _ := start(t, nil)
	for _, tt := range []struct{ host, header, report string }{
		{"github", `"github-public-key-signature"`, `[{\"source\":\"commit\",\"token\":\"skp_x\",\"type\":\"acme_api_token\",\"url\":\"https://github.com/a\"}]`},
		{"gitlab", `"gitlab-public-key-signature"`, `[{\"type\":\"acme_api_token\",\"token\":\"skp_x\",\"url\":\"https://github.com/a\"}]`},
	} {
		status, body := call(t, "POST", s.URL+"/local/codehosts/"+tt.host+"/leak", `{"token":"skp_x","url":"https://github.com/a","source":"commit"}`)
		var a struct {
			Status int
			Body   json.RawMessage
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil || status != 200 || a.Status != 200 {
			t.Fatalf("%s: %v %d %s", tt.host, err, status, body)
		}
		// The probe's answer is the event that it got.
		if !strings.Contains(string(a.Body), tt.header) || !strings.Contains(string(a.Body), tt.report) {
			t.Errorf("%s: %s", tt.host, a.Body)
		}
	}
	for _, bad := range []struct {
		path, body string
		status     int
	}{
		{"github", `{"url":"x"}`, 422}, {"github", `no json`, 400}, {"bitbucket", `{"token":"x"}`, 404},
	} {
		if status, _ := call(t, "POST", s.URL+"/local/codehosts/"+bad.path+"/leak", bad.body); status != bad.status {
			t.Errorf("%s %s: %d", bad.path, bad.body, status)
		}
	}
}

// The SDK reaches each stand-in by the addresses in the environment, and hears
// errors as the services give them.
func TestServices(t *testing.T) {
	s, _ := start(t, nil)
	s.Outbox.Refuse(func(m outbox.Mail) *outbox.Error {
		if m.To[0] == "slow@b.example" {
			return &outbox.Error{Status: 429, Code: "TooManyRequestsException", Message: "slow down"}
		}
		return nil
	})
	s.Secrets.Set("other", "a secret value")
	answers, failure := calls(t, s, "alerts", `[
		{"op":"mail","from":"Acme <security@acme.example>","to":"a@b.example","key":"one"},
		{"op":"mail","from":"x@evil.example","to":"a@b.example","tries":1},
		{"op":"mail","from":"security@acme.example","to":"Ann <a@b.example>","tries":1},
		{"op":"mail","from":"security@acme.example","to":"slow@b.example","tries":1},
		{"op":"secret","key":"other"},
		{"op":"secret","key":"missing","tries":1},
		{"op":"keys","key":"GITHUB_KEYS_URL"}]`)
	for i, want := range []string{
		"sent ", "MessageRejected", "BadRequestException", "TooManyRequestsException",
		"a secret value", "ResourceNotFoundException", `200 {"public_keys":`,
	} {
		if failure != "" || !strings.Contains(answers[i], want) {
			t.Errorf("call %d: %s; want %s", i, answers, want+failure)
		}
	}
	status, body := call(t, "GET", s.URL+"/local/mail", "")
	var mails []map[string]any
	if err := json.Unmarshal([]byte(body), &mails); err != nil || status != 200 || len(mails) != 1 {
		t.Fatalf("%v %d %s", err, status, body)
	}
	m := mails[0]
	for _, field := range []string{"id", "at", "to", "subject", "text", "html", "headers"} {
		if m[field] == nil || m[field] == "" {
			t.Errorf("%s is missing in %s", field, body)
		}
	}
	if m["subject"] != "Probe one" || m["headers"].(map[string]any)["X-Probe"] != "yes" {
		t.Error(body)
	}

	// Each call is known by function, process and invocation.
	seen := s.Faults.Calls(nil)
	for i, want := range []string{"ses.SendEmail", "ses.SendEmail", "ses.SendEmail", "ses.SendEmail", "secretsmanager.GetSecretValue", "secretsmanager.GetSecretValue", "codehost.github"} {
		c := seen[i]
		if c.Service+"."+c.Operation != want || c.Function != "alerts" || c.Instance != 1 || c.Invocation == "" || c.N != i+1 || c.Total != i+1 {
			t.Errorf("call %d: %+v", i, c)
		}
	}
	if n := s.Faults.Count("alerts")[faults.SES+".SendEmail"]; n != 4 {
		t.Errorf("%d mails were counted", n)
	}
}
