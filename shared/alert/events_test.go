package alert

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"safekeep/shared/web"
)

// The sample events that `sam local invoke` takes are answered as their names
// promise, when each host's key document is where its keys are fetched from.
func TestSampleEvents(t *testing.T) {
	want := map[string]int{
		"alerts-github.json":        http.StatusOK,
		"alerts-github-base64.json": http.StatusOK,
		"alerts-github-forged.json": http.StatusUnauthorized,
		"alerts-gitlab.json":        http.StatusNoContent,
		"alerts-verify.json":        http.StatusForbidden, // no such token here
	}
	var published struct {
		Keys json.RawMessage `json:"keys_document"`
	}
	if err := json.Unmarshal(readFile(t, "testdata/github-signatures.json"), &published); err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	serveKeys(t, b.service.GitHub, published.Keys)
	// GitLab publishes no signed sample. This key was made for the event, and
	// its private half thrown away.
	serveKeys(t, b.service.GitLab, readFile(t, "testdata/gitlab-keys.json"))

	files, err := filepath.Glob("../../events/alerts-*.json")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d events, want %d: %v", len(files), len(want), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		var event events.LambdaFunctionURLRequest
		if err := json.Unmarshal(readFile(t, file), &event); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkEvent(t, name, event)
		answer, err := web.Invoker(b.service.Routes())(t.Context(), event)
		if err != nil || answer.StatusCode != want[name] {
			t.Errorf("%s: status %d, %v; want %d: %s", name, answer.StatusCode, err, want[name], answer.Body)
		}
		if answer.StatusCode == http.StatusOK && !json.Valid([]byte(answer.Body)) {
			t.Errorf("%s: %s", name, answer.Body)
		}
		event.Body += " "
		if answer, _ := web.Invoker(b.service.Routes())(t.Context(), event); answer.StatusCode < 400 || answer.StatusCode >= 500 {
			t.Errorf("%s and a space: status %d", name, answer.StatusCode)
		}
	}
}

// checkEvent sees that what an event says twice is the same.
func checkEvent(t *testing.T, name string, event events.LambdaFunctionURLRequest) {
	t.Helper()
	about := event.RequestContext
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", about.Time)
	if err != nil || at.Unix() != about.TimeEpoch/1000 {
		t.Errorf("%s: it is %s and %d, %v", name, about.Time, about.TimeEpoch, err)
	}
	if about.HTTP.Path != event.RawPath || about.DomainName != event.Headers["host"] || about.HTTP.SourceIP != event.Headers["x-forwarded-for"] {
		t.Errorf("%s: path, host or caller stand there differently", name)
	}
	body := []byte(event.Body)
	if event.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(event.Body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if event.Headers["content-length"] != strconv.Itoa(len(body)) {
		t.Errorf("%s: content-length %s, want %d", name, event.Headers["content-length"], len(body))
	}
	if about.Authorizer != nil {
		t.Errorf("%s: no IAM principal calls a public function", name)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// serveKeys makes a keyring fetch the document over HTTP.
func serveKeys(t *testing.T, keys *Keyring, document []byte) {
	t.Helper()
	url := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(document) })
	keys.Source = NewEndpoint(url, nil)
	keys.Shelf.(*EphemeraShelf).URL = url
}
