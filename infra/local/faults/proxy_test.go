package faults

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A sham is a process that only has a name.
type sham struct {
	id         int
	invocation string
}

func (s *sham) Function() string   { return "alerts" }
func (s *sham) ID() int            { return s.id }
func (s *sham) PID() int           { return 0 }
func (s *sham) Invocation() string { return s.invocation }
func (s *sham) Kill()              {}

func open(t testing.TB) *Proxy {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func post(t testing.TB, url, operation, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
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

// Calls are numbered within an invocation and within a function, and forgotten
// processes and unknown services are not served.
func TestCallsAreNumbered(t *testing.T) {
	p := open(t)
	p.Serve(DynamoDB, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }))
	one, two := &sham{id: 1, invocation: "a"}, &sham{id: 2, invocation: "b"}
	first, second := p.Attach(one), p.Attach(two)
	for _, url := range []string{first, first, second} {
		if status, body := post(t, url+"/dynamodb/", "GetItem", ""); status != 200 || body != "/" {
			t.Errorf("%d %s", status, body)
		}
	}
	one.invocation = "c"
	post(t, first+"/dynamodb/", "PutItem", "")
	var got []string
	for _, c := range p.Calls(nil) {
		got = append(got, fmt.Sprint(c.Instance, c.Invocation, c.N, c.Total, c.Operation))
	}
	if want := "[1a1 1GetItem 1a2 2GetItem 2b1 3GetItem 1c1 4PutItem]"; fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	p.Detach(two)
	if status, _ := post(t, second+"/dynamodb/", "GetItem", ""); status != 404 {
		t.Errorf("a process that is gone: %d", status)
	}
	if status, _ := post(t, first+"/aws/", "GetItem", ""); status != 404 {
		t.Errorf("an unknown service: %d", status)
	}
}

// Half of a batch is done, the rest handed back, for writes and for reads; what
// cannot be divided is done.
func TestUnprocessed(t *testing.T) {
	for _, tt := range []struct{ operation, body, done, answer string }{
		{"BatchWriteItem", `{"RequestItems":{"t":[1,2,3]}}`, `[1,2]`, `{"UnprocessedItems":{"t":[3]}}`},
		{"BatchGetItem", `{"RequestItems":{"t":{"Keys":[1,2],"ConsistentRead":true}}}`, `{"ConsistentRead":true,"Keys":[1]}`, `{"UnprocessedKeys":{"t":{"ConsistentRead":true,"Keys":[2]}}}`},
		{"BatchWriteItem", `{"RequestItems":{"t":[1]}}`, `[1]`, `{"UnprocessedItems":{}}`},
		{"Query", `{"TableName":"t"}`, ``, `{"UnprocessedItems":{}}`},
	} {
		p := open(t)
		var done string
		p.Serve(DynamoDB, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			done = string(b)
			fmt.Fprint(w, `{"UnprocessedItems":{}}`)
		}))
		p.Set(func(Call) Action { return Unprocessed })
		_, answer := post(t, p.Attach(&sham{id: 1})+"/dynamodb/", tt.operation, tt.body)
		answer = strings.Replace(answer, `"UnprocessedItems":{},`, "", 1) // of the service itself
		answer = strings.Replace(answer, `,"UnprocessedItems":{}`, "", 1)
		if !strings.Contains(done, tt.done) || answer != tt.answer {
			t.Errorf("%s %s: did %s, answered %s", tt.operation, tt.body, done, answer)
		}
	}
}

// The record keeps the newest calls and counts them all.
func TestRecordIsBounded(t *testing.T) {
	p := open(t)
	for range recorded + 10 {
		p.record.add(Call{Function: "f"})
	}
	calls := p.Calls(nil)
	if len(calls) < recorded/2 || len(calls) > recorded || calls[len(calls)-1].Total != recorded+10 {
		t.Errorf("%d calls, the last one is number %d", len(calls), calls[len(calls)-1].Total)
	}
}

// BenchmarkProxy is a call through the proxy to a service elsewhere;
// BenchmarkDirect is the same call without it.
func BenchmarkProxy(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	defer s.Close()
	p := open(b)
	f, err := Forward(s.URL)
	if err != nil {
		b.Fatal(err)
	}
	p.Serve(DynamoDB, f)
	url := p.Attach(&sham{id: 1}) + "/dynamodb/"
	for b.Loop() {
		post(b, url, "GetItem", "{}")
	}
}

func BenchmarkDirect(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	defer s.Close()
	for b.Loop() {
		post(b, s.URL, "GetItem", "{}")
	}
}
