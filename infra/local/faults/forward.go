package faults

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Forward passes requests on to a service elsewhere, such as DynamoDB Local, as
// they are: the signature, which names another host, is not checked there.
func Forward(endpoint string) (http.Handler, error) {
	to, err := url.Parse(endpoint)
	if err != nil || to.Host == "" {
		return nil, fmt.Errorf("the address %q is no URL with a host", endpoint)
	}
	return &forward{to: to, transport: &http.Transport{
		MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true,
		// Shorter than DynamoDB Local keeps a connection: a request must not meet
		// one that is just being closed at the other end.
		IdleConnTimeout: 15 * time.Second,
	}}, nil
}

type forward struct {
	to        *url.URL
	transport *http.Transport
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

func (f *forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Else the server closes the request's body as soon as the answer begins,
	// while the transport may still be at its end, and the answer is cut off.
	_ = http.NewResponseController(w).EnableFullDuplex() // an HTTP/2 connection is so anyhow
	out := &http.Request{
		Method: r.Method, Header: r.Header, Body: r.Body, ContentLength: r.ContentLength,
		URL:  &url.URL{Scheme: f.to.Scheme, Host: f.to.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery},
		Host: f.to.Host,
	}
	delete(out.Header, "Connection") // concerns the hop to us
	answer, err := f.transport.RoundTrip(out.WithContext(r.Context()))
	if err != nil {
		if r.Context().Err() != nil {
			drop() // the caller has gone
		}
		http.Error(w, "the service behind the fault proxy does not answer: "+err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	h := w.Header()
	for name, values := range answer.Header {
		if name != "Connection" && name != "Transfer-Encoding" {
			h[name] = values
		}
	}
	w.WriteHeader(answer.StatusCode)
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, answer.Body, *buffer); err != nil {
		drop() // half an answer must not look like a whole one
	}
}
