package local

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"safekeep/infra/local/host"
)

// routes says which function owns which paths. Methods are the function's own
// business, as they are behind a Function URL. A function whose paths are not
// here cannot be reached, and Start says so.
var routes = []struct{ pattern, function string }{
	{"/alerts/", "alerts"},
	{"/workspaces/{workspace}", "workspaces"},
	{"/workspaces/{workspace}/members", "workspaces"},
	{"/workspaces/{workspace}/members/{user}", "workspaces"},
	{"/workspaces/{workspace}/ledger", "workspaces"},
	{"/workspaces/{workspace}/tokens", "tokens"},
	{"/workspaces/{workspace}/tokens/", "tokens"},
	{"/workspaces/{workspace}/tokens:import", "tokens"},
	{"/workspaces/{workspace}/hygiene", "tokens"},
	{"/tokens/introspect", "introspect"},
	{"/workspaces/{workspace}/credentials", "credentials"},
	{"/workspaces/{workspace}/credentials/", "credentials"},
	{"/workspaces/{workspace}/grants", "credentials"},
	{"/credentials/validate", "credentials"},
	{"/credentials/open", "connect"},
	{"/credentials/session", "connect"},
	{"/passwords/assess", "passwords"},
	{"/users/", "mfa"},
	{"/workspaces/{workspace}/second-factors", "mfa"},
}

// startFront opens the one address of everything.
func (s *Stack) startFront(context.Context) error {
	mux := http.NewServeMux()
	// A template may lack some of the functions: a test deploys a few, and later
	// releases bring more.
	routed := make(map[string]bool)
	for _, r := range routes {
		f, ok := s.Template.Function(r.function)
		if !ok {
			continue
		}
		routed[f.Name] = true
		// What lets callers in is read from the template, so that a function that
		// was opened there by mistake is open here too and its tests fail.
		url := &host.URL{Function: s.functions[f.Name], Auth: f.URLAuth, ForceBase64: s.options.ForceBase64}
		switch f.URLAuth {
		case host.AuthNone:
			mux.Handle(r.pattern, url)
		case host.AuthIAM:
			// Unsigned calls are let in here, so a page in a browser must not be.
			mux.Handle(r.pattern, s.guard(url))
		}
	}
	for _, f := range s.Template.Functions {
		if f.URLAuth != "" && !routed[f.Name] {
			s.logf("no path leads to %s: add its rows to the routes of infra/local/front.go", f.Name)
		}
	}
	mux.Handle("POST /2015-03-31/functions/{name}/invocations", s.guard(http.HandlerFunc(s.serveInvoke)))
	mux.Handle("/local/", s.guard(s.localAPI()))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/html") { // a person followed the address
			http.Redirect(w, r, "/local/", http.StatusFound)
			return
		}
		notFound(w, r)
	})
	mux.HandleFunc("/", notFound)
	s.front = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.front.Serve(s.listener) }()
	return nil
}

// guard lets in what a person or a program on this machine sends, and not what a
// web page elsewhere has a browser send: a name that was made to point here (DNS
// rebinding) shows in Host, a foreign page (CSRF) in Origin.
func (s *Stack) guard(next http.Handler) http.Handler {
	// A browser sends these names for this machine, and always with the port.
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	hosts := []string{"127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(hosts, strings.ToLower(r.Host)) {
			problem(w, http.StatusForbidden, "the Host header names another machine")
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && !slices.Contains(hosts, strings.TrimPrefix(strings.ToLower(origin), "http://")) {
			problem(w, http.StatusForbidden, "requests from pages of another origin are refused")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Stack) serveInvoke(w http.ResponseWriter, r *http.Request) {
	f := s.functions[r.PathValue("name")]
	if f == nil {
		w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		problem(w, http.StatusNotFound, "Function not found: "+r.PathValue("name"))
		return
	}
	f.ServeInvoke(w, r)
}

func notFound(w http.ResponseWriter, r *http.Request) {
	problem(w, http.StatusNotFound, fmt.Sprintf("nothing answers at %s", r.URL.EscapedPath()))
}

// problem answers with RFC 9457 problem details.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
}
