package local

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"safekeep/infra/local/codehost"
	"safekeep/infra/web"
)

// localAPI serves what is not Safekeep itself but helps to try it out.
func (s *Stack) localAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /local/{$}", servePage)
	mux.HandleFunc("GET /local/stack", s.serveStack)
	mux.HandleFunc("GET /local/mail", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Outbox.Mails()) })
	mux.HandleFunc("GET /local/sms", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Phones.Texts()) })
	mux.HandleFunc("GET /local/codehosts/{host}/keys", func(w http.ResponseWriter, r *http.Request) {
		if h := s.codeHost(r.PathValue("host")); h != nil {
			h.ServeHTTP(w, r)
			return
		}
		notFound(w, r)
	})
	mux.HandleFunc("POST /local/codehosts/{host}/leak", s.serveLeak)
	mux.HandleFunc("POST /local/schedules/{name}", s.serveSchedule)
	mux.HandleFunc("POST /local/snowflake", s.serveSnowflake)
	mux.HandleFunc("/local/", notFound)
	demonstration := web.Demonstration()
	for _, path := range []string{"/local/password", "/local/password-meter.js", "/local/password-page.js", "/local/passkeys", "/local/passkeys.js"} {
		mux.Handle("GET "+path, demonstration)
	}
	return mux
}

// serveLeak plays a code host that found a token: it signs a report, delivers it
// over HTTP and shows what it got.
func (s *Stack) serveLeak(w http.ResponseWriter, r *http.Request) {
	h := s.codeHost(r.PathValue("host"))
	if h == nil {
		notFound(w, r)
		return
	}
	var q struct{ Token, URL, Source, Type string }
	if !read(w, r, &q) {
		return
	}
	if q.Token == "" {
		problem(w, http.StatusUnprocessableEntity, "token says which token was found; it must not be empty")
		return
	}
	report := h.Report(codehost.Finding{Token: q.Token, URL: q.URL, Source: q.Source, Type: q.Type})
	a, err := h.Deliver(r.Context(), s.URL+"/alerts/"+h.Name(), report)
	if err != nil {
		problem(w, http.StatusBadGateway, err.Error())
		return
	}
	// GitHub's answer is JSON to look into, GitLab's is empty.
	var body any = string(a.Body)
	var parsed any
	if json.Unmarshal(a.Body, &parsed) == nil {
		body = parsed
	}
	answer(w, map[string]any{"status": a.Status, "body": body})
}

// serveSchedule fires a schedule as of a time and answers when it has run.
func (s *Stack) serveSchedule(w http.ResponseWriter, r *http.Request) {
	var q struct{ At time.Time }
	if !read(w, r, &q) {
		return
	}
	if q.At.IsZero() { // nothing given: as of now
		q.At = time.Now()
	}
	result, err := s.Fire(r.Context(), r.PathValue("name"), q.At)
	switch {
	case errors.Is(err, errNoSchedule):
		problem(w, http.StatusNotFound, err.Error())
	case err != nil:
		problem(w, http.StatusServiceUnavailable, err.Error())
	case result.Failed:
		problem(w, http.StatusBadGateway, "the function failed: "+string(result.Payload))
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(result.Payload)
	}
}

// serveStack says what is running.
func (s *Stack) serveStack(w http.ResponseWriter, _ *http.Request) {
	type function struct {
		Name        string `json:"name"`
		Public      bool   `json:"public"`
		URL         bool   `json:"url"`
		Stream      bool   `json:"stream"`
		Scheduled   bool   `json:"scheduled"`
		TimeoutMS   int64  `json:"timeout_ms"`
		Processes   int    `json:"processes"`
		Busy        int    `json:"busy"`
		Invocations int    `json:"invocations"`
	}
	list := []function{}
	for _, t := range s.Template.Functions {
		f := s.functions[t.Name]
		one := function{
			Name: t.Name, Public: t.URLAuth == "NONE", URL: t.URLAuth != "", TimeoutMS: f.Timeout().Milliseconds(),
			Stream: len(t.Streams) > 0, Scheduled: len(t.Schedules) > 0, Invocations: f.Invocations(),
		}
		for _, i := range f.Instances() {
			one.Processes++
			if i.Busy() {
				one.Busy++
			}
		}
		list = append(list, one)
	}
	answer(w, map[string]any{"product": product, "workspace": demoWorkspace, "kept": s.options.State != "", "functions": list})
}

// read decodes a request's JSON body, an empty one as nothing given.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<20)).Decode(into)
	if err != nil && !errors.Is(err, io.EOF) {
		problem(w, http.StatusBadRequest, "the body is not the JSON that belongs here: "+err.Error())
		return false
	}
	return true
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the caller went away
}
