package snowflake_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"safekeep/shared/snowflake"
	"safekeep/shared/snowflake/snowflaketest"
)

// warehouse is one account with user LOADER, whose key is in the first slot.
type warehouse struct {
	double  *snowflaketest.Server
	account *snowflaketest.Account
	client  *snowflake.Client
	key     *rsa.PrivateKey
	place   snowflake.Place
	skew    atomic.Int64 // of the client's clock
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := snowflake.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newWarehouse(t *testing.T) *warehouse {
	t.Helper()
	w := &warehouse{double: snowflaketest.New(), key: newKey(t), place: snowflake.Place{Account: "myorg-my_account", User: "loader@acme.example", Warehouse: "WH"}}
	w.account = w.double.Account("myorg-my_account")
	if _, err := w.account.Exec(`CREATE ROLE LOADER; CREATE USER "Loader" LOGIN_NAME='LOADER@ACME.EXAMPLE' DEFAULT_ROLE=LOADER PASSWORD='a password of its own' RSA_PUBLIC_KEY='` +
		snowflake.PublicKeyBody(&w.key.PublicKey) + `'; GRANT ROLE LOADER TO USER "Loader"; GRANT OWNERSHIP ON USER "Loader" TO ROLE LOADER`); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.double)
	t.Cleanup(server.Close)
	w.client = snowflake.NewClient(server.URL+"/{account}", func() time.Time { return time.Now().Add(time.Duration(w.skew.Load())) })
	return w
}

// refused expects a refusal.
func refused(t *testing.T, err error) *snowflake.Refusal {
	t.Helper()
	var r *snowflake.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal", err)
	}
	return r
}

func TestSignsInAndSaysAsWhom(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	for name, proof := range map[string]snowflake.Proof{"key": {Key: w.key}, "password": {Password: "a password of its own"}} {
		who, err := w.client.WhoAmI(t.Context(), w.place, proof)
		if err != nil || who != (snowflake.Identity{User: "Loader", Role: "LOADER", Warehouse: "WH"}) {
			t.Errorf("%s: %+v %v", name, who, err)
		}
	}
	before := time.Now()
	session, err := w.client.SignIn(t.Context(), w.place, snowflake.Proof{Key: w.key})
	if err != nil || session.Reveal() == "" || session.ExpiresAt.Before(before.Add(59*time.Minute)) || session.ExpiresAt.After(time.Now().Add(time.Hour)) {
		t.Errorf("a session until %s: %v", session.ExpiresAt, err)
	}
	for _, shown := range []string{fmt.Sprint(session), fmt.Sprintf("%+v %#v %x %q", session, session, session, session), fmt.Sprintf("%+v", &session), fmt.Sprintf("%+v", struct{ S snowflake.Session }{session})} {
		if strings.Contains(shown, session.Reveal()) || strings.Contains(shown, fmt.Sprintf("%x", session.Reveal())) {
			t.Errorf("the token shows in %q", shown)
		}
	}
}

// Each refusal is told apart as far as it can be, names what to do, and repeats
// nothing of Snowflake's own words.
func TestExplainsRefusals(t *testing.T) {
	t.Parallel()
	other := newKey(t)
	for name, test := range map[string]struct {
		upset  func(w *warehouse, p *snowflake.Place, proof *snowflake.Proof)
		open   bool // Snowflake says which it was
		reason snowflake.Reason
		words  string
	}{
		"another key":         {func(_ *warehouse, _ *snowflake.Place, p *snowflake.Proof) { p.Key = other }, false, snowflake.ReasonKey, snowflake.Fingerprint(&other.PublicKey)},
		"another key, told":   {func(_ *warehouse, _ *snowflake.Place, p *snowflake.Proof) { p.Key = other }, true, snowflake.ReasonFingerprint, snowflake.Fingerprint(&other.PublicKey)},
		"NAME for LOGIN_NAME": {func(_ *warehouse, p *snowflake.Place, _ *snowflake.Proof) { p.User = "Loader" }, true, snowflake.ReasonUser, "LOGIN_NAME is LOADER"},
		"our clock is early":  {func(w *warehouse, _ *snowflake.Place, _ *snowflake.Proof) { w.skew.Store(int64(-2 * time.Minute)) }, false, snowflake.ReasonClock, "clock and Snowflake's differ by "},
		"our clock is late":   {func(w *warehouse, _ *snowflake.Place, _ *snowflake.Proof) { w.skew.Store(int64(5 * time.Minute)) }, true, snowflake.ReasonClock, "clock and Snowflake's differ by "},
		"no such account":     {func(_ *warehouse, p *snowflake.Place, _ *snowflake.Proof) { p.Account = "myorg-nobody" }, false, snowflake.ReasonAccount, "no Snowflake account"},
		"a wrong password":    {func(_ *warehouse, _ *snowflake.Place, p *snowflake.Proof) { *p = snowflake.Proof{Password: "another"} }, false, snowflake.ReasonPassword, "LOGIN_NAME"},
		"a role not granted":  {func(_ *warehouse, p *snowflake.Place, _ *snowflake.Proof) { p.Role = "ACCOUNTADMIN" }, false, snowflake.ReasonRole, "ACCOUNTADMIN"},
		"a network policy":    {func(w *warehouse, _ *snowflake.Place, _ *snowflake.Proof) { w.account.SetNetworkPolicy(true) }, false, snowflake.ReasonNetworkPolicy, "network policy"},
		"disabled": {func(w *warehouse, _ *snowflake.Place, _ *snowflake.Proof) {
			_, _ = w.account.Exec(`ALTER USER "Loader" SET DISABLED=TRUE`)
		}, false, snowflake.ReasonDisabled, "disabled"},
		"locked": {func(w *warehouse, _ *snowflake.Place, _ *snowflake.Proof) {
			w.double.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault {
				return snowflaketest.Fault{Code: "390102", Message: "words of another"}
			})
		}, false, snowflake.ReasonLocked, "quarter of an hour"},
		"a code nobody knows": {func(w *warehouse, _ *snowflake.Place, _ *snowflake.Proof) {
			w.double.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault {
				return snowflaketest.Fault{Code: "399999", Message: "words of another"}
			})
		}, false, snowflake.ReasonOther, "LOGIN_HISTORY"},
		"a code that is none": {func(w *warehouse, _ *snowflake.Place, _ *snowflake.Proof) {
			w.double.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault {
				return snowflaketest.Fault{Code: "1'; DROP", Message: "words of another"}
			})
		}, false, snowflake.ReasonOther, "LOGIN_HISTORY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWarehouse(t)
			w.account.SetPlainRefusals(!test.open)
			place, proof := w.place, snowflake.Proof{Key: w.key}
			test.upset(w, &place, &proof)
			_, err := w.client.SignIn(t.Context(), place, proof)
			r := refused(t, err)
			if r.Reason != test.reason || !strings.Contains(r.Explanation, test.words) || !r.SignInFailed() {
				t.Errorf("told as %s: %s", r.Reason, r.Explanation)
			}
			if strings.Contains(r.Error(), "words of another") || strings.Contains(r.Error(), "DROP") || strings.Contains(r.Explanation, "{") {
				t.Errorf("told as %s", r.Error())
			}
		})
	}
}

// The statement that comes with a refused key shows an admin what it was.
func TestStatementForTheAdminTellsWhy(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	_, err := w.client.SignIn(t.Context(), w.place, snowflake.Proof{Key: newKey(t)})
	result, err := w.account.Exec(refused(t, err).SQL)
	if err != nil || len(result.Rows) != 1 || result.Rows[0][0] == nil || !strings.Contains(*result.Rows[0][0], "FINGERPRINT_MISMATCH") {
		t.Errorf("%v %v", result.Rows, err)
	}
}

func TestRunsStatements(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	next := newKey(t)
	run := func(sql string) error { _, err := w.client.Run(t.Context(), w.place, w.key, sql); return err }
	if err := run(snowflake.SetPublicKey("Loader", snowflake.Slot2, &next.PublicKey)); err != nil {
		t.Fatal(err)
	}
	if keys := w.account.Keys("Loader"); keys.Slot2 != snowflake.Fingerprint(&next.PublicKey) || keys.Slot1 != snowflake.Fingerprint(&w.key.PublicKey) {
		t.Errorf("the keys are %+v", keys)
	}
	if _, err := w.client.WhoAmI(t.Context(), w.place, snowflake.Proof{Key: next}); err != nil {
		t.Error("the new key:", err)
	}
	rows, err := w.client.Run(t.Context(), w.place, w.key, snowflake.DescribeUser("Loader"))
	shown := map[string]string{}
	rows.Each(func(value func(string) string) { shown[value("property")] = value("value") })
	if err != nil || shown["RSA_PUBLIC_KEY_2_FP"] != snowflake.Fingerprint(&next.PublicKey) || shown["nothing"] != "" {
		t.Errorf("described as %v: %v", shown, err)
	}
	if r := refused(t, run(snowflake.ShowKeyPairs("Loader"))); r.Reason != snowflake.ReasonUnsupported || r.SignInFailed() {
		t.Errorf("an account without key pairs: %+v", r)
	}
	if r := refused(t, run(snowflake.DescribeUser("SOMEBODY"))); r.Reason != snowflake.ReasonPrivilege {
		t.Errorf("another user: %+v", r)
	}
	w.account.SetNamedKeyPairs(true)
	if err := errors.Join(run(snowflake.AddKeyPair("Loader", "A", &newKey(t).PublicKey)),
		run(snowflake.AddKeyPair("Loader", "B", &newKey(t).PublicKey)), run(snowflake.RemoveKeyPair("Loader", "A"))); err != nil {
		t.Error(err)
	}
	if named := w.account.Keys("Loader").Named; len(named) != 1 || named[0].Name != "B" {
		t.Errorf("left are %+v", named)
	}
	if err := run(snowflake.UnsetPublicKey("Loader", snowflake.Slot1)); err != nil {
		t.Fatal(err)
	}
	if r := refused(t, run(snowflake.DescribeUser("Loader"))); !r.KeyRefused() || !r.SignInFailed() {
		t.Errorf("with a key that is gone: %+v", r)
	}
}

// What fails in passing is tried again, with a new token each time, and what is
// done is done once; what stays down is ErrUnreachable.
func TestTriesAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]snowflaketest.Fault{"503": {Status: 503}, "429": {Status: 429}, "a lost answer": {LoseAnswer: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWarehouse(t)
			var calls atomic.Int64
			w.double.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault {
				if calls.Add(1) < 3 {
					return fault
				}
				return snowflaketest.Fault{}
			})
			w.account.SetNamedKeyPairs(true)
			// Twice would be refused: the name is taken, and the key.
			if _, err := w.client.Run(t.Context(), w.place, w.key, snowflake.AddKeyPair("Loader", "ONCE", &newKey(t).PublicKey)); err != nil || calls.Load() != 3 {
				t.Errorf("after %d calls: %v", calls.Load(), err)
			}
			calls.Store(0)
			if _, err := w.client.SignIn(t.Context(), w.place, snowflake.Proof{Key: w.key}); err != nil || calls.Load() != 3 {
				t.Errorf("after %d calls: %v", calls.Load(), err)
			}
			w.double.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault { calls.Add(1); return fault })
			calls.Store(0)
			if _, err := w.client.SignIn(t.Context(), w.place, snowflake.Proof{Key: w.key}); !errors.Is(err, snowflake.ErrUnreachable) || calls.Load() != 3 {
				t.Errorf("after %d calls: %v", calls.Load(), err)
			}
		})
	}
}

// A server that is none of Snowflake's costs no more than its time.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	var led atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { led.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for name, answer := range map[string]http.HandlerFunc{
		"empty":      func(http.ResponseWriter, *http.Request) {},
		"HTML":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"null":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("null")) },
		"no session": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"success":true}`)) },
		"no time": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"success":true,"data":{"token":"t"}}`))
		},
		"huge": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(answer)
			t.Cleanup(server.Close)
			client := snowflake.NewClient(server.URL, time.Now)
			place := snowflake.Place{Account: "a-b", User: "U"}
			for _, proof := range []snowflake.Proof{{Key: key}, {Password: "p"}} {
				if _, err := client.WhoAmI(t.Context(), place, proof); err == nil || refusalIn(err) != nil && name != "null" {
					t.Errorf("%v", err)
				}
			}
			if _, err := client.Run(t.Context(), place, key, "SELECT 1"); name != "null" && name != "no session" && name != "no time" && !errors.Is(err, snowflake.ErrUnreachable) {
				t.Errorf("%v", err)
			}
		})
	}
	if led.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func refusalIn(err error) *snowflake.Refusal {
	var r *snowflake.Refusal
	errors.As(err, &r)
	return r
}

func newFuzzKey(f *testing.F) *rsa.PublicKey {
	f.Helper()
	key, err := snowflake.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	return &key.PublicKey
}
