package password_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"safekeep/shared/password"
	"safekeep/shared/password/pwnedtest"
)

func newCorpus(double *pwnedtest.Double, shelf password.Shelf) *password.Corpus {
	return password.NewCorpus(password.Corpus{URL: "https://pwned.example/", Transport: inProcess{double}, Shelf: shelf, Now: time.Now})
}

func TestCount(t *testing.T) {
	t.Parallel()
	for _, mischief := range []pwnedtest.Mischief{pwnedtest.None, pwnedtest.Odd, pwnedtest.Flaky} {
		double := pwnedtest.New()
		double.Misbehave(mischief)
		double.Know("only padding", 0)
		double.Know("once", 1)
		corpus := newCorpus(double, nil)
		for text, want := range map[string]int{"password": 52_256_179, "once": 1, "only padding": 0, "nobody has this": 0, "": 0} {
			if got, err := corpus.Count(t.Context(), password.NewSecret(text)); err != nil || got != want {
				t.Errorf("%s, %q: %d, %v; want %d", mischief, text, got, err, want)
			}
		}
	}
}

// TestWhatLeavesTheHouse: five characters of the hash, and no more.
func TestWhatLeavesTheHouse(t *testing.T) {
	t.Parallel()
	double := pwnedtest.New()
	corpus := newCorpus(double, nil)
	if _, err := corpus.Count(t.Context(), password.NewSecret("password")); err != nil {
		t.Fatal(err)
	}
	requests := double.Requests()
	if len(requests) != 1 || requests[0].Path != "/range/5BAA6" || !requests[0].Padded || requests[0].UserAgent != "Safekeep/1" {
		t.Errorf("%+v", requests)
	}
	for name := range requests[0].Header {
		if name != "Add-Padding" && name != "User-Agent" {
			t.Errorf("the header %s is sent", name)
		}
	}
}

// stuck is a shelf that does not answer.
type stuck struct{}

func (stuck) Load(ctx context.Context, _ string) (*password.Range, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (stuck) Store(ctx context.Context, _ string, _ *password.Range) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestBudget: however the API misbehaves, and the shelf with it, there is an
// answer within the budget, and it is not a guess.
func TestBudget(t *testing.T) {
	for _, c := range []struct {
		mischief pwnedtest.Mischief
		known    bool
		most     int // requests
	}{
		{pwnedtest.None, true, 1},
		{pwnedtest.Flaky, true, 2},
		{pwnedtest.Down, false, 3},
		{pwnedtest.Busy, false, 3},
		{pwnedtest.Refusing, false, 1},
		{pwnedtest.Slow, false, 2},
		{pwnedtest.Dripping, false, 2},
		{pwnedtest.Huge, false, 1},
		{pwnedtest.Moved, false, 1},
		{pwnedtest.Page, false, 1},
		{pwnedtest.Empty, false, 1},
	} {
		for name, shelf := range map[string]password.Shelf{"no shelf": nil, "stuck shelf": stuck{}} {
			t.Run(string(c.mischief)+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					double := pwnedtest.New()
					double.Misbehave(c.mischief)
					corpus := newCorpus(double, shelf)
					began := time.Now()
					count, err := corpus.Count(t.Context(), password.NewSecret("password"))
					if took := time.Since(began); took > password.Budget {
						t.Errorf("it took %v", took)
					}
					if (err == nil) != c.known || c.known != (count > 0) {
						t.Errorf("%d, %v", count, err)
					}
					if got := len(double.Requests()); got > c.most {
						t.Errorf("%d requests, want at most %d", got, c.most)
					}
					if err != nil && strings.Contains(err.Error(), "5BAA6") {
						t.Errorf("the error says which range it was: %v", err)
					}
					synctest.Wait()
				})
			})
		}
	}
}

// TestOverTheNetwork does the same over real connections where they matter: an
// answer that breaks off, a redirect, a body without end, nobody there.
func TestOverTheNetwork(t *testing.T) {
	t.Parallel()
	double := pwnedtest.New()
	server := httptest.NewServer(double)
	t.Cleanup(server.Close)
	for _, m := range []pwnedtest.Mischief{pwnedtest.Cut, pwnedtest.Moved, pwnedtest.Huge, pwnedtest.Dripping, pwnedtest.None} {
		double.Misbehave(m)
		corpus := password.NewCorpus(password.Corpus{URL: server.URL, Now: time.Now})
		count, err := corpus.Count(t.Context(), password.NewSecret("password"))
		if known := m == pwnedtest.None; (err == nil) != known || known != (count > 0) {
			t.Errorf("%s: %d, %v", m, count, err)
		}
	}
	server.Close()
	corpus := password.NewCorpus(password.Corpus{URL: server.URL, Now: time.Now})
	if _, err := corpus.Count(t.Context(), password.NewSecret("password")); err == nil || strings.Contains(err.Error(), "5BAA6") {
		t.Errorf("nobody there: %v", err)
	}
}

// TestCallerGivesUp: no try goes on after that.
func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	double := pwnedtest.New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newCorpus(double, nil).Count(ctx, password.NewSecret("password")); !errors.Is(err, context.Canceled) || len(double.Requests()) > 1 {
		t.Errorf("%v, %d requests", err, len(double.Requests()))
	}
}

// TestMemory: a range is asked for once a day, and the memory has an end.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		double := pwnedtest.New()
		corpus := newCorpus(double, nil)
		ask := func(text string) {
			t.Helper()
			if _, err := corpus.Count(t.Context(), password.NewSecret(text)); err != nil {
				t.Fatal(err)
			}
		}
		for step, want := range []int{1, 1, 1, 2, 2} {
			ask("password")
			if got := len(double.Requests()); got != want {
				t.Errorf("after %d questions %d requests, want %d", step+1, got, want)
			}
			time.Sleep(8 * time.Hour)
		}
		before := len(double.Requests())
		for i := range 200 { // of 200 ranges 128 are remembered
			ask(strings.Repeat("x", i))
		}
		ask(strings.Repeat("x", 199))
		if got := len(double.Requests()) - before; got != 200 {
			t.Errorf("%d requests for 200 ranges", got)
		}
		ask("")
		if got := len(double.Requests()) - before; got != 201 {
			t.Errorf("the oldest range is still remembered: %d requests", got)
		}
		synctest.Wait()
	})
}

// TestLogsSayNothing: of a failing corpus the log has the failure, and neither
// the password nor which range it was in.
func TestLogsSayNothing(t *testing.T) { // not parallel: it changes the default logger
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	w := newWorld()
	for _, m := range []pwnedtest.Mischief{pwnedtest.Down, pwnedtest.Refusing, pwnedtest.Page, pwnedtest.Huge} {
		w.double.Misbehave(m)
		if a := w.ask(t, map[string]any{"password": "password", "event": "signup"}); a.Breached != nil {
			t.Errorf("%s: %+v", m, a)
		}
	}
	if n := strings.Count(log.String(), "it is not known whether a password was breached"); n != 4 {
		t.Errorf("logged %d times", n)
	}
	if found := regexp.MustCompile(`(?i)5BAA6|password"|1E4C9`).FindString(log.String()); found != "" {
		t.Errorf("the log has %q: %s", found, log.String())
	}
}
