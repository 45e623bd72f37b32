package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"safekeep/infra/local"
	"safekeep/infra/local/internal/engine"
	"safekeep/infra/local/internal/probe"
)

func TestMain(m *testing.M) {
	probe.Main()
	code := m.Run()
	engine.Close()
	os.Exit(code)
}

// log is what a stack printed.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start deploys the project in testdata with the probe for every function.
func start(t testing.TB, edit func(*local.Options)) (*local.Stack, *log) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := &log{}
	o := local.Options{
		Root: "testdata/project", DynamoDB: engine.Endpoint(t), Log: out, NoTicks: true,
		Bootstraps: map[string]string{"alerts": self, "introspect": self, "notify": self},
	}
	if edit != nil {
		edit(&o)
	}
	s, err := local.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(out)
		}
	})
	return s, out
}

// call sends a request and returns the status and the body.
func call(t testing.TB, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// calls lets a function of the stack call its backends and returns the answers,
// or what Lambda says when it fails.
func calls(t testing.TB, s *local.Stack, function, list string) (answers []string, failure string) {
	t.Helper()
	r, err := s.Invoke(t.Context(), function, []byte(`{"do":"calls","calls":`+list+`}`))
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed {
		return nil, string(r.Payload)
	}
	if err := json.Unmarshal(r.Payload, &answers); err != nil {
		t.Fatalf("%v: %s", err, r.Payload)
	}
	return answers, ""
}

// Each path is served by the function that owns it; private ones see the local
// principal, public ones none; all else is a 404.
func TestFront(t *testing.T) {
	s, _ := start(t, nil)
	for _, tt := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"POST", "/alerts/github", 200, `"rawPath":"/alerts/github"`},
		{"DELETE", "/alerts/what/ever", 200, `"method":"DELETE"`},
		{"POST", "/tokens/introspect", 200, `"userArn":"arn:aws:iam::000000000000:user/local"`},
		{"GET", "/workspaces/demo", 404, `"title":"Not Found"`}, // not in this template
		{"GET", "/nothing", 404, `"status":404`},
		{"GET", "/local/nothing", 404, `"status":404`},
		{"GET", "/local/stack", 200, `"name":"introspect"`},
		{"GET", "/local/mail", 200, `[]`},
		{"GET", "/local/codehosts/github/keys", 200, `"key_identifier"`},
		{"GET", "/local/codehosts/bitbucket/keys", 404, `"status":404`},
		{"GET", "/local/", 200, `<html`},
	} {
		status, body := call(t, tt.method, s.URL+tt.path, "")
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s %s: %d %.300s", tt.method, tt.path, status, body)
		}
	}
	if _, body := call(t, "POST", s.URL+"/alerts/github", ""); strings.Contains(body, "authorizer") {
		t.Error("a public function sees a principal")
	}
}

// Web pages elsewhere reach neither /local nor a private function nor the raw
// API, by whatever name or origin; the public function takes anybody.
func TestGuard(t *testing.T) {
	s, _ := start(t, nil)
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	for _, path := range []string{"/local/stack", "/tokens/introspect", "/2015-03-31/functions/alerts/invocations", "/alerts/github"} {
		method := "POST"
		if path == "/local/stack" {
			method = "GET"
		}
		for _, tt := range []struct {
			header, value string
			refused       bool
		}{
			{"Host", "evil.example", true},
			{"Host", "evil.example" + port, true},
			{"Host", "127.0.0.1:1", true},
			{"Host", "localhost" + port, false},
			{"Origin", "https://evil.example", true},
			{"Origin", "null", true},
			{"Origin", s.URL, false},
			{"Accept", "*/*", false},
		} {
			status, _ := call(t, method, s.URL+path, "", tt.header, tt.value)
			want := tt.refused && path != "/alerts/github"
			if (status == 403) != want {
				t.Errorf("%s with %s: %s: %d", path, tt.header, tt.value, status)
			}
		}
	}
}

// The raw API and the library invoke a function with any event.
func TestInvoke(t *testing.T) {
	s, out := start(t, nil)
	if status, body := call(t, "POST", s.URL+"/2015-03-31/functions/notify/invocations", `{"do":"print","text":"hello from outside"}`); status != 200 || body != "null" {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := call(t, "POST", s.URL+"/2015-03-31/functions/nobody/invocations", `{}`); status != 404 {
		t.Errorf("an unknown function: %d", status)
	}
	if _, err := s.Invoke(t.Context(), "nobody", nil); err == nil {
		t.Error("an unknown function can be invoked")
	}
	before := s.Function("notify").Instances()[0].PID()
	s.Kill("notify")
	r, err := s.Invoke(t.Context(), "notify", []byte(`{"do":"context"}`))
	if err != nil || !r.Cold || strings.Contains(string(r.Payload), fmt.Sprint(before)) {
		t.Errorf("after Kill: %v %+v", err, r)
	}
	if !strings.Contains(out.String(), "[notify] hello from outside\n") {
		t.Error("the log lacks what the function printed")
	}
}

// What is written to the table reaches the function behind its stream, filtered,
// and the poison is given up.
func TestStream(t *testing.T) {
	s, out := start(t, nil)
	answers, _ := calls(t, s, "alerts", `[{"op":"put","table":"Ledger","key":"one"},{"op":"transact","table":"Ledger","key":"two"},{"op":"put","table":"Ledger","key":"poison"}]`)
	if fmt.Sprint(answers) != "[put transacted put]" {
		t.Fatal(answers)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{`{"S":"one"}`, `{"S":"two"}`, "gave up on the record"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(text, `two#2`) { // it has no kind
		t.Error("the filter let something through")
	}
}

// Schedules are fired as of a time and answer when the function has ended.
func TestSchedules(t *testing.T) {
	s, out := start(t, nil)
	url := s.URL + "/local/schedules/"
	if status, body := call(t, "POST", url+"notify", `{"at":"2026-11-22T07:00:00+01:00"}`); status != 200 || !strings.Contains(body, "took") {
		t.Errorf("%d %s", status, body)
	}
	if want := `{"scheduled":"2026-11-22T06:00:00Z"}`; !strings.Contains(out.String(), want) {
		t.Errorf("the function did not see %s", want)
	}
	if status, _ := call(t, "POST", url+"EveryHour", ``); status != 200 {
		t.Errorf("by its own name, now: %d", status)
	}
	if status, _ := call(t, "POST", url+"nobody", `{"at":"2026-11-22T06:00:00Z"}`); status != 404 {
		t.Errorf("unknown: %d", status)
	}
	if status, _ := call(t, "POST", url+"notify", `{"at":"tomorrow"}`); status != 400 {
		t.Errorf("no time: %d", status)
	}

	failing, _ := start(t, func(o *local.Options) {
		o.Env = map[string]map[string]string{"notify": {"PROBE_POISON": "scheduled"}}
	})
	if status, body := call(t, "POST", failing.URL+"/local/schedules/notify", `{}`); status != 502 || !strings.Contains(body, "poison") {
		t.Errorf("a failing function: %d %s", status, body)
	}
}

// Two stacks in one process over one engine see nothing of each other.
func TestStacksAreApart(t *testing.T) {
	a, _ := start(t, nil)
	b, _ := start(t, func(o *local.Options) { o.Timeouts = map[string]time.Duration{"alerts": 7 * time.Second} })
	put := `[{"op":"put","table":"Ledger","key":"x"},{"op":"get","table":"Ledger","key":"x"}]`
	if answers, _ := calls(t, a, "alerts", put); fmt.Sprint(answers) != "[put got true]" {
		t.Error(answers)
	}
	if answers, _ := calls(t, b, "alerts", `[{"op":"get","table":"Ledger","key":"x"}]`); fmt.Sprint(answers) != "[got false]" {
		t.Error(answers)
	}
	if got := b.Function("alerts").Timeout(); got != 7*time.Second {
		t.Errorf("timeout %s", got)
	}
}

// With State, a second stack finds the items, mails and keys of the first.
func TestState(t *testing.T) {
	dir := t.TempDir()
	var keys []string
	for n := range 2 {
		s, _ := start(t, func(o *local.Options) { o.State = dir })
		answers, _ := calls(t, s, "alerts", `[{"op":"get","table":"Ledger","key":"x"},{"op":"put","table":"Ledger","key":"x"},{"op":"mail","from":"security@acme.example","to":"a@b.example"}]`)
		if len(answers) != 3 || answers[0] != fmt.Sprintf("got %t", n > 0) {
			t.Errorf("start %d: %v", n, answers)
		}
		if got := len(s.Outbox.Mails()); got != n+1 {
			t.Errorf("start %d: %d mails", n, got)
		}
		keys = append(keys, s.GitHub.KeyIDs()...)
		if _, err := local.Start(t.Context(), local.Options{Root: "testdata/project", State: dir}); err == nil || !strings.Contains(err.Error(), "another stack") {
			t.Errorf("a second stack over the same state: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if keys[0] != keys[1] {
		t.Error("the code host has a new key")
	}
}
