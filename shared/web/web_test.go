package web_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// routes is a small API that does what a test asks it to.
func routes() *web.Router {
	r := web.NewRouter()
	r.Handle("GET /things/{id}", func(w http.ResponseWriter, q *http.Request) error {
		actor, err := web.Actor(q)
		if err != nil {
			return err
		}
		return web.WriteJSON(w, http.StatusOK, map[string]string{"id": q.PathValue("id"), "actor": actor})
	})
	r.Handle("PUT /things/{id}", func(w http.ResponseWriter, q *http.Request) error {
		var body struct {
			Name  string   `json:"name"`
			Count int      `json:"count"`
			Tags  []string `json:"tags"`
			Deep  struct {
				On bool `json:"on"`
			} `json:"deep"`
		}
		if err := web.ReadJSON(q, &body); err != nil {
			return err
		}
		return web.WriteJSON(w, http.StatusOK, body)
	})
	r.Handle("GET /list", func(w http.ResponseWriter, q *http.Request) error {
		cursor, limit, err := web.Page(q)
		if err != nil {
			return err
		}
		return web.WriteJSON(w, http.StatusOK, map[string]any{"cursor": cursor, "limit": limit})
	})
	r.Handle("GET /panic", func(http.ResponseWriter, *http.Request) error { panic("skp_secret in a panic") })
	r.Handle("GET /unknown", func(http.ResponseWriter, *http.Request) error { return errors.New("skp_secret in an error") })
	r.Handle("GET /late", func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("waiting: %w", context.DeadlineExceeded)
	})
	r.Handle("GET /conflict", func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("outer: %w", problem.New(problem.Conflict, "It is used up."))
	})
	r.Handle("GET /binary", func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.Write([]byte{0xff, 0x00})
		return err
	})
	return r
}

func event(method, path, body string) events.LambdaFunctionURLRequest {
	e := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: path, Body: body}
	e.RawPath, e.RawQueryString, _ = strings.Cut(path, "?")
	e.RequestContext.HTTP.Method = method
	e.RequestContext.Authorizer = &events.LambdaFunctionURLRequestContextAuthorizerDescription{
		IAM: &events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{UserARN: "arn:aws:iam::1:role/backend"},
	}
	return e
}

func answer(t *testing.T, h http.Handler, e events.LambdaFunctionURLRequest) events.LambdaFunctionURLResponse {
	t.Helper()
	got, err := web.Invoker(h)(t.Context(), e)
	if err != nil {
		t.Fatalf("an event must always be answered: %v", err)
	}
	return got
}

func TestEveryRefusalIsAProblem(t *testing.T) {
	for name, c := range map[string]struct {
		event  events.LambdaFunctionURLRequest
		status int
		field  string
	}{
		"no such path":     {event("GET", "/nothing", ""), 404, ""},
		"wrong method":     {event("DELETE", "/things/1", ""), 405, ""},
		"unclean path":     {event("GET", "/things/../list", ""), 404, ""},
		"double slash":     {event("GET", "//list", ""), 404, ""},
		"bad escape":       {event("GET", "/things/%zz", ""), 400, ""},
		"no JSON":          {event("PUT", "/things/1", "garbage"), 400, ""},
		"empty":            {event("PUT", "/things/1", ""), 400, ""},
		"unknown field":    {event("PUT", "/things/1", `{"label":1}`), 400, "label"},
		"name in capitals": {event("PUT", "/things/1", `{"Name":"x"}`), 400, "Name"},
		"not an object":    {event("PUT", "/things/1", `null`), 400, ""},
		"wrong type":       {event("PUT", "/things/1", `{"count":"x"}`), 400, "count"},
		"wrong deep type":  {event("PUT", "/things/1", `{"deep":{"on":"yes"}}`), 400, "deep.on"},
		"trailing text":    {event("PUT", "/things/1", `{} {}`), 400, ""},
		"too deep":         {event("PUT", "/things/1", `{"tags":`+strings.Repeat("[", 20000)), 400, ""},
		"too long":         {event("PUT", "/things/1", `{"name":"`+strings.Repeat("a", 1<<20)+`"}`), 413, ""},
		"bad limit":        {event("GET", "/list?limit=201", ""), 422, "limit"},
		"worse limit":      {event("GET", "/list?limit=x", ""), 422, "limit"},
		"panic":            {event("GET", "/panic", ""), 500, ""},
		"unknown error":    {event("GET", "/unknown", ""), 500, ""},
		"late":             {event("GET", "/late", ""), 503, ""},
		"wrapped conflict": {event("GET", "/conflict", ""), 409, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := answer(t, routes(), c.event)
			var body struct {
				Type, Title, Detail, Field string
				Status                     int
			}
			if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
				t.Fatalf("%s: %v", got.Body, err)
			}
			if got.StatusCode != c.status || body.Status != c.status || got.Headers["Content-Type"] != "application/problem+json" {
				t.Errorf("status %d, body %s", got.StatusCode, got.Body)
			}
			if body.Field != c.field || body.Detail == "" || strings.Contains(got.Body, "secret") {
				t.Errorf("body %s", got.Body)
			}
		})
	}
}

func TestWrongMethodNamesTheRightOnes(t *testing.T) {
	if got := answer(t, routes(), event("POST", "/things/1", "")); got.Headers["Allow"] != "GET, PUT" {
		t.Errorf("Allow: %q", got.Headers["Allow"])
	}
}

// A panic's value may hold what the request held; only its type is logged.
func TestPanicValueIsNotLogged(t *testing.T) {
	var log strings.Builder
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	answer(t, routes(), event("GET", "/panic", ""))
	if strings.Contains(log.String(), "skp_secret") || !strings.Contains(log.String(), "type=string") {
		t.Errorf("log: %s", log.String())
	}
}

func TestEventForms(t *testing.T) {
	plain := event("PUT", "/things/1", `{"name":"ü"}`)
	encoded := plain
	encoded.Body, encoded.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(plain.Body)), true
	if diff := cmp.Diff(answer(t, routes(), plain), answer(t, routes(), encoded)); diff != "" {
		t.Errorf("plain and base64 are answered differently:\n%s", diff)
	}
	encoded.Body = "!"
	if got := answer(t, routes(), encoded); got.StatusCode != 400 {
		t.Errorf("bad base64: status %d", got.StatusCode)
	}
	if got := answer(t, routes(), event("GET", "/binary", "")); !got.IsBase64Encoded || got.Body != "/wA=" {
		t.Errorf("binary answer: %+v", got)
	}
	if got := answer(t, routes(), event("GET", "/things/a%7Cb", "")); !strings.Contains(got.Body, `"a|b"`) {
		t.Errorf("percent-encoded id: %s", got.Body)
	}
}

func TestPrivate(t *testing.T) {
	unsigned := event("GET", "/things/1", "")
	unsigned.RequestContext.Authorizer = nil
	if got := answer(t, web.Private(routes()), unsigned); got.StatusCode != 403 {
		t.Errorf("unsigned: status %d", got.StatusCode)
	}
	signed := event("GET", "/things/1", "")
	if got := answer(t, web.Private(routes()), signed); !strings.Contains(got.Body, "role/backend") {
		t.Errorf("signed: %s", got.Body)
	}
	for actor, status := range map[string]int{"ann@acme.example": 200, "Ann Ä": 200, "a\nb": 422, "safekeep": 422, strings.Repeat("a", 129): 422, "\xff": 422} {
		e := event("GET", "/things/1", "")
		e.Headers = map[string]string{"x-actor": actor}
		if got := answer(t, web.Private(routes()), e); got.StatusCode != status {
			t.Errorf("X-Actor %q: status %d, want %d", actor, got.StatusCode, status)
		}
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"version":"2.0","rawPath":"/things/1","body":"e30=","isBase64Encoded":true,"requestContext":{"http":{"method":"PUT"},"authorizer":{"iam":{"userArn":"a"}}}}`))
	f.Add([]byte(`{"rawPath":"/%2e%2e//x","requestContext":{"http":{"method":"G T"}}}`))
	h := web.Private(routes())
	f.Fuzz(func(t *testing.T, text []byte) {
		var e events.LambdaFunctionURLRequest
		if json.Unmarshal(text, &e) != nil {
			return
		}
		got, err := web.Invoker(h)(t.Context(), e)
		if err != nil || got.StatusCode < 200 || got.StatusCode > 599 {
			t.Errorf("status %d, %v", got.StatusCode, err)
		}
	})
}
