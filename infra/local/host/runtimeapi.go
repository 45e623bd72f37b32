package host

import (
	"io"
	"net/http"
	"strconv"
)

// PayloadLimit is what an invocation may carry in either direction, in bytes.
const PayloadLimit = 6 << 20

// runtimeAPI is what a bootstrap talks to:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func (i *Instance) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", i.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", i.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", i.failed)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", i.initFailed)
	return mux
}

// next is the long poll in which a process spends its idle time. The deadline is
// counted from the moment the event leaves here.
func (i *Instance) next(w http.ResponseWriter, r *http.Request) {
	inv := i.deliver(r.Context().Done())
	if inv == nil {
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.delivered.Add(i.function.config.Timeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:"+Region+":"+Account+":function:"+i.function.config.Name)
	// Not sampled: a function must not try to reach an X-Ray daemon.
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0")
	_, _ = w.Write(inv.payload)
}

func (i *Instance) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit+1))
	if err != nil {
		return // the process went away; what it held is answered when it is buried
	}
	// A body that is too large is a failure of the function, and the caller's to
	// hear about; the process goes on.
	failed := false
	if len(body) > PayloadLimit {
		body = failure("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
		failed = true
	}
	i.settle(w, r.PathValue("id"), body, failed)
}

func (i *Instance) failed(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit))
	if err != nil {
		return
	}
	i.settle(w, r.PathValue("id"), body, true)
}

// settle takes an answer. One for an invocation that is over, because its time
// was up, is refused as Lambda does.
func (i *Instance) settle(w http.ResponseWriter, id string, body []byte, failed bool) {
	w.Header().Set("Content-Type", "application/json")
	if !i.answer(id, body, failed) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(failure("InvalidRequestID", "no such invocation is running here"))
		return
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

// initFailed remembers why a process is about to end before it took any work.
func (i *Instance) initFailed(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit))
	if err != nil {
		return
	}
	i.mu.Lock()
	i.initError = body
	i.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}
