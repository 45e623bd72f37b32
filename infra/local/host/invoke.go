package host

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// ServeInvoke serves Lambda's Invoke operation: the request's body is the event,
// the answer's body what the function returned, X-Amz-Function-Error marks a
// failure. Invocation types Event (answered 202 at once) and DryRun (204) work
// too.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (f *Function) ServeInvoke(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit+1))
	if err != nil {
		return // the caller went away
	}
	if len(payload) > PayloadLimit {
		w.Header().Set("X-Amzn-Errortype", "RequestTooLargeException")
		message(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", PayloadLimit))
		return
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	id := newRequestID()
	h := w.Header()
	h.Set("X-Amzn-Requestid", id)
	switch r.Header.Get("X-Amz-Invocation-Type") {
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
		return
	case "Event":
		go func() { _, _ = f.invoke(context.WithoutCancel(r.Context()), id, payload) }()
		w.WriteHeader(http.StatusAccepted)
		return
	}
	result, err := f.invoke(r.Context(), id, payload)
	if err != nil {
		message(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("X-Amz-Executed-Version", "$LATEST")
	if result.Failed {
		h.Set("X-Amz-Function-Error", "Unhandled")
	}
	_, _ = w.Write(result.Payload)
}
