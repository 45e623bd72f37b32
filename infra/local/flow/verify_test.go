package flow_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"safekeep/infra/local"
	"safekeep/infra/local/secrets"
)

// A scanner asks about a token, with the secret from Secrets Manager, through
// the binary as it ships.
func TestVerifyEndToEnd(t *testing.T) {
	t.Parallel()
	const secret = "a secret that the scanners of acme share"
	w := newWorld(t, local.Options{Parameters: map[string]string{"VerifySecretArn": secrets.ARN("scanners")}})
	w.workspace("acme", "", "ann")
	token := w.issue("acme")
	ask := func(header string) (int, string) {
		body := `{"skpToken":{"token":["` + token.text + `","` + token.text + `"]}}`
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/alerts/verify", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", header)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	if status, text := ask("Bearer " + secret); status != 503 {
		t.Errorf("without the secret: %d %s", status, text)
	}
	w.Secrets.Set("scanners", secret)
	if status, text := ask("Bearer " + secret); status != 200 || text != "{}" {
		t.Errorf("live: %d %s", status, text)
	}
	if status, text := ask("Bearer wrong"); status != 401 {
		t.Errorf("wrong secret: %d %s", status, text)
	}
	if got := w.call("GET", "/workspaces/acme/tokens/"+token.id, "", 200); got["last_used_on"] != nil {
		t.Errorf("asking counts as a use: %v", got)
	}
	w.deliver(w.report(token))
	if status, text := ask("Bearer " + secret); status != 403 || strings.Contains(text, "acme") {
		t.Errorf("dead: %d %s", status, text)
	}
	w.settle()
	w.assertQuiet(token)
}
