package flow_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"safekeep/infra"
	"safekeep/infra/local"
	"safekeep/infra/local/codehost"
)

// One leaked token: dead, told, in the ledger, and nowhere in clear.
func TestLeakEndToEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", "", "ann", "bob")
	token := w.issue("acme")
	if !w.active(token.text) {
		t.Fatal("a new token is not active")
	}
	before := w.call("GET", "/workspaces/acme/tokens/"+token.id, "", 200)["last_used_on"]
	answer := w.deliver(w.report(token))
	if answer.Status != 200 || !strings.Contains(string(answer.Body), `"true_positive"`) || strings.Contains(string(answer.Body), token.text) {
		t.Errorf("answer: %d %s", answer.Status, answer.Body)
	}
	if w.active(token.text) {
		t.Error("the token still works")
	}
	w.settle()
	for _, address := range []string{"ann@acme.example", "bob@acme.example"} {
		if n := w.told(address, token); n != 1 {
			t.Errorf("%s was told %d times", address, n)
		}
	}
	got := w.call("GET", "/workspaces/acme/tokens/"+token.id, "", 200)
	if got["status"] != "revoked" || got["last_used_on"] != before {
		t.Errorf("token: %v", got)
	}
	if kinds := w.kinds(token); kinds["token.exposed"] != 1 || kinds["token.revoked"] != 1 || kinds["token.issued"] != 1 {
		t.Errorf("ledger: %v", kinds)
	}
	w.assertQuiet(token)
}

func TestDryRunAndPolicyReportOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		parameters map[string]string
		settings   string
	}{
		"dry run":   {map[string]string{"DryRun": "true"}, ""},
		"by choice": {nil, `,"auto_revoke":false`},
	} {
		w := newWorld(t, local.Options{Parameters: c.parameters})
		w.workspace("acme", c.settings, "ann")
		token := w.issue("acme")
		for range 2 {
			if answer := w.deliver(w.report(token)); !strings.Contains(string(answer.Body), `"true_positive"`) {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
		}
		w.settle()
		mails := w.Outbox.Mails()
		if !w.active(token.text) || len(mails) != 1 || !strings.Contains(mails[0].Subject, "still works") {
			t.Errorf("%s: active %v, mails %v", name, w.active(token.text), mails)
		}
		if c.parameters == nil { // switched on, the next report revokes and tells again
			w.workspace("acme", "")
			w.deliver(w.report(token))
			w.settle()
			if w.active(token.text) || w.told("ann@acme.example", token) != 2 {
				t.Errorf("%s: after switching on: active %v, told %d times", name, w.active(token.text), w.told("ann@acme.example", token))
			}
		}
	}
}

// Fifty deliveries of one report at once: one revocation, one mail an admin.
func TestFiftyDeliveriesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", "", "ann", "bob")
	tokens := []issued{w.issue("acme"), w.issue("acme")}
	body := w.report(tokens...)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if answer := w.deliver(body); answer.Status != 200 || strings.Count(string(answer.Body), `"true_positive"`) != 2 {
				t.Errorf("answer: %d %s", answer.Status, answer.Body)
			}
		})
	}
	wg.Wait()
	w.settle()
	for _, token := range tokens {
		if kinds := w.kinds(token); kinds["token.revoked"] != 1 || kinds["token.exposed"] != 1 || kinds["token.sighted"] != 0 {
			t.Errorf("ledger: %v", kinds)
		}
	}
	if n := len(w.Outbox.Mails()); n != 2 || w.told("ann@acme.example", tokens[0]) != 1 || w.told("bob@acme.example", tokens[1]) != 1 {
		t.Errorf("%d mails, want one for each of two admins, naming both tokens", n)
	}
}

// A thousand items of every kind are answered once, in order, each rightly.
func TestBatchOfAThousand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	var live, dead []issued
	for i := range 20 {
		id := fmt.Sprintf("w%d", i)
		w.workspace(id, "", "ann")
		for range 12 {
			live = append(live, w.issue(id))
		}
	}
	for range 20 {
		token := w.issue("w0")
		w.call("DELETE", "/workspaces/w0/tokens/"+token.id, "", 204)
		dead = append(dead, token)
	}
	var items []any
	var want []string
	add := func(label string, item any) {
		items = append(items, item)
		if label != "" {
			want = append(want, label)
		}
	}
	const right, wrong, left = "true_positive", "false_positive", "" // left out
	item := func(text string) map[string]any {
		return map[string]any{"token": text, "type": "acme", "url": "https://github.com/a/b", "source": "commit"}
	}
	for i := range 1000 {
		switch {
		case i < len(live):
			add(right, item(live[i].text))
		case i < len(live)+len(dead):
			add(right, item(dead[i-len(live)].text))
		case i%10 == 0:
			add(right, item(live[i%len(live)].text)) // again
		case i%10 == 1:
			add(left, nil)
		case i%10 == 2:
			add(left, i)
		case i%10 == 3:
			add(left, map[string]any{"type": "no token"})
		case i%10 == 4:
			add(left, map[string]any{"token": map[string]any{"deep": []int{1}}})
		case i%10 == 5:
			add(right, map[string]any{"token": live[i%len(live)].text, "type": 5, "url": nil, "unknown": []any{1, "x"}})
		case i%10 == 6:
			add(wrong, item("skp_"+strings.Repeat("0", 30)+"000000"))
		case i%10 == 7:
			add(wrong, map[string]any{"token": fmt.Sprint("gone ", i), "type": "made-up type"})
		case i == 998:
			add(wrong, item(strings.Repeat("x", 1<<20)))
		case i%10 == 8:
			add(wrong, item(""))
		default:
			add(right, item("line: TOKEN='"+live[i%len(live)].text+"' # ci\n"))
		}
	}
	body, err := json.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	answer := w.insist(body)
	var verdicts []struct{ Label string }
	if err := json.Unmarshal(answer.Body, &verdicts); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range verdicts {
		got = append(got, v.Label)
	}
	if !slices.Equal(want, got) {
		t.Errorf("%d labels, want %d, or in another order", len(got), len(want))
	}
	w.settle()
	if n := len(w.Outbox.Mails()); n != 20 {
		t.Errorf("%d mails, want one for each of 20 workspaces", n)
	}
	for _, token := range live {
		if w.told("ann@"+token.workspace+".example", token) != 1 {
			t.Errorf("token %s of %s was not told once", token.hint, token.workspace)
		}
	}
	for _, token := range []issued{live[0], live[11], live[100], live[239]} {
		if kinds := w.kinds(token); w.active(token.text) || kinds["token.revoked"] != 1 || kinds["token.exposed"] != 1 {
			t.Errorf("active %v, ledger %v", w.active(token.text), kinds)
		}
	}
	if kinds := w.kinds(dead[0]); kinds["token.revoked"] != 1 || kinds["token.exposed"] != 0 {
		t.Errorf("a token revoked before: %v", kinds)
	}
	w.assertQuiet(live...)
}

func TestGitLabEndToEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{ForceBase64: true})
	w.workspace("acme", "", "ann")
	token := w.issue("acme")
	body := w.GitLab.Report(codehost.Finding{Token: "export TOKEN=" + token.text, URL: "https://gitlab.com/a/b/-/raw/1/.env"})
	answer, err := w.GitLab.Deliver(t.Context(), w.URL+"/alerts/gitlab", body)
	if err != nil || answer.Status != 204 || len(answer.Body) != 0 {
		t.Errorf("%d %q %v", answer.Status, answer.Body, err)
	}
	w.settle()
	if w.active(token.text) || w.told("ann@acme.example", token) != 1 {
		t.Errorf("active %v, told %d times", w.active(token.text), w.told("ann@acme.example", token))
	}
	w.assertQuiet(token)
}

// The sample events in events/ do on the binaries what their names say.
func TestSampleEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	root, err := infra.Root()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{ // part of the answer, by file
		"alerts-github":        `"statusCode":401`, // signed by GitHub, whose keys are not the local host's
		"alerts-github-base64": `"statusCode":401`,
		"alerts-github-forged": `"statusCode":401`,
		"alerts-gitlab":        `"statusCode":401`,
		"alerts-verify":        `"statusCode":404`, // switched off
		"workspaces-put":       `"statusCode":200`,
		"workspaces-member":    `"statusCode":200`,
		"tokens-issue":         `"statusCode":201`,
		"tokens-list":          `"statusCode":200`,
		"tokens-unsigned":      `"statusCode":403`,
		"authorizer-unknown":   `{"isAuthorized":false`,
		"introspect-unknown":   `{\"active\":false}`,
		"notify-stream":        `null`,
		"notify-schedule":      `null`,
		"sweep-schedule":       `"workspaces":1`,
		"sweep-segment":        `"failed":0`,
		"credentials-store":    `"statusCode":201`,
		"credentials-unsigned": `"statusCode":403`,
		"credentials-test":     `"statusCode":404`, // of nobody's
		"credentials-rotate":   `"statusCode":404`,
		"connect-open":         `"statusCode":401`,
		"connect-session":      `"statusCode":401`,
		"rotate-schedule":      `"key_pairs":`,
		"mfa-user":             `\"may_enrol\":true`,
		"mfa-totp":             `\"qr_svg\"`,
		"mfa-confirm":          `"statusCode":404`, // nothing was begun
		"mfa-verify":           `"statusCode":404`, // of somebody without a second factor
		"mfa-remove":           `"statusCode":404`,
		"mfa-reset":            `"statusCode":404`,
		"mfa-unsigned":         `"statusCode":403`,
		"passwords-assess":     `\"score\":4`,
		"passwords-typing":     `\"verdict\":\"block\"`,
		"passwords-unsigned":   `"statusCode":403`,
	}
	order := []string{"workspaces-put", "workspaces-member", "tokens-issue"}
	for name := range want {
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	for _, name := range order {
		payload, err := os.ReadFile(filepath.Join(root, "events", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		function, _, _ := strings.Cut(name, "-")
		result, err := w.Invoke(t.Context(), function, payload)
		if text := string(result.Payload); err != nil || !strings.Contains(text, want[name]) {
			t.Errorf("%s: %s %v, want %s", name, text, err, want[name])
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "events", "*.json"))
	if err != nil || len(files) != len(want) {
		t.Errorf("%d sample events, this test knows %d", len(files), len(want))
	}
}
