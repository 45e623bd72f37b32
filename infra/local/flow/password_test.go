package flow_test

import (
	"crypto/sha1" // as Have I Been Pwned has it
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"safekeep/infra/local"
	"safekeep/shared/password/pwnedtest"
)

// assess asks about a password, by the binary as it ships.
func (w *world) assess(password, more string) map[string]any {
	w.t.Helper()
	text, _ := json.Marshal(password)
	return w.call("POST", "/passwords/assess", `{"password":`+string(text)+more+`}`, 200)
}

// The story of README. What was typed stands nowhere afterwards, whatever becomes
// of the breach corpus.
func TestPasswordGuidance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	w.workspace("acme", "", "ann")
	w.workspace("strict", `,"require_mfa":true,"password_policy":{"block_breached":true}`, "ann")
	const good, known, weak = "sleepy otters juggle turnips", "correct horse battery staple", "acme2026!"
	w.Pwned.Know(known, 120)
	for _, c := range []struct {
		password, more, verdict string
		breached                any
	}{
		{good, `,"event":"signup"`, "ok", false},
		{good, `,"event":"typing"`, "ok", nil},
		{known, `,"event":"signup","workspace":"acme"`, "warn", true},
		{known, `,"event":"signup","workspace":"strict"`, "block", true},
		{known, `,"event":"login","workspace":"strict"`, "warn", true},
		{weak, `,"event":"change","user_inputs":["acme"]`, "block", false},
		{"xK9#mQ2$", `,"event":"signup","workspace":"acme"`, "block", false}, // eight characters
		{"xK9#mQ2$", `,"event":"signup","workspace":"strict"`, "ok", false},
	} {
		if got := w.assess(c.password, c.more); got["verdict"] != c.verdict || got["breached"] != c.breached {
			t.Errorf("%s: %v", c.more, got)
		}
	}
	for _, mischief := range []pwnedtest.Mischief{pwnedtest.Down, pwnedtest.Dripping, pwnedtest.Huge, pwnedtest.Page} {
		w.Pwned.Misbehave(mischief)
		if got := w.assess("other turnips juggle otters "+string(mischief), `,"event":"signup"`); got["verdict"] != "ok" || got["breached"] != nil {
			t.Errorf("while the corpus is %s: %v", mischief, got)
		}
	}
	w.call("POST", "/passwords/assess", `{"password":"`+good+`","event":"nothing"}`, 422)
	w.call("POST", "/passwords/assess", `{"password":"`+good+`","event":"signup","workspace":"nobody"}`, 404)
	places := w.log.String()
	for _, table := range w.Template.Tables {
		places += w.raw(table.Name)
	}
	if !strings.Contains(places, "pwned#") || !strings.Contains(places, "PasswordScore") {
		t.Error("neither the shelf nor the metrics are where they should be: this check looks in the wrong places")
	}
	for _, password := range []string{good, known, weak, "other turnips"} {
		sum := sha1.Sum([]byte(password))
		hash := strings.ToUpper(hex.EncodeToString(sum[:]))
		for _, needle := range []string{password, hash, strings.ToLower(hash)} {
			if strings.Contains(places, needle) {
				t.Errorf("a password or its hash stands in a table or a log (%d characters)", len(needle))
			}
		}
	}
}
