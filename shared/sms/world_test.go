package sms

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"safekeep/shared/sms/smstest"
)

// journal is the log of all tests together.
var journal struct {
	sync.Mutex
	strings.Builder
}

type journalist struct{}

func (journalist) Write(p []byte) (int, error) {
	journal.Lock()
	defer journal.Unlock()
	return journal.Builder.Write(p)
}

// secretive finds what must be in no log and no error: the numbers and secrets
// of these tests, and the messages of the doubles.
var secretive = regexp.MustCompile(`604555|6045550|5550142|1999leak|t0ken|` + keyA + `|` + keyB)

// Whatever the tests made go wrong, the log of it holds no secret.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(journalist{}, nil)))
	result := m.Run()
	if found := secretive.FindString(journal.String()); found != "" {
		fmt.Printf("the log holds %q\n", found)
		result = 1
	}
	os.Exit(result)
}

// Keys that must never show anywhere.
var (
	keyA = strings.Repeat("a1", 32)
	keyB = strings.Repeat("b2", 32)
)

const (
	from   = "+18885550100"
	phone  = "+16045550142"
	phone2 = "+16045550143"
)

// A world is both services, and a clock.
type world struct {
	t      *testing.T
	double *smstest.Server
	server *httptest.Server

	mu     sync.Mutex
	now    time.Time
	secret string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, double: smstest.New(), now: time.Now(), secret: `{"hmac_current":"` + keyA + `"}`}
	w.double.Now = w.clock
	w.double.Originations = []string{from}
	w.double.Twilio = smstest.Account{
		AccountSID: "AC" + strings.Repeat("0a", 16), AuthToken: "t0ken", ServiceSID: "VA" + strings.Repeat("1b", 16), FriendlyName: "Acme",
	}
	w.server = httptest.NewServer(w.double)
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) keys(current, previous string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secret = `{"hmac_current":"` + current + `","hmac_previous":"` + previous + `"}`
}

func (w *world) read(context.Context) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.secret, nil
}

func (w *world) twilioSecret(context.Context) (string, error) {
	a := w.double.Twilio
	return fmt.Sprintf(`{"account_sid":%q,"auth_token":%q,"service_sid":%q}`, a.AccountSID, a.AuthToken, a.ServiceSID), nil
}

func (w *world) codes() *Codes {
	w.t.Helper()
	text, err := NewText("Acme", "app.acme.example")
	if err != nil {
		w.t.Fatal(err)
	}
	client := NewPinpointClient(aws.Config{
		Region: "us-east-1", BaseEndpoint: &w.server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
	})
	return &Codes{Sender: &Pinpoint{Client: client, Origination: from}, Text: text, Secret: w.read, Now: w.clock, Random: rand.Reader}
}

func (w *world) twilio() *Twilio {
	w.t.Helper()
	service, err := NewTwilio(w.server.URL+"/v2", w.twilioSecret, w.clock)
	if err != nil {
		w.t.Fatal(err)
	}
	return service
}

// number parses a number of these tests.
func number(t testing.TB, text string) Number {
	t.Helper()
	n, err := ParseNumber(text, regions(t, "US,CA"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var inText = regexp.MustCompile(`[0-9]{6}`)

// code returns the code in the newest text, which must be to a number.
func (w *world) code(to string) string {
	w.t.Helper()
	texts := w.double.Texts()
	if len(texts) == 0 || texts[0].To != to {
		w.t.Fatalf("%d texts, none to the number", len(texts))
	}
	return inText.FindString(texts[0].Text)
}

// misbehave makes the next calls go wrong, and those after them not.
func (w *world) misbehave(calls int, fault smstest.Fault) {
	before := w.double.Calls()
	w.double.SetMisbehave(func(c smstest.Call) smstest.Fault {
		if c.N > before+calls {
			return smstest.Fault{}
		}
		return fault
	})
}

// hangUp makes calls go wrong like misbehave, and gives up on each as soon as it
// has come in. The context is for one call.
func (w *world) hangUp(fault smstest.Fault) context.Context {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.t.Cleanup(cancel)
	w.double.SetMisbehave(func(smstest.Call) smstest.Fault {
		cancel()
		return fault
	})
	return ctx
}

// texts waits until there are so many texts: who hung up does not see them come.
func (w *world) texts(n int) {
	w.t.Helper()
	for len(w.double.Texts()) < n && w.t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if got := len(w.double.Texts()); got != n {
		w.t.Fatalf("%d texts, want %d", got, n)
	}
}

// other returns another code than this one.
func other(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

// service is what both have, as package mfa uses it.
type service interface {
	Name() string
	Start(ctx context.Context, user string, to Number) (state string, err error)
	Check(ctx context.Context, user string, to Number, state, code string) (ok bool, err error)
}

var (
	_ service = (*Codes)(nil)
	_ service = (*Twilio)(nil)
	_ Sender  = (*Pinpoint)(nil)
)
