package token_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"safekeep/shared/token"
)

func format(t testing.TB, prefix string) token.Format {
	t.Helper()
	f, err := token.NewFormat(prefix)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// GitHub's own example token proves that our checksum is theirs.
func TestChecksumIsGitHubs(t *testing.T) {
	ghp := format(t, "ghp")
	if !ghp.Valid("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") {
		t.Error("GitHub's published example is not valid")
	}
	if ghp.Valid("ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18") {
		t.Error("a wrong last character is valid")
	}
}

func TestIssuedTokensAreValidAndDistinct(t *testing.T) {
	f := format(t, "skp")
	seen := map[string]bool{}
	for range 1000 {
		secret, err := f.Issue(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		text := secret.Reveal()
		if len(text) != 40 || !f.Valid(text) || seen[text] {
			t.Fatalf("token %s: length %d, valid %v, seen before %v", secret, len(text), f.Valid(text), seen[text])
		}
		seen[text] = true
	}
}

func TestIssueThrowsBiasedBytesAway(t *testing.T) {
	// 255 would favour the first characters of the alphabet; it must not be used.
	source := bytes.NewReader(append(bytes.Repeat([]byte{255}, 30), bytes.Repeat([]byte{61}, 30)...))
	secret, err := format(t, "skp").Issue(source)
	if err != nil {
		t.Fatal(err)
	}
	if want := "skp_" + strings.Repeat("z", 30); !strings.HasPrefix(secret.Reveal(), want) {
		t.Errorf("got a token that does not begin with %s", want)
	}
	if _, err := format(t, "skp").Issue(strings.NewReader("too short")); err == nil {
		t.Error("no error when randomness runs out")
	}
}

func TestWithinFindsTokensInLines(t *testing.T) {
	f := format(t, "skp")
	one, _ := f.Issue(rand.Reader)
	two, _ := f.Issue(rand.Reader)
	for name, c := range map[string]struct {
		line string
		want int
	}{
		"alone":    {one.Reveal(), 1},
		"assigned": {`export TOKEN="` + one.Reveal() + `"`, 1},
		"twice":    {one.Reveal() + " " + one.Reveal(), 1},
		"two":      {one.Reveal() + "," + two.Reveal(), 2},
		"none":     {"skp_short", 0},
		"empty":    {"", 0},
		"prefixed": {"x" + one.Reveal(), 1},
	} {
		if got := f.Within(c.line); len(got) != c.want {
			t.Errorf("%s: found %d tokens, want %d", name, len(got), c.want)
		}
	}
}

func TestPrefix(t *testing.T) {
	for _, bad := range []string{"", "a", "SKP", "skp_", "1kp", "skp-x", "elevenchars", "s.p"} {
		if _, err := token.NewFormat(bad); err == nil {
			t.Errorf("prefix %q is taken", bad)
		}
	}
}

// However a secret is printed, the token does not come out.
func TestSecretNeverPrints(t *testing.T) {
	secret, err := format(t, "skp").Issue(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
		args := []any{secret}
		if verb == "%T %v" {
			args = []any{secret, struct{ S token.Secret }{secret}}
		}
		fmt.Fprintf(&out, verb+"\n", args...)
	}
	hidden := struct{ s token.Secret }{secret} // fmt cannot call methods in there
	fmt.Fprintf(&out, "%v %+v %#v %s\n", hidden, hidden, &hidden, []any{hidden})
	fmt.Fprintf(&out, "%v %+v %#v\n", &secret, []token.Secret{secret}, map[string]token.Secret{"a": secret})
	text, _ := json.Marshal(map[string]any{"token": secret, "list": []token.Secret{secret}})
	out.Write(text)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "token", secret, "any", struct{ Token token.Secret }{secret})
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "token", secret)
	if body := secret.Reveal()[4:30]; strings.Contains(out.String(), body) || strings.Contains(out.String(), fmt.Sprintf("%x", body)) {
		t.Errorf("the token came out:\n%s", out.String())
	}
	if !strings.Contains(out.String(), secret.String()) {
		t.Error("the hint did not come out")
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("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")
	f.Add("skp_\x00\xff")
	f.Add(strings.Repeat("skp_", 1000))
	shape := format(f, "skp")
	f.Fuzz(func(t *testing.T, s string) {
		if shape.Valid(s) && len(shape.Within(s)) != 1 {
			t.Error("valid and not found")
		}
		if redacted := shape.Redact(s); len(shape.Within(redacted)) != 0 {
			t.Errorf("a token is left in %q", redacted)
		}
		if hint := token.Hint(s); len(hint) > 11+len("…")+4 {
			t.Errorf("hint of %d bytes", len(hint))
		}
	})
}
