package host_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"safekeep/infra/local/host"
)

func serve(t *testing.T, u *host.URL) string {
	t.Helper()
	u.Function = deploy(t, host.Config{})
	s := httptest.NewServer(u)
	t.Cleanup(s.Close)
	return s.URL
}

// An answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   string
}

func post(t *testing.T, url, contentType, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return send(t, r)
}

func send(t *testing.T, r *http.Request) answer {
	t.Helper()
	a, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{a.StatusCode, a.Header, string(b)}
}

// The event is a Function URL's: version 2.0, lower-case headers, the path as it
// was sent, cookies apart, and the local principal behind AWS_IAM.
func TestEvent(t *testing.T) {
	url := serve(t, &host.URL{Auth: host.AuthIAM})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/probe/event?a=1&a=2&b=x%20y", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Actor", "ann")
	r.Header.Add("X-Twice", "1")
	r.Header.Add("X-Twice", "2")
	r.Header.Set("Cookie", "c=d; e=f")
	body := send(t, r).body
	var e events.LambdaFunctionURLRequest
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	switch {
	case e.Version != "2.0", e.RawPath != "/probe/event", e.RawQueryString != "a=1&a=2&b=x%20y",
		e.QueryStringParameters["a"] != "1,2", e.QueryStringParameters["b"] != "x y",
		e.Headers["x-actor"] != "ann", e.Headers["x-twice"] != "1,2", e.Headers["cookie"] != "",
		len(e.Cookies) != 2 || e.Cookies[1] != "e=f",
		e.RequestContext.TimeEpoch == 0, e.RequestContext.HTTP.SourceIP != "127.0.0.1",
		e.RequestContext.Authorizer.IAM.UserARN != "arn:aws:iam::000000000000:user/local":
		t.Errorf("event: %s", body)
	}
}

// A path keeps its escapes, and a public URL names no principal.
func TestEventKeepsEscapes(t *testing.T) {
	u := &host.URL{Auth: host.AuthNone}
	url := serve(t, u)
	body := post(t, url+"/probe/a%2Fb", "application/json", `{"do":"event"}`).body
	if !strings.Contains(body, `"rawPath":"/probe/a%2Fb"`) || strings.Contains(body, "authorizer") {
		t.Error(body)
	}
}

// Bodies travel as text or as base64, by content type and by what they are.
func TestBodies(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		force, base64           bool
	}{
		{"json", "application/json; charset=utf-8", `{"a":"ü"}`, false, false},
		{"problem json", "application/problem+json", `{}`, false, false},
		{"text", "text/plain", "hello", false, false},
		{"no type", "", "hello", false, false},
		{"a form", "application/x-www-form-urlencoded", "token=x", false, true},
		{"not UTF-8", "application/json", "\xff\xfe", false, true},
		{"forced", "application/json", `{}`, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, &host.URL{Auth: host.AuthNone, ForceBase64: tt.force})
			got := post(t, url+"/probe/body", tt.contentType, tt.body).body
			var a struct {
				Base64 bool
				Body   string
			}
			if err := json.Unmarshal([]byte(got), &a); err != nil {
				t.Fatalf("%v: %s", err, got)
			}
			want := tt.body
			if tt.base64 {
				want = base64.StdEncoding.EncodeToString([]byte(tt.body))
			}
			if a.Base64 != tt.base64 || a.Body != want {
				t.Errorf("%+v", a)
			}
		})
	}
}

// A function's status, headers, cookies and decoded body reach the caller; what
// goes wrong in it is a bare 502; what is too big never reaches it.
func TestAnswers(t *testing.T) {
	url := serve(t, &host.URL{Auth: host.AuthNone})
	get := func(path string, body string) answer { return post(t, url+path, "application/json", body) }
	a := get("/probe/teapot", "")
	if a.status != http.StatusTeapot || a.body != "short and stout" || a.header.Get("Content-Type") != "text/plain" || len(a.header.Values("Set-Cookie")) != 2 {
		t.Errorf("teapot: %+v", a)
	}
	for _, path := range []string{"/probe/fail", "/probe/panic", "/probe/exit"} {
		if a := get(path, ""); a.status != 502 || strings.Contains(a.body, "as asked") {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if a := get("/probe/body", strings.Repeat("x", host.PayloadLimit)); a.status != 413 {
		t.Errorf("too big: %d %.100s", a.status, a.body)
	}
	if a := get("/probe/body", strings.Repeat("x", host.PayloadLimit-4096)); a.status != 200 {
		t.Errorf("just fits: %d %.100s", a.status, a.body)
	}
}

// The raw Invoke operation takes any event and marks failures.
func TestServeInvoke(t *testing.T) {
	f := deploy(t, host.Config{})
	s := httptest.NewServer(http.HandlerFunc(f.ServeInvoke))
	defer s.Close()
	for _, tt := range []struct {
		kind, event string
		status      int
		failed      string
		body        string
	}{
		{"", `{"do":"event","any":[1]}`, 200, "", `{"do":"event","any":[1]}`},
		{"RequestResponse", `{"do":"fail"}`, 200, "Unhandled", `"errorMessage"`},
		{"Event", `{"do":"print"}`, 202, "", ""},
		{"DryRun", `{"do":"fail"}`, 204, "", ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader(tt.event))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Invocation-Type", tt.kind)
		a := send(t, r)
		if a.status != tt.status || a.header.Get("X-Amz-Function-Error") != tt.failed || !strings.Contains(a.body, tt.body) {
			t.Errorf("%s %s: %+v", tt.kind, tt.event, a)
		}
	}
}
