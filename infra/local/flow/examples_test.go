package flow_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"safekeep/infra"
	"safekeep/infra/local"
	"safekeep/infra/local/faults"
	"safekeep/infra/local/host"
	"safekeep/infra/local/secrets"
)

// serviceKey is what the company and Safekeep share.
var serviceKey = strings.Repeat("k3y-", 10)

const serviceSecret = "safekeep/token-service"

// kept is a token that a company's own service keeps, and how it stands there.
type kept struct {
	issued
	status string
}

// keep makes tokens up, without a service yet.
func keep(workspace string, statuses ...string) (tokens []kept) {
	for _, status := range statuses {
		text := "acme_live_" + rand.Text()
		tokens = append(tokens, kept{issued{text, "key_" + rand.Text(), "acme_…" + text[len(text)-4:], workspace}, status})
	}
	return tokens
}

func (k kept) hash() string {
	sum := sha256.Sum256([]byte(k.text))
	return hex.EncodeToString(sum[:])
}

// The programs of infra/examples.
var examples = map[string]func(t *testing.T, root string) *exec.Cmd{
	"node": func(t *testing.T, root string) *exec.Cmd {
		dir := filepath.Join(root, "infra/examples/tokenservice-node")
		if _, err := os.Stat(filepath.Join(dir, "node_modules/express")); err != nil {
			t.Fatal("Express is not installed: run make deps (npm ci --ignore-scripts in infra/examples/tokenservice-node)")
		}
		return exec.Command("node", filepath.Join(dir, "server.js"))
	},
	"go": func(t *testing.T, root string) *exec.Cmd {
		program := filepath.Join(t.TempDir(), "tokenservice")
		build := exec.Command("go", "build", "-o", program, "./infra/examples/tokenservice-go")
		build.Dir = root
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building the example: %v\n%s", err, output)
		}
		return exec.Command(program)
	},
}

// runExample starts an example with tokens in it and returns its address. It is
// gone when the test is.
func runExample(t *testing.T, language string, tokens []kept) string {
	t.Helper()
	root, err := infra.Root()
	if err != nil {
		t.Fatal(err)
	}
	list := []map[string]any{}
	for _, k := range tokens {
		one := map[string]any{
			"sha256": k.hash(), "id": k.id, "workspace": k.workspace, "name": "CI deploy", "hint": k.hint, "created_by": "ann",
			"created_at": "2026-03-03T23:00:00Z", "last_used_on": "2026-11-20", "status": k.status, "ended_at": nil,
		}
		if k.status != "active" {
			one["ended_at"] = "2026-06-01T12:00:00Z"
		}
		list = append(list, one)
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	command := examples[language](t, root)
	command.Env = append(os.Environ(), "KEY="+serviceKey, "TOKENS="+string(text), "PORT=0")
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	lines := bufio.NewScanner(output)
	if !lines.Scan() {
		t.Fatalf("the %s example does not start", language)
	}
	return strings.TrimPrefix(lines.Text(), "ready ")
}

// newWorldWith starts a stack whose tokens a company's own service keeps.
func newWorldWith(t *testing.T, service http.Handler) *world {
	t.Helper()
	w := newWorld(t, local.Options{
		Services: map[string]http.Handler{"tokenservice": service},
		Parameters: map[string]string{
			"TokenServiceUrl":       host.Backend + "/tokenservice",
			"TokenServiceSecretArn": secrets.ARN(serviceSecret),
		},
	})
	w.Secrets.Set(serviceSecret, `{"current":"`+serviceKey+`"}`)
	return w
}

func forward(t *testing.T, address string) http.Handler {
	t.Helper()
	service, err := faults.Forward(address)
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// statusOf asks the service itself, signed as Safekeep signs.
func statusOf(t *testing.T, address string, k kept) string {
	t.Helper()
	body := `{"sha256":["` + k.hash() + `"]}`
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(serviceKey))
	mac.Write([]byte(timestamp + ".0a." + body))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/lookup", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Safekeep-Timestamp": timestamp, "Safekeep-Nonce": "0a",
		"Safekeep-Signature": "v1=" + hex.EncodeToString(mac.Sum(nil)),
	} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var found struct{ Tokens []struct{ Status string } }
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil || len(found.Tokens) != 1 {
		t.Fatalf("asking the service: %d, %v", answer.StatusCode, err)
	}
	return found.Tokens[0].Status
}

// secretive fails when a token or the key stands where it outlives a request.
func (w *world) secretive(tokens ...kept) {
	w.t.Helper()
	places := map[string]string{"the log": w.log.String()}
	for _, table := range w.Template.Tables {
		places["table "+table.Name] = strings.Join(w.items(table.Name), "\n")
	}
	mails, err := json.Marshal(w.Outbox.Mails())
	if err != nil {
		w.t.Fatal(err)
	}
	places["the mails"] = string(mails)
	for place, text := range places {
		if strings.Contains(text, serviceKey) {
			w.t.Errorf("%s holds the key", place)
		}
		for _, k := range tokens {
			if strings.Contains(text, k.text[10:30]) {
				w.t.Errorf("%s holds a token", place)
			}
		}
	}
}

// Whoever has another key is refused, and so is one whose message is old.
func TestExamplesRefuse(t *testing.T) {
	t.Parallel()
	for language := range examples {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			address := runExample(t, language, nil)
			sign := func(key, timestamp, body string) string {
				mac := hmac.New(sha256.New, []byte(key))
				mac.Write([]byte(timestamp + ".0a." + body))
				return "v1=" + hex.EncodeToString(mac.Sum(nil))
			}
			const body = `{"sha256":[]}`
			now, old := strconv.FormatInt(time.Now().Unix(), 10), strconv.FormatInt(time.Now().Add(-6*time.Minute).Unix(), 10)
			for name, c := range map[string]struct {
				timestamp, signature string
				want                 int
			}{
				"good": {now, sign(serviceKey, now, body), 200}, "no signature": {now, "", 401}, "another key": {now, sign(strings.ToUpper(serviceKey), now, body), 401},
				"another body": {now, sign(serviceKey, now, body+" "), 401}, "old": {old, sign(serviceKey, old, body), 401},
				"no time": {"", sign(serviceKey, "", body), 401}, "odd time": {"1e9", sign(serviceKey, "1e9", body), 401},
			} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/lookup", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Safekeep-Timestamp", c.timestamp)
				r.Header.Set("Safekeep-Nonce", "0a")
				r.Header.Set("Safekeep-Signature", c.signature)
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Body.Close()
				if answer.StatusCode != c.want {
					t.Errorf("%s: %d, want %d", name, answer.StatusCode, c.want)
				}
			}
		})
	}
}
