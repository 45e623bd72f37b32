package mfa_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"safekeep/shared/mfa"
)

// What is refused before anything is looked up, with the field that is wrong.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("ann")
	items := len(w.items())
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		field              string
	}{
		"user":                {"GET", "/users/a%20b", "", 422, "user"},
		"a user with a hash":  {"GET", "/users/sms%23stack", "", 422, "user"},
		"no body":             {"POST", "/users/ann/totp", "", 400, ""},
		"a list":              {"POST", "/users/ann/totp", "[]", 400, ""},
		"unknown field":       {"POST", "/users/ann/totp", `{"email":"a@b.example","secret":"x"}`, 400, "secret"},
		"no address":          {"POST", "/users/bob/totp", `{}`, 422, "email"},
		"two addresses":       {"POST", "/users/bob/totp", `{"email":"a@b.example, c@d.example"}`, 422, "email"},
		"named address":       {"POST", "/users/bob/totp", `{"email":"Ann <a@b.example>"}`, 422, "email"},
		"two lines":           {"POST", "/users/bob/totp", `{"email":"a@b.example\nBcc: x@y.example"}`, 422, "email"},
		"empty label":         {"POST", "/users/bob/totp", `{"email":"a@b.example","label":""}`, 422, "label"},
		"label with colon":    {"POST", "/users/bob/totp", `{"email":"a@b.example","label":"a:b"}`, 422, "label"},
		"long label":          {"POST", "/users/bob/totp", `{"email":"a@b.example","label":"` + long + `"}`, 422, "label"},
		"proof that is none":  {"POST", "/users/ann/totp", `{"email":"a@b.example","proof":7}`, 400, "proof"},
		"code as a number":    {"POST", "/users/ann/totp/confirm", `{"code":123456}`, 400, "code"},
		"short code":          {"POST", "/users/ann/totp/confirm", `{"code":"12345"}`, 422, "code"},
		"code in words":       {"POST", "/users/ann/sms/confirm", `{"code":"abcdef"}`, 422, "code"},
		"no phone":            {"POST", "/users/bob/sms", `{"email":"a@b.example"}`, 422, "phone"},
		"no name":             {"POST", "/users/bob/passkeys", `{"email":"a@b.example"}`, 422, "name"},
		"long name":           {"POST", "/users/bob/passkeys", `{"email":"a@b.example","name":"` + long + `"}`, 422, "name"},
		"no credential":       {"POST", "/users/ann/passkeys/confirm", `{}`, 422, "credential"},
		"long credential":     {"POST", "/users/ann/passkeys/confirm", `{"credential":"` + strings.Repeat("x", 70000) + `"}`, 422, "credential"},
		"body to a send":      {"POST", "/users/ann/sms/send", `{"phone":"+16045550142"}`, 400, "phone"},
		"no method":           {"POST", "/users/ann/verify", `{"code":"123456"}`, 422, "method"},
		"odd method":          {"POST", "/users/ann/verify", `{"method":"voice","code":"123456"}`, 422, "method"},
		"no code":             {"POST", "/users/ann/verify", `{"method":"totp"}`, 422, "code"},
		"long code":           {"POST", "/users/ann/verify", `{"method":"totp","code":"1234567"}`, 422, "code"},
		"foreign digits":      {"POST", "/users/ann/verify", `{"method":"totp","code":"１２"}`, 422, "code"},
		"recovery code":       {"POST", "/users/ann/verify", `{"method":"recovery","code":"ABCD"}`, 422, "code"},
		"code and credential": {"POST", "/users/ann/verify", `{"method":"passkey","code":"1","credential":{}}`, 422, "code"},
		"credential for totp": {"POST", "/users/ann/verify", `{"method":"totp","code":"123456","credential":{}}`, 422, "credential"},
		"no passkey":          {"POST", "/users/ann/verify", `{"method":"passkey"}`, 422, "credential"},
		"ip with a port":      {"POST", "/users/ann/verify", `{"method":"totp","code":"123456","ip":"203.0.113.9:443"}`, 422, "ip"},
		"no reason":           {"POST", "/users/ann/reset", `{}`, 422, "reason"},
		"long reason":         {"POST", "/users/ann/reset", `{"reason":"` + long + `"}`, 422, "reason"},
		"no proof":            {"DELETE", "/users/ann/totp", `{}`, 401, ""},
		"no such factor":      {"DELETE", "/users/ann/sms", `{"proof":"x"}`, 404, ""},
		"odd factor":          {"DELETE", "/users/ann/passkey%23x", `{"proof":"x"}`, 404, ""},
		"an item's name":      {"DELETE", "/users/ann/recovery", `{"proof":"x"}`, 404, ""},
	} {
		got := w.call(c.method, c.path, c.body)
		if field, _ := got.fields["field"].(string); got.status != c.status || field != c.field {
			t.Errorf("%s: %d field %q %v; want %d, field %q", name, got.status, field, got.fields["detail"], c.status, c.field)
		}
	}
	if got := len(w.items()); got != items {
		t.Errorf("%d items more", got-items)
	}
	if left := w.service.Limits.Left(mfa.Tries{}, w.now); left != 5 || w.view("ann")["locked_until"] != nil {
		t.Error("a malformed code counts as a try")
	}
}

// A configuration that nothing could be verified with is refused at the start.
func TestConfiguration(t *testing.T) {
	good := mfa.Service{Issuer: "Acme", Limits: limits, Vigilance: mfa.Vigilance{Failures: 9, Within: time.Minute}}
	if s, err := mfa.NewService(good); err != nil || s.Vigilance.Failures != 5 {
		t.Errorf("watches for %d failures where a lock allows five, %v", s.Vigilance.Failures, err)
	}
	for name, change := range map[string]func(*mfa.Service){
		"no issuer":     func(s *mfa.Service) { s.Issuer = "" },
		"issuer":        func(s *mfa.Service) { s.Issuer = "Acme: best" },
		"long issuer":   func(s *mfa.Service) { s.Issuer = strings.Repeat("A", 61) },
		"no tries":      func(s *mfa.Service) { s.Limits.Tries = 0 },
		"many tries":    func(s *mfa.Service) { s.Limits.Tries = 101 },
		"no window":     func(s *mfa.Service) { s.Limits.Window = 0 },
		"no failures":   func(s *mfa.Service) { s.Vigilance.Failures = 0 },
		"no stretch":    func(s *mfa.Service) { s.Vigilance.Within = 0 },
		"negative time": func(s *mfa.Service) { s.Limits.Window = -time.Hour },
	} {
		bad := good
		change(&bad)
		if _, err := mfa.NewService(bad); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// Whatever a body holds, the answer is one of ours, and repeats nothing of it that
// could be a secret.
func FuzzBodies(f *testing.F) {
	paths := []string{"totp", "totp/confirm", "sms", "sms/confirm", "sms/send", "passkeys", "passkeys/confirm", "passkeys/challenge", "recovery-codes", "verify", "reset"}
	for n, body := range []string{
		`{"email":"a@b.example"}`, `{"code":"123456"}`, `{"email":"a@b.example","phone":"+16045550142"}`, `{"code":"1234"}`, `{}`, `{"email":"a@b.example","name":"K"}`,
		`{"credential":{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}}`, `{}`, `{"proof":"x"}`,
		`{"method":"passkey","credential":{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA"}}}`, `{"reason":"x"}`,
	} {
		f.Add(uint(2*n), body)
		f.Add(uint(2*n+1), body)
	}
	f.Add(uint(18), `{"method":"recovery","code":"ABCD-EFGH-JKMN-PQRS","ip":"::ffff:1.2.3.4%eth0","user_agent":"\u0000\ud800"}`)
	routes := overMemory(f)
	f.Fuzz(func(t *testing.T, n uint, body string) {
		recorder := httptest.NewRecorder()
		routes.ServeHTTP(recorder, httptest.NewRequest("POST", "/users/"+[]string{"ann", "new"}[n&1]+"/"+paths[n>>1%uint(len(paths))], strings.NewReader(body)))
		var got fields
		if recorder.Body.Len() > 0 && json.Unmarshal(recorder.Body.Bytes(), &got) != nil {
			t.Fatalf("no JSON: %d", recorder.Code)
		}
		if recorder.Code >= 500 {
			t.Errorf("%d %v", recorder.Code, got["detail"])
		}
	})
}
