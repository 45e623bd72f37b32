package password_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"safekeep/shared/password"
	"safekeep/shared/password/pwnedtest"
	"safekeep/shared/web"
)

// fixed answers every request with the same body.
type fixed []byte

func (f fixed) ServeHTTP(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(f) }

// marker stands in every fuzzed password, so that it can be looked for.
const marker = "zQ9~mrk"

// FuzzAssess sends any password, and looks for it in all that comes out: the
// answer, the log, the metrics, the requests to the corpus. It goes through the
// event that Lambda hands over.
func FuzzAssess(f *testing.F) {
	for _, seed := range []string{"", "password", "\xff\xfe\x00", "密码", "e\u0301", "\"}{", "\u2028\\", strings.Repeat("4@8({[<", 60), strings.Repeat("x", 2000)} {
		f.Add([]byte(seed), "acme", "signup", uint8(0))
	}
	mischiefs := []pwnedtest.Mischief{pwnedtest.None, pwnedtest.Odd, pwnedtest.Refusing, pwnedtest.Page, pwnedtest.Moved}
	f.Fuzz(func(t *testing.T, raw []byte, other, event string, mischief uint8) {
		w := newWorld()
		w.double.Misbehave(mischiefs[int(mischief)%len(mischiefs)])
		var log bytes.Buffer
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
		defer slog.SetDefault(before)
		text := marker + string(raw)
		body := fmt.Sprintf(`{"password":%s,"user_inputs":[%s],"event":%s,"subject":%s}`, quoted(t, text), quoted(t, other), quoted(t, event), quoted(t, other))
		answer, err := web.Invoker(w.routes)(context.Background(), events.LambdaFunctionURLRequest{
			RawPath: "/passwords/assess", Body: body,
			RequestContext: events.LambdaFunctionURLRequestContext{HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{Method: http.MethodPost}},
		})
		if err != nil || answer.StatusCode >= 500 {
			t.Fatalf("%d, %v", answer.StatusCode, err)
		}
		out := answer.Body + log.String() + w.metrics.String()
		sum := sha1.Sum([]byte(text))
		hash := strings.ToUpper(hex.EncodeToString(sum[:]))
		for _, r := range w.double.Requests() {
			if want := "/range/" + hash[:5]; r.Path != want && strings.ToValidUTF8(text, "") == text && asciiOnly(text) {
				t.Errorf("asked for %s, want %s", r.Path, want)
			}
			out += r.Path + fmt.Sprint(r.Header)
		}
		if strings.Contains(other+event, marker) {
			return // the fuzzer has put it elsewhere, too
		}
		for _, secret := range []string{marker, hash, hash[5:], strings.ToLower(hash[5:])} {
			if strings.Contains(out, secret) {
				t.Errorf("the password or its hash comes out")
			}
		}
	})
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	encoded, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func asciiOnly(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// FuzzRange sends any answer of the corpus.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{
		"", "\r\n", "1E4C9B93F3F0682250B6CF8331B7EE68FD8:3", "1e4c9b93f3f0682250b6cf8331b7ee68fd8", "1E4C9B93F3F0682250B6CF8331B7EE68FD8:0",
		"1E4C9B93F3F0682250B6CF8331B7EE68FD8:99999999999999999999\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:-1", "<html>0:0",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		corpus := password.NewCorpus(password.Corpus{URL: "https://pwned.example", Transport: inProcess{fixed(body)}, Now: newWorld().service.Now})
		count, err := corpus.Count(t.Context(), password.NewSecret("password")) // 5BAA6 1E4C9…
		if count < 0 || err != nil && count != 0 {
			t.Errorf("%d, %v", count, err)
		}
		if count > 0 && !strings.Contains(strings.ToUpper(string(body)), "1E4C9B93F3F0682250B6CF8331B7EE68FD8") {
			t.Errorf("%d for a hash that is not there", count)
		}
	})
}

// broken is a corpus with a bug that prints what it holds.
type broken struct{}

func (broken) Count(_ context.Context, s password.Secret) (int, error) {
	panic(errors.New("cannot look up " + s.Reveal()))
}

// TestPanicSaysNothing: a bug anywhere below is a 500 without the password.
func TestPanicSaysNothing(t *testing.T) { // not parallel: it changes the default logger
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	w := newWorld()
	w.service.Breaches = broken{}
	answer, err := web.Invoker(w.routes)(t.Context(), events.LambdaFunctionURLRequest{
		RawPath: "/passwords/assess", Body: `{"password":"` + marker + `","event":"signup"}`,
		RequestContext: events.LambdaFunctionURLRequestContext{HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{Method: http.MethodPost}},
	})
	if err != nil || answer.StatusCode != http.StatusInternalServerError || !strings.Contains(log.String(), "panic") {
		t.Errorf("%d, %v: %s", answer.StatusCode, err, log.String())
	}
	if strings.Contains(answer.Body+log.String(), marker) {
		t.Error("the password comes out")
	}
}
