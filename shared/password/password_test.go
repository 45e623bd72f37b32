package password_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"safekeep/shared/password"
)

func TestSecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	const text = "hunter2-but-longer"
	s := password.NewSecret(text)
	type around struct {
		S      password.Secret
		hidden password.Secret
	}
	var out bytes.Buffer
	for _, v := range []any{s, &s, around{s, s}, &around{s, s}, []password.Secret{s}, map[string]password.Secret{"a": s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(encoded)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
	}
	out.WriteString(s.String())
	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%q", text), "hunter"} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the password comes out as %.6s…", form)
		}
	}
	if s.Reveal() != text {
		t.Error("Reveal does not give it")
	}
}

// TestOnePasswordOneForm: composed or not, it is the same password, with the
// same length.
func TestOnePasswordOneForm(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.double.Know("Pässwörter-Überall", 7)
	composed := w.ask(t, map[string]any{"password": "P\u00e4ssw\u00f6rter-\u00dcberall", "event": "signup"})
	apart := w.ask(t, map[string]any{"password": "Pa\u0308sswo\u0308rter-U\u0308berall", "event": "signup"})
	if composed.BreachCount != 7 || apart.BreachCount != 7 || composed.Score != apart.Score {
		t.Errorf("composed: %+v, apart: %+v", composed, apart)
	}
	// 15 characters of which each is a letter and an accent.
	if long := w.ask(t, map[string]any{"password": strings.Repeat("e\u0301x", 7) + "e\u0301", "event": "signup"}); has(long, password.TooShort) {
		t.Errorf("15 characters: %v", long.Reasons)
	}
	if short := w.ask(t, map[string]any{"password": strings.Repeat("e\u0301x", 7), "event": "signup"}); !has(short, password.TooShort) {
		t.Errorf("14 characters: %v", short.Reasons)
	}
}

func has(a password.Assessment, r password.Reason) bool {
	for _, reason := range a.Reasons {
		if reason == r {
			return true
		}
	}
	return false
}
