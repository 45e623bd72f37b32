package flow_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"safekeep/infra/local/codehost"
	"safekeep/infra/local/faults"
)

// A company with its own tokens in its own service: a report ends them there,
// and the mails come from here.
func TestCompanysOwnTokenService(t *testing.T) {
	t.Parallel()
	for language := range examples {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			tokens := keep("acme", "active", "active", "revoked", "expired")
			address := runExample(t, language, tokens)
			w := newWorldWith(t, forward(t, address))
			w.workspace("acme", "", "ann", "bob")
			stranger := issued{text: "acme_live_" + rand.Text()}
			body := w.report(tokens[0].issued, tokens[1].issued, tokens[2].issued, tokens[3].issued, stranger)
			for range 2 {
				answer := w.deliver(body)
				if n := strings.Count(string(answer.Body), `"true_positive"`); answer.Status != 200 || n != 4 {
					t.Fatalf("answer: %d %s", answer.Status, answer.Body)
				}
			}
			w.settle()
			for i, want := range []map[string]int{
				{"token.exposed": 1, "token.revoked": 1}, {"token.exposed": 1, "token.revoked": 1}, {"token.exposed": 1}, {"token.exposed": 1},
			} {
				if got := w.kinds(tokens[i].issued); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("token %d: ledger %v, want %v", i, got, want)
				}
				if status := statusOf(t, address, tokens[i]); (status == "active") || i > 1 && status != tokens[i].status {
					t.Errorf("token %d is %s at the service", i, status)
				}
				for _, who := range []string{"ann@acme.example", "bob@acme.example"} {
					if n := w.told(who, tokens[i].issued); n != 1 {
						t.Errorf("%s was told %d times of token %d", who, n, i)
					}
				}
			}
			if n := len(w.Outbox.Mails()); n != 2 {
				t.Errorf("%d mails, want one for each of two admins", n)
			}
			w.secretive(append(tokens, kept{issued: stranger})...)
		})
	}
}

// The process is killed before and after every call that it makes for a report,
// those of the token service among them.
func TestOwnTokenServiceKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	for name, action := range map[string]faults.Action{"before": faults.KillBefore, "after": faults.KillAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tokens []kept
			for n := range mostCalls {
				tokens = append(tokens, keep(fmt.Sprint("w", n+1), "active")...)
			}
			address := runExample(t, "go", tokens)
			w := newWorldWith(t, forward(t, address))
			asked := false
			calls := 0
			for n := 1; n < mostCalls; n++ {
				k := tokens[n-1]
				w.workspace(k.workspace, "", "ann")
				w.Outbox.Empty()
				w.Kill("alerts") // a cold process reads keys and secrets too
				rule, used := once("alerts", n, action)
				w.Faults.Set(rule)
				w.insist(w.report(k.issued))
				w.settle()
				w.Faults.Set(nil)
				if kinds := w.kinds(k.issued); kinds["token.exposed"] != 1 || kinds["token.revoked"] != 1 || kinds["token.sighted"] != 0 {
					t.Errorf("call %d (%s): ledger %v", n, named(used.Load()), kinds)
				}
				if status := statusOf(t, address, k); status != "revoked" {
					t.Errorf("call %d: the token is %s", n, status)
				}
				if told := w.told("ann@"+k.workspace+".example", k.issued); told != 1 {
					t.Errorf("call %d (%s): told %d times", n, named(used.Load()), told)
				}
				call := used.Load()
				if call == nil {
					break
				}
				calls, asked = n, asked || call.Service == "tokenservice"
			}
			if calls < 7 || !asked {
				t.Errorf("killed at %d calls, those of the token service among them: %v", calls, asked)
			}
			t.Logf("killed at each of %d calls", calls)
		})
	}
}

// While the service misbehaves the host is told to come back, within the time it
// waits, and nothing is told to anybody. Then it is, once.
func TestOwnTokenServiceMisbehaves(t *testing.T) {
	t.Parallel()
	tokens := keep("acme", "active", "active", "active", "active", "active", "active")
	good := forward(t, runExample(t, "go", tokens))
	var misdeed atomic.Pointer[http.HandlerFunc]
	w := newWorldWith(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if bad := misdeed.Load(); bad != nil {
			(*bad)(rw, r)
			return
		}
		good.ServeHTTP(rw, r)
	}))
	w.workspace("acme", "", "ann")
	answering := func(kind, text string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", kind)
			rw.Header().Set("Safekeep-Signature", "v1="+strings.Repeat("0", 64))
			_, _ = io.WriteString(rw, text)
		}
	}
	bad := []http.HandlerFunc{
		func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, // slow
		func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) },
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		answering("text/html", "<h1>Sign in</h1>"),
		answering("application/json", `{"tokens":[]}`), // a forged one, which would call all false positives
		func(rw http.ResponseWriter, r *http.Request) { // down after the lookup
			if strings.HasSuffix(r.URL.Path, "/lookup") {
				good.ServeHTTP(rw, r)
				return
			}
			rw.WriteHeader(http.StatusServiceUnavailable)
		},
	}
	for i, handler := range bad {
		body := w.report(tokens[i].issued)
		misdeed.Store(&handler)
		began := time.Now()
		answer := w.deliver(body)
		if took := time.Since(began); answer.Status != 503 || took > 20*time.Second {
			t.Errorf("misdeed %d: %d after %s, want 503", i, answer.Status, took)
		}
		if kinds := w.kinds(tokens[i].issued); len(kinds) != 0 {
			t.Errorf("misdeed %d: ledger %v", i, kinds)
		}
		misdeed.Store(nil)
		w.insist(body)
		if kinds := w.kinds(tokens[i].issued); kinds["token.exposed"] != 1 || kinds["token.revoked"] != 1 {
			t.Errorf("misdeed %d, then good: ledger %v", i, kinds)
		}
	}
	w.settle()
	for i, k := range tokens[:len(bad)] {
		if n := w.told("ann@acme.example", k.issued); n != 1 {
			t.Errorf("told %d times of token %d", n, i)
		}
	}
	w.secretive(tokens...)
	if answer, err := w.GitLab.Deliver(t.Context(), w.URL+"/alerts/gitlab", w.GitLab.Report(codehost.Finding{Token: tokens[0].text})); err != nil || answer.Status != 204 {
		t.Errorf("GitLab: %d, %v", answer.Status, err)
	}
}
