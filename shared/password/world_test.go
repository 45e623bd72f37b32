package password_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"safekeep/shared/metrics"
	"safekeep/shared/password"
	"safekeep/shared/password/pwnedtest"
	"safekeep/shared/password/strength"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// meter is made once: it reads the word lists.
var meter = sync.OnceValue(strength.NewMeter)

// choices are what workspaces have chosen.
type choices map[string]workspace.Workspace

func (c choices) Get(_ context.Context, id string) (workspace.Workspace, error) {
	w, found := c[id]
	if !found {
		return w, workspace.ErrNotFound
	}
	return w, nil
}

// world is the function over the double of the range API.
type world struct {
	double  *pwnedtest.Double
	corpus  *password.Corpus
	service *password.Service
	routes  *web.Router
	metrics bytes.Buffer
}

func newWorld() *world {
	w := &world{double: pwnedtest.New()}
	w.corpus = password.NewCorpus(password.Corpus{
		URL: "https://pwned.example", Transport: inProcess{w.double}, Now: func() time.Time { return noon },
	})
	w.service = &password.Service{
		Assessor: &password.Assessor{
			Meter: meter(), Breaches: w.corpus, Metrics: metrics.NewRecorder(&w.metrics, "test"), Now: func() time.Time { return noon },
		},
		Directory: choices{
			"plain": {}, "mfa": {RequireMFA: true}, "strict": {BlockBreached: true},
			"both": {RequireMFA: true, BlockBreached: true},
		},
		Lengths: password.Lengths{Alone: 15, WithMFA: 8},
		Rollout: 100,
	}
	w.routes = w.service.Routes()
	return w
}

// call sends a body and returns the status and what came back.
func (w *world) call(body string) (int, string) {
	r := httptest.NewRequest(http.MethodPost, "/passwords/assess", bytes.NewReader([]byte(body)))
	got := httptest.NewRecorder()
	w.routes.ServeHTTP(got, r)
	return got.Code, got.Body.String()
}

// ask sends fields and returns the assessment, which must come.
func (w *world) ask(t *testing.T, fields map[string]any) password.Assessment {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	status, text := w.call(string(body))
	var a password.Assessment
	if err := json.Unmarshal([]byte(text), &a); err != nil || status != http.StatusOK {
		t.Fatalf("%v: %d %s", fields["event"], status, text)
	}
	return a
}

// figures returns the metrics that were written, line by line.
func (w *world) figures(t *testing.T) (lines []map[string]any) {
	t.Helper()
	for d := json.NewDecoder(bytes.NewReader(w.metrics.Bytes())); ; {
		var line map[string]any
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

// inProcess hands requests to a handler without a network, so that a test can
// run them in a bubble of its own time.
type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	reader, writer := io.Pipe()
	w := &answer{header: http.Header{}, body: writer, begun: make(chan int, 1)}
	go func() {
		p.handler.ServeHTTP(w, r)
		w.WriteHeader(http.StatusOK)
		// Without an error this is the end of the answer, also where the
		// caller hung up.
		_ = writer.CloseWithError(r.Context().Err())
	}()
	stop := context.AfterFunc(r.Context(), func() { _ = reader.CloseWithError(r.Context().Err()) })
	select {
	case status := <-w.begun:
		return &http.Response{StatusCode: status, Header: w.header, Body: reader, Request: r}, nil
	case <-r.Context().Done():
		stop()
		return nil, r.Context().Err()
	}
}

type answer struct {
	header http.Header
	body   *io.PipeWriter
	once   sync.Once
	begun  chan int
}

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.once.Do(func() { a.begun <- status }) }
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}
