// Package flow tests whole flows on the local stack: the binaries as they ship,
// over the real engine, with faults in between.
package flow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/infra/local"
	"safekeep/infra/local/codehost"
	"safekeep/infra/local/outbox"
)

// world is a running stack and all that it ever printed.
type world struct {
	*local.Stack
	t   *testing.T
	log *journal
}

// journal keeps a log; functions write to it at the same time.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// notifyTimeout is short, so that the claims of a killed notify end soon.
const notifyTimeout = 4 * time.Second

func newWorld(t *testing.T, options local.Options) *world {
	t.Helper()
	w := &world{t: t, log: &journal{}}
	options.Log = w.log
	options.NoSeed, options.NoTicks = true, true
	if options.Timeouts == nil {
		options.Timeouts = map[string]time.Duration{"notify": notifyTimeout}
	}
	stack, err := local.Start(t.Context(), options)
	if err != nil {
		t.Fatalf("starting the stack: %v", err)
	}
	w.Stack = stack
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Errorf("closing the stack: %v", err)
		}
		if t.Failed() {
			t.Logf("the stack's log:\n%s", w.log)
		}
	})
	return w
}

// call sends a JSON request, expects the status, and decodes the answer.
func (w *world) call(method, path, body string, status int) map[string]any {
	w.t.Helper()
	got, text := w.send(method, path, "application/json", body)
	if got != status {
		w.t.Fatalf("%s %s: %d %s, want %d", method, path, got, text, status)
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			w.t.Fatalf("%s %s: %s: %v", method, path, text, err)
		}
	}
	return answer
}

func (w *world) send(method, path, kind, body string) (int, []byte) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, text
}

// workspace makes one with the given admins, "ann" for ann@<id>.example.
func (w *world) workspace(id, settings string, admins ...string) {
	w.t.Helper()
	w.call("PUT", "/workspaces/"+id, `{"name":"`+id+`"`+settings+`}`, 200)
	for _, user := range admins {
		w.call("PUT", "/workspaces/"+id+"/members/"+user, `{"email":"`+user+`@`+id+`.example","role":"owner"}`, 200)
	}
}

// issued is a token and its id.
type issued struct{ text, id, hint, workspace string }

func (w *world) issue(workspace string) issued {
	w.t.Helper()
	made := w.call("POST", "/workspaces/"+workspace+"/tokens", `{"name":"CI deploy","created_by":"ann"}`, 201)
	return issued{made["token"].(string), made["id"].(string), made["hint"].(string), workspace}
}

func (w *world) active(text string) bool {
	w.t.Helper()
	status, body := w.send("POST", "/tokens/introspect", "application/x-www-form-urlencoded", url.Values{"token": {text}}.Encode())
	if status != 200 {
		w.t.Fatalf("introspect: %d %s", status, body)
	}
	return strings.Contains(string(body), `"active":true`)
}

// deliver posts a report and returns its answer, whatever it is.
func (w *world) deliver(body []byte) codehost.Answer {
	w.t.Helper()
	answer, err := w.GitHub.Deliver(w.t.Context(), w.URL+"/alerts/github", body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

// insist delivers a report as a host does: again, until it is taken.
func (w *world) insist(body []byte) codehost.Answer {
	w.t.Helper()
	for range 60 {
		if answer := w.deliver(body); answer.Status == 200 {
			return answer
		} else if answer.Status < 500 {
			w.t.Fatalf("report: %d %s", answer.Status, answer.Body)
		}
		time.Sleep(200 * time.Millisecond) // as the host would, only sooner
	}
	w.t.Fatal("the report was never taken")
	return codehost.Answer{}
}

func (w *world) report(tokens ...issued) []byte {
	var findings []codehost.Finding
	for i, token := range tokens {
		findings = append(findings, codehost.Finding{Token: token.text, URL: fmt.Sprintf("https://github.com/acme/app/blob/main/%d", i)})
	}
	return w.GitHub.Report(findings...)
}

// settle lets notify work until nothing is owed any more.
func (w *world) settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 90*time.Second)
	defer cancel()
	if err := w.Drain(ctx); err != nil {
		w.t.Fatalf("draining the stream: %v", err)
	}
	for w.owing() > 0 {
		if ctx.Err() != nil {
			w.t.Fatalf("%d debts still stand", w.owing())
		}
		_, _ = w.Fire(ctx, "notify", time.Now()) // a run that is killed or fails is followed by another
		time.Sleep(300 * time.Millisecond)
	}
}

func (w *world) owing() int {
	return len(slices.DeleteFunc(w.items("Ledger"), func(item string) bool { return !strings.Contains(item, `"owes"`) }))
}

// items returns every item of a table as JSON.
func (w *world) items(table string) []string {
	w.t.Helper()
	var items []string
	pages := dynamodb.NewScanPaginator(w.DynamoDB, &dynamodb.ScanInput{TableName: aws.String(table), ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, item := range page.Items {
			text, err := json.Marshal(item)
			if err != nil {
				w.t.Fatal(err)
			}
			items = append(items, string(text))
		}
	}
	return items
}

// kinds counts the ledger's entries about a token by kind.
func (w *world) kinds(token issued) map[string]int {
	w.t.Helper()
	counts := map[string]int{}
	for cursor := ""; ; {
		page := w.call("GET", "/workspaces/"+token.workspace+"/ledger?limit=200&cursor="+cursor, "", 200)
		for _, e := range page["entries"].([]any) {
			if entry := e.(map[string]any); entry["subject"] == token.id {
				counts[entry["kind"].(string)]++
			}
		}
		next, _ := page["cursor"].(string)
		if next == "" {
			return counts
		}
		cursor = next
	}
}

// told counts the mails to an address that name a token.
func (w *world) told(address string, token issued) int {
	return len(slices.DeleteFunc(w.Outbox.Mails(), func(m outbox.Mail) bool {
		return m.To[0] != address || !strings.Contains(m.Text, token.hint)
	}))
}

// assertQuiet fails when one of the tokens stands anywhere that outlives a request.
func (w *world) assertQuiet(tokens ...issued) {
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
		for _, token := range tokens {
			// Half of it would be too much too.
			if strings.Contains(text, token.text[4:20]) || strings.Contains(text, token.text[20:34]) {
				w.t.Errorf("%s holds a token", place)
			}
		}
	}
	if !strings.Contains(places["the mails"], tokens[0].hint) || !strings.Contains(places["table Tokens"], tokens[0].hint) {
		w.t.Error("the hint is not where it should be: this check looks in the wrong places")
	}
}
