package password_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/password"
	"safekeep/shared/password/pwnedtest"
)

// The passwords of the table: what they are is in their names.
const (
	good         = "gravel lamp otter ninety"
	shortGood    = "xK9#vmQ2wz" // 10 characters, score 4
	shorter      = "xK9#vmQ"    // 7
	longWeak     = "passwordpassword"
	shortWeak    = "letMe1n1"
	goodBreached = "gravel lamp otter eighty"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.double.Know(goodBreached, 12)
	w.double.Know(shortWeak, 900)
	for _, c := range []struct {
		password, workspace string
		event               password.Event
		verdict             password.Verdict
		reasons             string
		warning             string // part of it
		suggestion          string // part of one
	}{
		{good, "", "signup", "ok", "", "", ""},
		{good, "plain", "change", "ok", "", "", ""},
		{good, "both", "reset", "ok", "", "", ""},
		{good, "", "login", "ok", "", "", ""},
		{shortGood, "", "signup", "block", "too_short", "too short", "at least 15 characters"},
		{shortGood, "plain", "signup", "block", "too_short", "too short", "at least 15 characters"},
		{shortGood, "mfa", "signup", "ok", "", "", ""},
		{shorter, "mfa", "signup", "block", "too_short", "too short", "at least 8 characters"},
		{shortGood, "", "login", "warn", "too_short", "too short", "once you are signed in"},
		{longWeak, "", "signup", "block", "too_weak", `Repeats like "abcabcabc"`, "Avoid repeated words"},
		{longWeak, "", "login", "warn", "too_weak", `Repeats like "abcabcabc"`, "once you are signed in"},
		{longWeak, "", "typing", "block", "too_weak", `Repeats like "abcabcabc"`, "Avoid repeated words"},
		{goodBreached, "", "signup", "warn", "breached", "known from a data breach", "nowhere else"},
		{goodBreached, "mfa", "signup", "warn", "breached", "known from a data breach", "nowhere else"},
		{goodBreached, "strict", "signup", "block", "breached", "known from a data breach", "nowhere else"},
		{goodBreached, "strict", "login", "warn", "breached", "known from a data breach", "once you are signed in"},
		{goodBreached, "strict", "typing", "ok", "", "", ""},
		{shortWeak, "", "signup", "block", "too_short too_weak breached", "similar to a commonly used password", "at least 15 characters"},
		{shortWeak, "both", "signup", "block", "too_weak breached", "known from a data breach", "nowhere else"},
		{"", "", "signup", "block", "too_short too_weak", "too short", "at least 15 characters"},
		{"", "", "typing", "block", "too_short too_weak", "too short", "at least 15 characters"},
	} {
		a := w.ask(t, map[string]any{"password": c.password, "event": c.event, "workspace": c.workspace})
		name := fmt.Sprintf("%q, workspace %q, %s", c.password, c.workspace, c.event)
		var reasons []string
		for _, r := range a.Reasons {
			reasons = append(reasons, string(r))
		}
		if a.Verdict != c.verdict || strings.Join(reasons, " ") != c.reasons {
			t.Errorf("%s: %s for %q, want %s for %q", name, a.Verdict, reasons, c.verdict, c.reasons)
		}
		if !strings.Contains(a.Warning, c.warning) || (c.warning == "") != (a.Warning == "") {
			t.Errorf("%s: warning %q, want …%s…", name, a.Warning, c.warning)
		}
		if c.suggestion != "" && !slices.ContainsFunc(a.Suggestions, func(s string) bool { return strings.Contains(s, c.suggestion) }) {
			t.Errorf("%s: suggestions %q, want …%s…", name, a.Suggestions, c.suggestion)
		}
	}
}

// TestEveryReasonHasAWayOut: whoever is refused is told what to do.
func TestEveryReasonHasAWayOut(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, p := range []string{"a", "password", "密码", "ééééééééééééééééé", "qwertyuiopasdfgh", "2020", "19900101", "P@ssw0rd", "x"} {
		for _, event := range []string{"typing", "signup", "change", "reset", "login"} {
			a := w.ask(t, map[string]any{"password": p, "event": event, "workspace": "strict"})
			if a.Verdict != password.OK && (a.Warning == "" || len(a.Suggestions) == 0 || len(a.Reasons) == 0) {
				t.Errorf("%q at %s: %+v", p, event, a)
			}
		}
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	status, body := w.call(`{"password":"password","user_inputs":["acme"],"event":"signup"}`)
	const want = `{"verdict":"block","score":0,"breached":true,"breach_count":52256179,` +
		`"warning":"This is a top-10 common password",` +
		`"suggestions":["Choose a password that you use nowhere else.","Make it at least 15 characters long.","Add another word or two. Uncommon words are better."],` +
		`"min_length":15,"crack_time":"less than a second","reasons":["too_short","too_weak","breached"],"variant":"guidance"}`
	if diff := cmp.Diff(want, body); diff != "" || status != 200 {
		t.Errorf("%d:\n%s", status, diff)
	}
	w.double.Misbehave(pwnedtest.Refusing)
	if _, body := w.call(`{"password":"gravel lamp otter ninety","event":"signup"}`); !strings.HasPrefix(body, `{"verdict":"ok","score":4,"breached":null,"breach_count":0,"warning":"","suggestions":[],"min_length":15,"crack_time":"centuries","reasons":[],`) {
		t.Errorf("%s", body)
	}
}

func TestOwnWordsCount(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for password, inputs := range map[string][]string{
		"Initech2019":         {"initech", "milton"},
		"milton.waddams":      {"milton.waddams@initech.example"}, // parts of an address
		"initech2020":         {"Initech Incorporated"},
		"mu\u0308llermeier12": {"M\u00fcllermeier"}, // written in the other form
	} {
		fields := map[string]any{"password": password, "event": "typing"}
		without := w.ask(t, fields)
		fields["user_inputs"] = inputs
		with := w.ask(t, fields)
		if with.Score > 1 || without.Score < 2 {
			t.Errorf("%s: score %d, and %d with %q", password, without.Score, with.Score, inputs)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld()
	many := `"a"` + strings.Repeat(`,"a"`, password.MaxInputs)
	for name, c := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"no password":       {`{"event":"signup"}`, 422, "password"},
		"null":              {`{"password":null,"event":"signup"}`, 422, "password"},
		"a number":          {`{"password":12345678,"event":"signup"}`, 400, "password"},
		"too long":          {`{"password":"` + strings.Repeat("p", 1025) + `","event":"signup"}`, 422, "password"},
		"far too long":      {`{"password":"` + strings.Repeat("e\u0301", 300_000) + `","event":"signup"}`, 422, "password"},
		"damaged":           {"{\"password\":\"p\xff\xfe\",\"event\":\"signup\"}", 422, "password"},
		"half a pair":       {`{"password":"\ud83d","event":"signup"}`, 422, "password"},
		"no event":          {`{"password":"p"}`, 422, "event"},
		"odd event":         {`{"password":"p","event":"Signup"}`, 422, "event"},
		"many inputs":       {`{"password":"p","event":"signup","user_inputs":[` + many + `]}`, 422, "user_inputs"},
		"long input":        {`{"password":"p","event":"signup","user_inputs":["a","` + strings.Repeat("x", 255) + `"]}`, 422, "user_inputs[1]"},
		"long subject":      {`{"password":"p","event":"signup","subject":"` + strings.Repeat("x", 257) + `"}`, 422, "subject"},
		"unknown workspace": {`{"password":"p","event":"signup","workspace":"nope"}`, 404, ""},
		"unknown field":     {`{"password":"p","event":"signup","passwort":"x"}`, 400, "passwort"},
		"no document":       {`password`, 400, ""},
	} {
		status, body := w.call(c.body)
		if status != c.status || c.field != "" && !strings.Contains(body, fmt.Sprintf(`"field":%q`, c.field)) {
			t.Errorf("%s: %d %s; want %d, field %q", name, status, body, c.status, c.field)
		}
	}
	for _, accepted := range []string{strings.Repeat("p", 1024), strings.Repeat("e\u0301", 1024), strings.Repeat("😀", 1024), "", " ", "\x00\n\u2028"} {
		w.ask(t, map[string]any{"password": accepted, "event": "typing"})
	}
	if len(w.double.Requests()) != 0 {
		t.Errorf("a refused or half-typed password was looked up: %v", w.double.Requests())
	}
}
