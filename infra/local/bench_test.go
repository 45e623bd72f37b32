package local_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"safekeep/infra/local"
)

// BenchmarkURL is one HTTP request through the front, the host and a function
// that does nothing: what the local stack itself costs.
func BenchmarkURL(b *testing.B) {
	s, _ := start(b, func(o *local.Options) { o.NoPump = true })
	for b.Loop() {
		a, err := http.Post(s.URL+"/tokens/introspect", "application/json", strings.NewReader(`{"do":"context"}`))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, a.Body)
		a.Body.Close()
	}
}

// BenchmarkStandIn is that and one call to a stand-in through the fault proxy.
func BenchmarkStandIn(b *testing.B) {
	s, _ := start(b, func(o *local.Options) { o.NoPump = true })
	s.Secrets.Set("x", "y")
	for b.Loop() {
		if _, failure := calls(b, s, "alerts", `[{"op":"secret","key":"x"}]`); failure != "" {
			b.Fatal(failure)
		}
	}
}

// BenchmarkCold is a process killed and the next invocation answered.
func BenchmarkCold(b *testing.B) {
	s, _ := start(b, func(o *local.Options) { o.NoPump = true })
	for b.Loop() {
		s.Kill("alerts")
		if r, err := s.Invoke(b.Context(), "alerts", []byte(`{"do":"print"}`)); err != nil || !r.Cold {
			b.Fatal(err, r)
		}
	}
}

// BenchmarkStart is a whole stack started and closed over a running engine.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, _ := start(b, nil)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
