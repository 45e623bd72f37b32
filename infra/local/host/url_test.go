package host_test

import (
	"bytes"
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

func send(t *testing.T, r *http.Request) (*http.Response, string) {
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
	return a, string(b)
}

// The event is a Function URL's: version 2.0, lower-case headers, the path as it
// was sent, cookies apart, and the local principal behind AWS_IAM.
func TestEvent(t *testing.T) {
	url := serve(t, &host.URL{Auth: host.AuthIAM})
	r, _ := http.NewRequest("POST", url+"/probe/event?a=1&a=2&b=x%20y", strings.NewReader(""))
	r.URL.Path, r.URL.RawPath = "/probe/event", ""
	r.Header.Set("X-Actor", "ann")
	r.Header.Add("X-Twice", "1")
	r.Header.Add("X-Twice", "2")
	r.Header.Set("Cookie", "c=d; e=f")
	_, body := send(t, r)
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
	r, _ := http.NewRequest("POST", url+"/probe/a%2Fb", strings.NewReader(`{"do":"event"}`))
	r.Header.Set("Content-Type", "application/json")
	_, body := send(t, r)
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
			r, _ := http.NewRequest("POST", url+"/probe/body", strings.NewReader(tt.body))
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			_, got := send(t, r)
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
	get := func(path string, body string) (*http.Response, string) {
		r, _ := http.NewRequest("POST", url+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return send(t, r)
	}
	a, body := get("/probe/teapot", "")
	if a.StatusCode != 418 || body != "short and stout" || a.Header.Get("Content-Type") != "text/plain" || len(a.Header.Values("Set-Cookie")) != 2 {
		t.Errorf("teapot: %d %q %v", a.StatusCode, body, a.Header)
	}
	for _, path := range []string{"/probe/fail", "/probe/panic", "/probe/exit"} {
		if a, body := get(path, ""); a.StatusCode != 502 || strings.Contains(body, "as asked") {
			t.Errorf("%s: %d %s", path, a.StatusCode, body)
		}
	}
	if a, body := get("/probe/body", strings.Repeat("x", host.PayloadLimit)); a.StatusCode != 413 {
		t.Errorf("too big: %d %.100s", a.StatusCode, body)
	}
	if a, body := get("/probe/body", strings.Repeat("x", host.PayloadLimit-4096)); a.StatusCode != 200 {
		t.Errorf("just fits: %d %.100s", a.StatusCode, body)
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
		r, _ := http.NewRequest("POST", s.URL, bytes.NewReader([]byte(tt.event)))
		r.Header.Set("X-Amz-Invocation-Type", tt.kind)
		a, body := send(t, r)
		if a.StatusCode != tt.status || a.Header.Get("X-Amz-Function-Error") != tt.failed || !strings.Contains(body, tt.body) {
			t.Errorf("%s %s: %d %v %s", tt.kind, tt.event, a.StatusCode, a.Header, body)
		}
	}
}
