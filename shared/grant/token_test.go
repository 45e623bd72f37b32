package grant_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"safekeep/shared/grant"
)

// However a token is printed, the JWT stays inside.
func TestTokenShowsAHint(t *testing.T) {
	_, jwt := issue(t, newVault(t))
	token := grant.NewToken(jwt)
	if token.Reveal() != jwt {
		t.Error("not the text that went in")
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" ", token)
		fmt.Fprintf(&out, verb+" ", struct{ a, B any }{token, &token})
		fmt.Fprintf(&out, verb+" ", []grant.Token{token})
		fmt.Fprintf(&out, verb+" ", map[grant.Token]int{token: 1})
	}
	fmt.Fprintln(&out, token, token.String())
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "token", token, "in", struct{ T grant.Token }{token})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "token", token, "in", struct{ T grant.Token }{token})
	if err := json.NewEncoder(&out).Encode(map[string]any{"t": token, "p": &token}); err != nil {
		t.Fatal(err)
	}
	if hint := "grant …" + jwt[len(jwt)-4:]; !strings.Contains(out.String(), hint) {
		t.Errorf("no hint in %s", out.String())
	}
	hexed := fmt.Sprintf("%x", jwt)
	for _, piece := range []string{jwt, jwt[:20], jwt[len(jwt)-20:], hexed[len(hexed)-20:]} {
		if strings.Contains(out.String(), piece) {
			t.Errorf("%s is in %s", piece, out.String())
		}
	}
}

func TestTokenShowsNothingOfWhatIsNone(t *testing.T) {
	if got := grant.NewToken("hunter2-hunter2").String(); got != "grant …" {
		t.Errorf("%s", got)
	}
	var none grant.Token
	if none.Reveal() != "" || fmt.Sprint(none) != "grant …" {
		t.Errorf("the zero token: %v", none)
	}
}
