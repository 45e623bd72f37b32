package mfa_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"safekeep/shared/dynamo"
	"safekeep/shared/mfa"
	"safekeep/shared/workspace"
)

// A life with an app: nothing, pending, in force, used, replaced, removed.
func TestLifeOfAnApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := fields{
		"user": "ann", "factors": []any{}, "recovery_codes_left": 0., "required": false, "sso": false, "may_enrol": true, "ask": []any{}, "locked_until": nil,
	}
	if diff := cmp.Diff(want, w.view("ann")); diff != "" {
		t.Errorf("before:\n%s", diff)
	}
	made := w.need(201, "POST", "/users/ann/totp", fields{"email": "ann@acme.example"})
	phone := newApp(t, made["secret"])
	if !strings.Contains(made["uri"].(string), "secret="+made["secret"].(string)) || !strings.HasPrefix(made["qr_png"].(string), "data:image/png;base64,") || !strings.HasPrefix(made["qr_svg"].(string), "<svg ") {
		t.Error("the answer has no URI or pictures")
	}
	// Pending is not enrolled: nothing is asked for.
	if diff := cmp.Diff(want, w.view("ann")); diff != "" {
		t.Errorf("pending:\n%s", diff)
	}
	w.need(404, "POST", "/users/ann/verify", fields{"method": "totp", "code": phone.code(w.now)})
	if got := w.need(422, "POST", "/users/ann/totp/confirm", fields{"code": wrong(phone, w.now)}); got["field"] != "code" {
		t.Errorf("a wrong code: %v", got)
	}
	done := w.need(200, "POST", "/users/ann/totp/confirm", fields{"code": phone.code(w.now)})
	if len(done["recovery_codes"].([]any)) != 10 || done["recovery_codes_left"] != 10. {
		t.Error("there are not ten recovery codes")
	}
	w.need(404, "POST", "/users/ann/totp/confirm", fields{"code": phone.code(w.now)}) // once
	// The code that confirmed is used.
	if got := w.verify("ann", "totp", phone.code(w.now)); got["reason"] != "replayed" {
		t.Errorf("the code that confirmed: %v", got)
	}
	w.later(30 * time.Second)
	got := w.verify("ann", "totp", phone.code(w.now))
	if got["ok"] != true || got["recovery_codes_left"] != 10. || got["proof_expires_at"] != w.now.Add(5*time.Minute).Format(time.RFC3339) {
		t.Errorf("verified: %v %v", got["ok"], got["proof_expires_at"])
	}
	view := w.view("ann")
	if diff := cmp.Diff([]any{map[string]any{
		"id": "totp", "kind": "totp", "hint": "ann@acme.example", "enrolled_at": noon.Format(time.RFC3339), "last_used_at": w.now.Format(time.RFC3339),
	}}, view["factors"]); diff != "" {
		t.Errorf("in force:\n%s", diff)
	}
	if diff := cmp.Diff([]any{"totp", "recovery"}, view["ask"]); diff != "" {
		t.Errorf("asked for:\n%s", diff)
	}
	// Replacing: the old app works until the new one is confirmed.
	w.need(401, "POST", "/users/ann/totp", fields{"email": "ann@acme.example"})
	made = w.need(201, "POST", "/users/ann/totp", fields{"email": "ann@acme.example", "label": "New phone", "proof": got["proof"]})
	second := newApp(t, made["secret"])
	w.later(30 * time.Second)
	if got := w.verify("ann", "totp", phone.code(w.now)); got["ok"] != true {
		t.Errorf("the old app while the new one is pending: %v", got["reason"])
	}
	done = w.need(200, "POST", "/users/ann/totp/confirm", fields{"code": second.code(w.now)})
	if len(done["recovery_codes"].([]any)) != 0 || done["recovery_codes_left"] != 10. {
		t.Error("recovery codes were made anew")
	}
	w.later(time.Minute)
	if got := w.verify("ann", "totp", phone.code(w.now)); got["reason"] != "wrong" {
		t.Errorf("the old app afterwards: %v", got)
	}
	proof := w.proof("ann", second)
	// Removing the last one removes the codes.
	if got := w.call("DELETE", "/users/ann/totp", fields{"proof": proof}); got.status != 204 {
		t.Fatalf("removing: %d", got.status)
	}
	if diff := cmp.Diff(want, w.view("ann")); diff != "" {
		t.Errorf("after:\n%s", diff)
	}
	w.need(404, "POST", "/users/ann/verify", fields{"method": "totp", "code": second.code(w.now)})
	if diff := cmp.Diff([]string{
		`mfa.enrolled zoe owes {"factor":"totp","first":true,"recovery_codes":10}`,
		`mfa.enrolled zoe owes {"factor":"totp","first":false}`,
		`mfa.removed zoe owes {"factor":"totp"}`,
	}, w.told("user#ann")); diff != "" {
		t.Errorf("the user's story:\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		`mfa.enrolled zoe {"factor":"totp","first":true,"recovery_codes":10}`,
		`mfa.enrolled zoe {"factor":"totp","first":false}`,
		`mfa.removed zoe {"factor":"totp"}`,
	}, w.told("acme")); diff != "" {
		t.Errorf("the workspace's copy:\n%s", diff)
	}
	for _, figure := range []string{`"MfaEnrolled":1`, `"MfaRemoved":1`, `"Result":"replayed"`, `"Method":"totp"`} {
		if !strings.Contains(w.figures.String(), figure) {
			t.Errorf("no metric %s", figure)
		}
	}
}

// Each recovery code signs in once; the mail about it says how many are left.
func TestRecoveryCodeWorksOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, codes := w.enrol("ann")
	typed := strings.ReplaceAll(strings.ToLower(codes[3]), "-", " ")
	if got := w.verify("ann", "recovery", typed); got["ok"] != true || got["recovery_codes_left"] != 9. {
		t.Fatalf("%v %v", got["ok"], got["reason"])
	}
	if got := w.verify("ann", "recovery", codes[3]); got["reason"] != "replayed" {
		t.Errorf("again: %v", got)
	}
	if got := w.verify("ann", "recovery", "0000-0000-0000-0000"); got["reason"] != "wrong" {
		t.Errorf("no code: %v", got)
	}
	proof := w.proof("ann", phone)
	fresh := w.need(201, "POST", "/users/ann/recovery-codes", fields{"proof": proof})["recovery_codes"].([]any)
	if len(fresh) != 10 || slices.Contains(codes, fresh[0].(string)) {
		t.Error("no new codes")
	}
	w.need(401, "POST", "/users/ann/recovery-codes", fields{"proof": proof})
	if got := w.verify("ann", "recovery", codes[4]); got["reason"] != "wrong" {
		t.Errorf("an old code: %v", got)
	}
	if got := w.verify("ann", "recovery", fresh[4].(string)); got["ok"] != true {
		t.Errorf("a new code: %v", got["reason"])
	}
	if diff := cmp.Diff([]string{
		`mfa.enrolled zoe owes {"factor":"totp","first":true,"recovery_codes":10}`,
		`mfa.recovery_code_used zoe owes {"left":9}`,
		`mfa.recovery_codes_made zoe owes {"count":10}`,
		`mfa.recovery_code_used zoe owes {"left":9}`,
	}, w.told("user#ann")); diff != "" {
		t.Errorf("story:\n%s", diff)
	}
	w.need(404, "POST", "/users/bob/recovery-codes", fields{"proof": proof})
}

// What a user's workspaces have chosen.
func TestWorkspacesRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.place("sso", workspace.Workspace{Name: "S", SSO: true}, "eve", "ann")
	w.place("strict", workspace.Workspace{Name: "R", RequireMFA: true}, "bob", "tom")
	w.place("over", workspace.Workspace{Name: "O"}, "eve")
	w.place("ended", workspace.Workspace{Name: "E", RequireMFA: true}, "ann")
	if err := w.places.RemoveMember(t.Context(), "over", "eve", "test", noon); err != nil {
		t.Fatal(err)
	}
	if err := w.places.RemoveMember(t.Context(), "strict", "tom", "test", noon); err != nil {
		t.Fatal(err)
	}
	if err := w.places.End(t.Context(), "ended", "test", noon); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string][3]bool{ // required, sso, may_enrol
		"ann": {false, false, true}, "bob": {true, false, true}, "eve": {false, true, false}, "tom": {false, false, true}, "nobody": {false, false, true},
	} {
		view := w.view(user)
		if got := [3]bool{view["required"].(bool), view["sso"].(bool), view["may_enrol"].(bool)}; got != want {
			t.Errorf("%s: %v, want %v", user, got, want)
		}
	}
	for _, c := range []struct {
		path string
		body fields
	}{
		{"totp", fields{"email": "e@acme.example"}}, {"sms", fields{"email": "e@acme.example", "phone": phone}}, {"passkeys", fields{"email": "e@acme.example", "name": "Key"}},
	} {
		if got := w.need(409, "POST", "/users/eve/"+c.path, c.body); !strings.Contains(got["detail"].(string), "SSO") {
			t.Errorf("%s: it is not said why", c.path)
		}
	}
	if w.texts.count != 0 {
		t.Error("a text was sent")
	}
}

// A factor that was enrolled is asked for, whatever changed around it.
func TestAskedForAfterSSO(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, _ := w.enrol("ann")
	w.place("acme", workspace.Workspace{Name: "Acme", SSO: true})
	view := w.view("ann")
	if diff := cmp.Diff([]any{"totp", "recovery"}, view["ask"]); diff != "" || view["sso"] != true {
		t.Errorf("asked for:\n%s", diff)
	}
	if got := w.verify("ann", "totp", phone.code(w.now)); got["ok"] != true {
		t.Errorf("%v", got["reason"])
	}
}

// A user of many workspaces has a copy in fifty of them.
func TestCopiesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 60 {
		w.place(fmt.Sprintf("w%02d", n), workspace.Workspace{Name: "W"}, "ann")
	}
	w.enrol("ann")
	if got := len(w.told("user#ann")); got != 1 {
		t.Errorf("%d entries of the user's own", got)
	}
	copies := 0
	for n := range 60 {
		copies += len(w.told(fmt.Sprintf("w%02d", n)))
	}
	if copies += len(w.told("acme")); copies != 50 {
		t.Errorf("%d copies", copies)
	}
	if !strings.Contains(log.String(), "user=ann workspaces=61 shown=50") {
		t.Error("it is not logged that some are not shown it")
	}
}

// An admin's reset takes all of it away, and says so.
func TestReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.need(404, "POST", "/users/ann/reset", fields{"reason": "lost phone"})
	phone, codes := w.enrol("ann")
	proof := w.proof("ann", phone)
	w.need(201, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": "+16045550142", "proof": proof})
	proof = w.proof("ann", phone)
	if got := w.need(422, "POST", "/users/ann/reset", fields{"reason": " "}); got["field"] != "reason" {
		t.Errorf("%v", got)
	}
	for range 2 { // a repeat changes nothing
		if got := w.call("POST", "/users/ann/reset", fields{"reason": "lost phone"}); got.status != 204 {
			t.Fatalf("%d", got.status)
		}
	}
	if got := w.factors("ann"); len(got) != 0 {
		t.Errorf("factors: %v", got)
	}
	w.need(404, "POST", "/users/ann/verify", fields{"method": "recovery", "code": codes[0]})
	w.need(404, "POST", "/users/ann/sms/confirm", fields{"code": w.texts.code("+16045550142")})
	// The proof of before is none for what comes after.
	second, _ := w.enrol("ann")
	w.need(401, "DELETE", "/users/ann/totp", fields{"proof": proof})
	if got := w.verify("ann", "totp", second.code(w.now)); got["ok"] != true {
		t.Errorf("%v", got["reason"])
	}
	told := w.told("user#ann")
	if len(told) != 3 || told[1] != `mfa.reset zoe owes {"factors":["totp"],"reason":"lost phone"}` {
		t.Errorf("story: %v", told)
	}
	if copies := w.told("acme"); len(copies) != 3 {
		t.Errorf("the workspace's copy: %v", copies)
	}
}

// The last recovery code is used while a factor comes in force: it comes with ten.
func TestCodesRunOutMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own, codes := w.enrol("ann")
	for _, code := range codes[1:] {
		if got := w.verify("ann", "recovery", code); got["ok"] != true {
			t.Fatalf("%v", got["reason"])
		}
	}
	w.need(201, "POST", "/users/ann/sms", fields{"email": "ann@acme.example", "phone": phone, "proof": w.proof("ann", own)})
	b := &between{Accounts: w.service.Accounts}
	w.service.Accounts = b
	b.write = func(mfa.Account) {
		w.verify("ann", "recovery", codes[0])
		bump(t, w, "ann") // and the write is raced
	}
	got := w.need(200, "POST", "/users/ann/sms/confirm", fields{"code": w.texts.code(phone)})
	if got["recovery_codes_left"] != 10. || len(got["recovery_codes"].([]any)) != 10 {
		t.Errorf("%v left", got["recovery_codes_left"])
	}
}

// bump makes whoever has read an account before read it again.
func bump(t *testing.T, w *world, user string) {
	t.Helper()
	if _, err := w.client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(accounts), Key: dynamo.Item{"user": dynamo.S(user), "item": dynamo.S("profile")},
		UpdateExpression: aws.String("ADD version :one"), ExpressionAttributeValues: dynamo.Item{":one": dynamo.N(1)},
	}); err != nil {
		t.Fatal(err)
	}
}

// An account whose profile or factor is gone from the table is mended by a reset,
// which tells of whatever there was.
func TestResetMends(t *testing.T) {
	t.Parallel()
	for gone, want := range map[string]string{"profile": `{"factors":["totp"],`, "factor#totp": `{"factors":[],`} {
		t.Run(gone, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.enrol("ann")
			if _, err := w.client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
				TableName: aws.String(accounts), Key: dynamo.Item{"user": dynamo.S("ann"), "item": dynamo.S(gone)},
			}); err != nil {
				t.Fatal(err)
			}
			w.need(503, "GET", "/users/ann", nil)
			if got := w.call("POST", "/users/ann/reset", fields{"reason": "torn"}); got.status != 204 {
				t.Fatalf("a reset: %d", got.status)
			}
			if told := w.told("user#ann"); len(told) != 2 || !strings.Contains(told[1], want) {
				t.Errorf("told: %v", told)
			}
			w.enrol("ann")
		})
	}
}
