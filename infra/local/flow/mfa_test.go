package flow_test

import (
	"crypto/hmac"
	"crypto/sha1" // as RFC 6238 has it
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"safekeep/infra/local"
)

// appCode is what an authenticator app shows, some steps from now.
func appCode(t *testing.T, secret string, steps int64) string {
	t.Helper()
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal("the secret is not base32")
	}
	mac := hmac.New(sha1.New, seed)
	_ = binary.Write(mac, binary.BigEndian, time.Now().Unix()/30+steps)
	sum := mac.Sum(nil)
	at := sum[19] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff)%1_000_000)
}

// subjectsTo are the subjects of the mails to an address, oldest first.
func (w *world) subjectsTo(address string) (subjects []string) {
	w.t.Helper()
	for _, m := range w.Outbox.Mails() {
		if len(m.To) == 1 && m.To[0] == address {
			subjects = append([]string{m.Subject}, subjects...)
		}
	}
	return subjects
}

// The story of README, by the binaries as they ship: an app is enrolled, a code is
// good once, and whoever has the password but not the phone is told of, once, to
// the user and to the audit trail.
func TestSecondFactorStory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", `,"require_mfa":true`, "ann")
	const user = "/users/ann"
	if got := w.call("GET", user, "", 200); got["required"] != true || got["may_enrol"] != true || len(got["ask"].([]any)) != 0 {
		t.Errorf("before anything: %v", got)
	}
	made := w.call("POST", user+"/totp", `{"email":"ann@home.example"}`, 201)
	secret := made["secret"].(string)
	if !strings.HasPrefix(made["uri"].(string), "otpauth://totp/") || !strings.HasPrefix(made["qr_png"].(string), "data:image/png;base64,") || made["qr_svg"] == "" {
		t.Errorf("made as %v", made["uri"])
	}
	codes := w.call("POST", user+"/totp/confirm", `{"code":"`+appCode(t, secret, -1)+`"}`, 200)["recovery_codes"].([]any)
	if len(codes) != 10 {
		t.Fatalf("%d recovery codes", len(codes))
	}
	verify := func(method, code string) map[string]any {
		return w.call("POST", user+"/verify", `{"method":"`+method+`","code":"`+code+`","ip":"203.0.113.7","user_agent":"Mozilla/5.0"}`, 200)
	}
	good := appCode(t, secret, 0)
	first := verify("totp", good)
	if first["ok"] != true || first["proof"] == "" {
		t.Fatalf("verified as %v", first)
	}
	if got := verify("totp", good); got["ok"] != false || got["reason"] != "replayed" {
		t.Errorf("the same code again: %v", got)
	}
	if got := verify("recovery", codes[0].(string)); got["ok"] != true || got["recovery_codes_left"] != 9. {
		t.Errorf("a recovery code: %v", got)
	}
	if got := verify("recovery", codes[0].(string)); got["ok"] != false {
		t.Errorf("the same recovery code again: %v", got)
	}

	// A phone is added with a proof, and none without.
	w.call("POST", user+"/sms", `{"email":"ann@home.example","phone":"+16045550142"}`, 401)
	proof := verify("recovery", codes[1].(string))["proof"].(string)
	w.call("POST", user+"/sms", `{"email":"ann@home.example","phone":"+16045550142","proof":"`+proof+`"}`, 201)
	texts := w.Phones.Texts()
	if len(texts) != 1 || texts[0].To != "+16045550142" {
		t.Fatalf("%d texts", len(texts))
	}
	sent := regexp.MustCompile(`\b\d{6}\b`).FindString(texts[0].Text)
	w.call("POST", user+"/sms/confirm", `{"code":"`+sent+`"}`, 200)
	w.settle()
	enrolled := w.subjectsTo("ann@home.example")

	// Somebody has the password and not the phone.
	wrong := fmt.Sprintf("%06d", (1+atoi(appCode(t, secret, 0)))%1_000_000)
	for range 6 {
		if status, _ := w.send("POST", user+"/verify", "application/json", `{"method":"totp","code":"`+wrong+`","ip":"198.51.100.9"}`); status == 429 {
			break
		}
	}
	if status, _ := w.send("POST", user+"/verify", "application/json", `{"method":"totp","code":"`+wrong+`"}`); status != 429 {
		t.Errorf("after all tries: %d", status)
	}
	w.settle()
	told := w.subjectsTo("ann@home.example")[len(enrolled):]
	if len(told) != 1 || !strings.Contains(strings.ToLower(told[0]), "password") {
		t.Errorf("told by %q", told)
	}
	kinds := map[string]int{}
	for _, e := range w.call("GET", "/workspaces/acme/ledger?limit=200", "", 200)["entries"].([]any) {
		kinds[e.(map[string]any)["kind"].(string)]++
	}
	if kinds["mfa.enrolled"] != 2 || kinds["mfa.failing"] != 1 || kinds["mfa.recovery_code_used"] != 2 {
		t.Errorf("the audit trail tells %v", kinds)
	}

	if got := w.call("GET", "/workspaces/acme/second-factors", "", 200); got["members"] != 1. || got["enrolled"] != 1. || got["percent"] != 100. || got["kinds"].(map[string]any)["sms"] != 1. {
		t.Errorf("adopted as %v", got)
	}

	// What was given to the user stands nowhere.
	places := w.log.String()
	for _, table := range w.Template.Tables {
		places += w.raw(table.Name)
	}
	if !strings.Contains(places, "+1 … 42") || !strings.Contains(places, "ann@home.example") {
		t.Error("the hint or the address is not where it should be: this check looks in the wrong places")
	}
	for name, needle := range map[string]string{"the app's secret": secret, "a recovery code": codes[2].(string), "a phone's number": "6045550142", "a proof": proof, "a text's code": sent} {
		if strings.Contains(places, needle) {
			t.Errorf("%s stands in a table or a log", name)
		}
	}

	// An admin's reset opens the account again, and is told.
	w.call("POST", user+"/reset", `{"reason":"lost phone"}`, 204)
	if got := w.call("GET", user, "", 200); len(got["factors"].([]any)) != 0 || got["locked_until"] != nil {
		t.Errorf("after the reset: %v", got)
	}
	if got := w.call("GET", "/workspaces/acme/second-factors", "", 200); got["enrolled"] != 0. || got["percent"] != 0. {
		t.Errorf("adopted as %v", got)
	}
	w.settle()
	if told := w.subjectsTo("ann@home.example"); len(told) != len(enrolled)+2 {
		t.Errorf("mails %q", told)
	}
}

func atoi(digits string) (n int) {
	_, _ = fmt.Sscan(strings.TrimLeft(digits, "0"), &n)
	return n
}

// People of workspaces that all sign in by SSO have their second factor there.
func TestNoSecondFactorBesideSSO(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", `,"sso":true`, "ann")
	w.call("POST", "/users/ann/totp", `{"email":"ann@acme.example"}`, 409)
	if got := w.call("GET", "/users/ann", "", 200); got["sso"] != true || got["may_enrol"] != false {
		t.Errorf("shown as %v", got)
	}
	w.workspace("other", "", "ann")
	w.call("POST", "/users/ann/totp", `{"email":"ann@acme.example"}`, 201)
}
