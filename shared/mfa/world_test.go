package mfa_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/shared/dynamo"
	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/envelope/kmstest"
	"safekeep/shared/keyservice"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/mfa"
	"safekeep/shared/sms"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

const (
	factorKey = "arn:aws:kms:us-east-1:000000000000:key/FactorKey"
	accounts  = "Accounts"
	phone     = "+16045550142"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// log takes in what all tests here log: no secret may be in it.
var log lockedBuffer

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	mfa.SetHashMemory(64)
	os.Exit(m.Run())
}

// lockedBuffer is a buffer that many write to at once.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// world is the function over the real engine, a KMS that binds contexts, and a
// double of whoever carries the texts.
type world struct {
	t       *testing.T
	mu      sync.Mutex
	now     time.Time
	client  *dynamodb.Client
	kms     *kmstest.KMS
	texts   *carrier
	places  *workspace.Store
	story   *ledger.Store
	service *mfa.Service
	routes  *web.Router
	figures lockedBuffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: noon, client: dynamotest.New(t), kms: kmstest.New(t, factorKey), texts: &carrier{sent: map[string]string{}}}
	w.story = &ledger.Store{Client: w.client, Table: dynamotest.Ledger}
	w.places = &workspace.Store{Client: w.client, Table: dynamotest.Workspaces, Ledger: w.story}
	regions, err := sms.ParseRegions("US,CA")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := mfa.NewPasskeys("app.acme.example", "Acme", []string{"https://app.acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	w.service, err = mfa.NewService(mfa.Service{
		Accounts: &mfa.Store{Client: w.client, Table: accounts, Ledger: w.story},
		Sealer:   &mfa.KMS{Client: keyservice.NewClient(w.kms.Config()), Key: factorKey},
		Places:   w.places, Texts: w.texts, Regions: regions, Passkeys: keys, Issuer: "Acme",
		Meter: &sms.Meter{
			Limits: sms.DefaultLimits(1000), Limiter: &sms.Counters{Client: w.client, Table: accounts}, Now: w.time,
			Secret: func(context.Context) (string, error) {
				return `{"hmac_current":"` + strings.Repeat("5a", 32) + `"}`, nil
			},
		},
		Limits:    mfa.Limits{Tries: 5, Window: 15 * time.Minute},
		Vigilance: mfa.Vigilance{Failures: 5, Within: 15 * time.Minute},
		Metrics:   metrics.NewRecorder(&w.figures, "test"),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.service.Now = w.time
	w.routes = w.service.Routes()
	w.place("acme", workspace.Workspace{Name: "Acme"}, "ann", "bob")
	return w
}

func (w *world) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// later lets time pass.
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// place puts a workspace with some members.
func (w *world) place(id string, as workspace.Workspace, users ...string) {
	w.t.Helper()
	as.ID = id
	if _, err := w.places.Put(w.t.Context(), as, "test", noon); err != nil {
		w.t.Fatal(err)
	}
	for _, user := range users {
		m := workspace.Member{Workspace: id, User: user, Role: workspace.Plain, Email: user + "@acme.example"}
		if _, err := w.places.PutMember(w.t.Context(), m, "test", noon); err != nil {
			w.t.Fatal(err)
		}
	}
}

// answer is what a call was answered.
type answer struct {
	status int
	header map[string]string
	fields fields
	text   string
}

// call sends a request to the function as it is wired.
func (w *world) call(method, path string, body any) answer {
	return call(w.t, w.routes, method, path, body)
}

func call(t testing.TB, routes *web.Router, method, path string, body any) answer {
	t.Helper()
	text, is := body.(string)
	if !is && body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(encoded)
	}
	recorder := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, strings.NewReader(text))
	r.Header.Set("X-Actor", "zoe")
	routes.ServeHTTP(recorder, r)
	got := answer{status: recorder.Code, text: recorder.Body.String(), header: map[string]string{}}
	for name := range recorder.Header() {
		got.header[name] = recorder.Header().Get(name)
	}
	if recorder.Body.Len() > 0 {
		if err := json.Unmarshal(recorder.Body.Bytes(), &got.fields); err != nil {
			t.Fatalf("%s %s: the answer is no JSON object", method, path)
		}
	}
	if got.text != "" && got.header["Cache-Control"] != "no-store" {
		t.Errorf("%s %s: a cache may keep the answer", method, path)
	}
	return got
}

// need is call for what must be answered with a status. A problem's detail holds
// no secret, so it may be printed.
func (w *world) need(status int, method, path string, body any) fields {
	w.t.Helper()
	got := w.call(method, path, body)
	if got.status != status {
		w.t.Fatalf("%s %s: %d %v %v, want %d", method, path, got.status, got.fields["field"], got.fields["detail"], status)
	}
	return got.fields
}

// fields are the members of a body. Printed they are without what nobody may see,
// so that a failed test shows no secret either.
type fields map[string]any

// Format implements fmt.Formatter.
func (f fields) Format(w fmt.State, _ rune) {
	shown := map[string]any{}
	for name, value := range f {
		switch name {
		case "proof", "secret", "uri", "qr_png", "qr_svg", "recovery_codes", "code", "credential", "options":
			value = "…"
		}
		shown[name] = value
	}
	_, _ = fmt.Fprint(w, shown)
}

// app is an authenticator app, written by the RFC and apart from the code.
type app struct{ seed []byte }

func newApp(t testing.TB, secret any) app {
	t.Helper()
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret.(string))
	if err != nil || len(seed) != 20 {
		t.Fatal("the secret is not 20 bytes in base32")
	}
	return app{seed}
}

func (a app) code(at time.Time) string { return hotp(a.seed, uint64(at.Unix())/30, 6) }

// enrol gives a user an app in force, and returns it with the recovery codes.
func (w *world) enrol(user string) (app, []string) {
	w.t.Helper()
	made := w.need(201, "POST", "/users/"+user+"/totp", fields{"email": user + "@acme.example"})
	phone := newApp(w.t, made["secret"])
	done := w.need(200, "POST", "/users/"+user+"/totp/confirm", fields{"code": phone.code(w.time())})
	var codes []string
	for _, code := range done["recovery_codes"].([]any) {
		codes = append(codes, code.(string))
	}
	w.later(30 * time.Second) // the code's step is used
	return phone, codes
}

// proof verifies by the app and returns the proof; it takes a step of the app.
func (w *world) proof(user string, phone app) string {
	w.t.Helper()
	got := w.verify(user, "totp", phone.code(w.time()))
	if got["ok"] != true {
		w.t.Fatalf("verifying: %v", got["reason"])
	}
	w.later(30 * time.Second)
	return got["proof"].(string)
}

func (w *world) verify(user, method, code string) fields {
	w.t.Helper()
	return w.need(200, "POST", "/users/"+user+"/verify", fields{"method": method, "code": code})
}

// wrong is a code that the app does not show anywhere near.
func wrong(phone app, now time.Time) string {
	for n := 0; ; n++ {
		code := fmt.Sprintf("%06d", n)
		near := false
		for s := -3; s <= 3; s++ {
			near = near || phone.code(now.Add(time.Duration(s)*30*time.Second)) == code
		}
		if !near {
			return code
		}
	}
}

// view is GET of a user.
func (w *world) view(user string) fields {
	w.t.Helper()
	return w.need(200, "GET", "/users/"+user, nil)
}

// factors are the ids of a user's factors.
func (w *world) factors(user string) []string {
	w.t.Helper()
	ids := []string{}
	for _, f := range w.view(user)["factors"].([]any) {
		ids = append(ids, f.(map[string]any)["id"].(string))
	}
	return ids
}

// told are the entries of a partition of the ledger about second factors, oldest
// first, as "kind actor owes? detail".
func (w *world) told(partition string) []string {
	w.t.Helper()
	var told []string
	var entries []ledger.Entry
	for cursor := ""; ; {
		page, next, err := w.story.List(w.t.Context(), partition, cursor, 200)
		if err != nil {
			w.t.Fatal(err)
		}
		entries = append(entries, page...)
		if cursor = next; next == "" {
			break
		}
	}
	for _, e := range entries {
		if !strings.HasPrefix(string(e.Kind), "mfa.") {
			continue
		}
		owes := ""
		if e.Owes {
			owes = " owes"
		}
		told = append([]string{fmt.Sprintf("%s %s%s %s", e.Kind, e.Actor, owes, e.Detail)}, told...)
	}
	return told
}

// items are all raw items of the Accounts table, by user and sort key.
func (w *world) items() map[string]dynamo.Item {
	w.t.Helper()
	items := map[string]dynamo.Item{}
	pages := dynamodb.NewScanPaginator(w.client, &dynamodb.ScanInput{TableName: aws.String(accounts), ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, item := range page.Items {
			items[dynamo.Text(item, "user")+" "+dynamo.Text(item, "item")] = item
		}
	}
	return items
}

// carrier is a double of whoever carries texts: it makes the codes itself.
type carrier struct {
	mu     sync.Mutex
	sent   map[string]string // the last code by number
	count  int
	checks int
	down   error
	during func() // happens once while a text is sent
}

func (c *carrier) Name() string { return "double" }

func (c *carrier) Start(_ context.Context, user string, to sms.Number) (string, error) {
	c.mu.Lock()
	during := c.during
	c.during = nil
	c.mu.Unlock()
	if during != nil {
		defer during()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down != nil {
		return "", c.down
	}
	c.count++
	c.sent[to.Reveal()] = fmt.Sprintf("%06d", 100000+c.count*7919%900000)
	return fmt.Sprintf("state %d of %s", c.count, user), nil
}

// Check takes the code that was sent last to a number, for the state that was
// given for it.
func (c *carrier) Check(_ context.Context, user string, to sms.Number, state, code string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checks++
	if c.down != nil {
		return false, c.down
	}
	if state != fmt.Sprintf("state %d of %s", c.count, user) {
		return false, sms.ErrExpired
	}
	return c.sent[to.Reveal()] == code, nil
}

// code is the last one that was sent to a number.
func (c *carrier) code(number string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent[number]
}
