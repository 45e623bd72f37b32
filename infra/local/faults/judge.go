package faults

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"time"
)

// judge asks the rule about a call and does as it says.
func (p *Proxy) judge(w http.ResponseWriter, r *http.Request, c Call, rule Rule, service http.Handler, from Process) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process went away
	}
	c.Body = body
	// What the service does it does in full, even when the caller dies: only then
	// is "done, but the answer was lost" different from "not done".
	whole := r.WithContext(context.WithoutCancel(r.Context()))
	whole.Body = io.NopCloser(bytes.NewReader(body))

	a := rule(c)
	switch a.kind {
	case killBefore:
		from.Kill()
		drop()
	case killAfter:
		// The recorder takes the answer, whole, before the process dies.
		service.ServeHTTP(httptest.NewRecorder(), whole)
		from.Kill()
		drop()
	case loseAnswer:
		service.ServeHTTP(httptest.NewRecorder(), whole)
		drop()
	case hang:
		// Until the SDK's own limit, the function's deadline or its death.
		<-r.Context().Done()
		drop()
	case wait:
		time.Sleep(a.delay)
		service.ServeHTTP(w, whole)
	case throttle:
		throttled(c).write(w)
	case refuse:
		refusal(c, a.status, a.code, "refused as the test asked").write(w)
	case conflict:
		if answer, ok := conflicting(c); ok {
			answer.write(w)
			return
		}
		service.ServeHTTP(w, whole)
	case emptyIndex:
		if (c.Operation == "Query" || c.Operation == "Scan") && c.Index() != "" {
			reply{status: http.StatusOK, body: []byte(`{"Count":0,"Items":[],"ScannedCount":0}`)}.write(w)
			return
		}
		service.ServeHTTP(w, whole)
	case unprocessed:
		halve(w, whole, c, service)
	default:
		service.ServeHTTP(w, whole)
	}
}

// drop closes the connection without an answer.
func drop() { panic(http.ErrAbortHandler) }
