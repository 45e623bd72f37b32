package password_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"safekeep/shared/password"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	const people = 20_000
	for _, percent := range []password.Rollout{0, 1, 10, 50, 90, 100} {
		guided := 0
		for i := range people {
			subject := fmt.Sprintf("user-%d", i)
			variant := percent.VariantOf(subject)
			if variant != percent.VariantOf(subject) {
				t.Fatal("the split is not the same twice")
			}
			if variant == password.Guidance {
				guided++
				if later := min(percent+5, 100); later.VariantOf(subject) != password.Guidance {
					t.Fatalf("%s loses guidance from %d to %d %%", subject, percent, later)
				}
			}
		}
		share := 100 * float64(guided) / people
		t.Logf("%d %%: %.2f %%", percent, share)
		if share < float64(percent)-1 || share > float64(percent)+1 {
			t.Errorf("%d %%: %.2f %% of the people are guided", percent, share)
		}
	}
	for percent, want := range map[password.Rollout]password.Variant{0: password.Control, 1: password.Guidance, 100: password.Guidance} {
		if got := percent.VariantOf(""); got != want {
			t.Errorf("without a subject at %d %%: %s", percent, got)
		}
	}
}

// TestControlIsToldTheRulesOnly: measured like the others, told as if there were
// no guidance. What a workspace refuses is refused all the same.
func TestControlIsToldTheRulesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.service.Rollout = 0
	for _, c := range []struct {
		password, workspace string
		verdict             password.Verdict
		reasons             []password.Reason
		warning             string
		suggestions         []string
	}{
		{"correct horse battery staple", "", password.OK, []password.Reason{}, "", []string{}}, // breached
		{"passwordpassword", "", password.OK, []password.Reason{}, "", []string{}},
		{"password", "", password.Block, []password.Reason{password.TooShort}, "This password is too short.", []string{"Make it at least 15 characters long."}},
		{"password", "mfa", password.OK, []password.Reason{}, "", []string{}},
		{
			"correct horse battery staple", "strict", password.Block, []password.Reason{password.Breached},
			"This password is known from a data breach, so others will try it.", []string{"Choose a password that you use nowhere else."},
		},
	} {
		a := w.ask(t, map[string]any{"password": c.password, "event": "signup", "workspace": c.workspace, "subject": "u1"})
		if a.Variant != password.Control || a.Verdict != c.verdict || (a.Breached != nil) != slices.Contains(c.reasons, password.Breached) || (a.BreachCount > 0) != (a.Breached != nil) || a.Warning != c.warning {
			t.Errorf("%q: %+v", c.password, a)
		}
		if diff := cmp.Diff(c.suggestions, a.Suggestions) + cmp.Diff(c.reasons, a.Reasons); diff != "" {
			t.Errorf("%q:\n%s", c.password, diff)
		}
	}
	found := w.figures(t)
	if len(found) != 5 || found[0]["PasswordsBreached"] != 1.0 || found[0]["PasswordsBlocked"] != 0.0 || found[2]["PasswordsBlocked"] != 1.0 || found[4]["PasswordsBlocked"] != 1.0 {
		t.Errorf("measured: %v", found)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, event := range []string{"typing", "signup", "login"} {
		w.ask(t, map[string]any{"password": "password", "event": event, "subject": "somebody"})
	}
	lines := w.figures(t)
	if len(lines) != 3 {
		t.Fatalf("%v", lines)
	}
	if diff := cmp.Diff(map[string]any{"Stack": "test", "PasswordsTyped": 1.0}, without(lines[0], "_aws")); diff != "" {
		t.Errorf("typing:\n%s", diff)
	}
	want := map[string]any{
		"Stack": "test", "Event": "signup", "Variant": "guidance", "PasswordsAssessed": 1.0, "PasswordScore": 0.0, "PasswordScore0": 1.0,
		"PasswordsBlocked": 1.0, "PasswordsBreached": 1.0, "PasswordsBreachUnknown": 0.0, "HibpMilliseconds": 0.0,
	}
	if diff := cmp.Diff(want, without(lines[1], "_aws")); diff != "" {
		t.Errorf("signup:\n%s", diff)
	}
	if lines[2]["Event"] != "login" || lines[2]["PasswordsBlocked"] != 0.0 {
		t.Errorf("login: %v", lines[2])
	}
	if strings.Contains(w.metrics.String(), "somebody") {
		t.Error("the subject is measured")
	}
}

func without(line map[string]any, name string) map[string]any {
	delete(line, name)
	return line
}
