package snowflaketest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"safekeep/shared/snowflake/snowflaketest"
)

func TestCalls(t *testing.T) {
	w := newWorld(t)
	var calls []snowflaketest.Call
	w.SetMisbehave(func(c snowflaketest.Call) snowflaketest.Fault {
		calls = append(calls, c)
		return snowflaketest.Fault{}
	})
	s := w.session(w.loginByToken(w.token(0)))
	w.loginByPassword("loader", "wrong")
	w.query(s.Token, "SELECT 1")
	w.post(request{path: "/myorg-my_account/api/v2/statements", header: apiHeader(w.token(0)), body: object{"statement": "SELECT 2"}})
	w.inSession("/session?delete=true", s.Token, "")
	w.post(request{path: "/telemetry/send", body: object{}})
	want := []snowflaketest.Call{
		{Path: loginPath, Kind: "login", Account: issuer, User: "LOADER@ACME.EXAMPLE", N: 1},
		{Path: loginPath, Kind: "login", Account: issuer, User: "LOADER", N: 2},
		{Path: "/queries/v1/query-request", Kind: "query", Account: issuer, User: "LOADER", SQL: "SELECT 1", N: 3},
		{Path: "/myorg-my_account/api/v2/statements", Kind: "sqlapi", Account: issuer, User: "LOADER@ACME.EXAMPLE", SQL: "SELECT 2", N: 4},
		{Path: "/session", Kind: "close", Account: issuer, User: "LOADER", N: 5},
		{Path: "/telemetry/send", Kind: "other", N: 6},
	}
	if !slices.Equal(calls, want) {
		t.Errorf("the calls are\n%+v\nwant\n%+v", calls, want)
	}
}

// faulty lets every request go wrong in one way.
func (w *world) faulty(f snowflaketest.Fault) {
	w.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault { return f })
}

func TestFaults(t *testing.T) {
	w := newWorld(t)
	s := w.session(w.loginByToken(w.token(0)))
	w.must("GRANT ROLE ACCOUNTADMIN TO USER LOADER")
	create := func(name string) answer {
		return w.statement(w.token(0), "", object{"statement": "CREATE ROLE " + name, "role": "ACCOUNTADMIN"})
	}
	w.faulty(snowflaketest.Fault{Status: 503})
	if a := create("A"); a.status != 503 || strings.HasPrefix(a.text, "{") {
		t.Errorf("%d %s", a.status, a.text)
	}
	w.faulty(snowflaketest.Fault{Code: "390144"})
	if a := w.loginByToken(w.token(0)); a.Code != "390144" || !strings.HasPrefix(a.Message, "JWT token is invalid. [") {
		t.Errorf("%s", a.text)
	}
	if a := create("A"); a.status != 401 || a.Code != "390144" {
		t.Errorf("%d %s", a.status, a.text)
	}
	w.faulty(snowflaketest.Fault{Code: "390422"})
	if a := w.loginByToken(w.token(0)); a.Code != "390422" || !strings.Contains(a.Message, "203.0.113.9") {
		t.Errorf("%s", a.text)
	}
	w.faulty(snowflaketest.Fault{Code: "003001", Message: "no"})
	if a := create("A"); a.status != 422 || a.Code != "003001" || a.State != "42501" || a.Message != "no" {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := w.query(s.Token, "SELECT 1"); a.status != 200 || a.Success || a.Code != "003001" || a.Message != "no" {
		t.Errorf("%d %s", a.status, a.text)
	}
	w.SetMisbehave(nil)
	w.must("CREATE ROLE A") // none of all that was done
}

// An answer that is lost was meant: what was asked is done, and a retry with the
// same id hears of it.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t)
	w.must("GRANT ROLE ACCOUNTADMIN TO USER LOADER")
	server := httptest.NewServer(w)
	defer server.Close()
	post := func(query string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v2/statements"+query,
			strings.NewReader(`{"statement":"CREATE ROLE ONCE","role":"ACCOUNTADMIN"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = apiHeader(w.token(0))
		return server.Client().Do(r)
	}
	w.faulty(snowflaketest.Fault{LoseAnswer: true})
	if response, err := post("?requestId=r1"); err == nil {
		response.Body.Close()
		t.Errorf("the answer came: %d", response.StatusCode)
	}
	w.SetMisbehave(nil)
	response, err := post("?requestId=r1&retry=true")
	if err != nil {
		t.Fatal(err)
	}
	if a := read(t, response); a.status != 200 || a.Code != "090001" {
		t.Errorf("the retry: %d %s", a.status, a.text)
	}
	w.refuses("CREATE ROLE ONCE", "already exists")
}

// A delay comes after what is done, and ends with the request.
func TestDelay(t *testing.T) {
	w := newWorld(t)
	w.must("GRANT ROLE ACCOUNTADMIN TO USER LOADER")
	w.faulty(snowflaketest.Fault{Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r := httptest.NewRequest(http.MethodPost, "/api/v2/statements", strings.NewReader(`{"statement":"CREATE ROLE SLOW","role":"ACCOUNTADMIN"}`))
		r.Header = apiHeader(w.token(0))
		w.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
	}()
	for {
		if _, err := w.account.Exec("GRANT ROLE SLOW TO USER LOADER"); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-ended
}
