package realclients

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snowflakedb/gosnowflake/v2"

	"safekeep/shared/snowflake"
	"safekeep/shared/snowflake/snowflaketest"
)

// TestMain keeps Snowflake's driver from asking the metadata services of three
// clouds where it is, which would delay the first sign-in, from reporting on a
// library of its own that it cannot load, and from logging what tests expect.
func TestMain(m *testing.M) {
	for _, name := range []string{"SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "SF_DISABLE_MINICORE"} {
		if err := os.Setenv(name, "true"); err != nil {
			panic(err)
		}
	}
	if err := gosnowflake.GetLogger().SetLogLevel("fatal"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// snowflakeKeys are made once: each takes a while.
var snowflakeKeys = sync.OnceValue(func() (all [3]*rsa.PrivateKey) {
	for i := range all {
		key, err := snowflake.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		all[i] = key
	}
	return all
})

// keyBody is the public half of a key, as SQL takes it.
func keyBody(i int) string { return snowflake.PublicKeyBody(&snowflakeKeys()[i].PublicKey) }

// keyFingerprint is how Snowflake shows it.
func keyFingerprint(i int) string { return snowflake.Fingerprint(&snowflakeKeys()[i].PublicKey) }

// warehouses is our double of Snowflake behind a real HTTP server. Its clock is
// that of the wall, which the driver signs by, moved on by skew.
type warehouses struct {
	*snowflaketest.Server
	testing.TB
	url  string       // under which each account is found: url/myorg-myaccount
	skew atomic.Int64 // in milliseconds
}

func startSnowflake(t testing.TB) *warehouses {
	t.Helper()
	s := &warehouses{Server: snowflaketest.New(), TB: t}
	s.Now = func() time.Time { return time.Now().Add(time.Duration(s.skew.Load()) * time.Millisecond) }
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// skewBy sets the clock of Snowflake, seen from the driver's.
func (s *warehouses) skewBy(d time.Duration) { s.skew.Store(d.Milliseconds()) }

// must runs statements as the account's administrator.
func (s *warehouses) must(account, statements string) {
	s.Helper()
	if _, err := s.Account(account).Exec(statements); err != nil {
		s.Fatal(err)
	}
}

// host is a server of one account, as the original has for each: the driver can
// choose a host and a port, and no path before its own.
func (s *warehouses) host(account string) (host string, port int) {
	s.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/" + account + r.URL.Path
		s.ServeHTTP(w, r)
	}))
	s.Cleanup(server.Close)
	host, text, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	if port, err = strconv.Atoi(text); err != nil {
		s.Fatal(err)
	}
	return host, port
}

// config is how the driver is told to sign in to an account, at the account's own
// host. What signs it in is still to be set.
func (s *warehouses) config(account, user string) gosnowflake.Config {
	s.Helper()
	c := gosnowflake.Config{Protocol: "http", Account: account, User: user}
	c.Host, c.Port = s.host(account)
	return c
}

// keyConfig is config with a key.
func (s *warehouses) keyConfig(account, user string, key *rsa.PrivateKey) gosnowflake.Config {
	s.Helper()
	c := s.config(account, user)
	c.Authenticator, c.PrivateKey = gosnowflake.AuthTypeJwt, key
	return c
}

// ask signs in and runs the query that tells who one is, as "user role warehouse".
func ask(t testing.TB, c gosnowflake.Config) (string, error) {
	t.Helper()
	db := sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, c))
	defer db.Close()
	var user, role, warehouse sql.NullString
	err := db.QueryRowContext(t.Context(), "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE()").Scan(&user, &role, &warehouse)
	return user.String + " " + role.String + " " + warehouse.String, err
}

// signsIn checks that the driver signs in, and as whom.
func signsIn(t testing.TB, c gosnowflake.Config, want string) {
	t.Helper()
	if got, err := ask(t, c); err != nil {
		t.Errorf("the driver does not sign in: %v", err)
	} else if got != want {
		t.Errorf("the driver is %q, want %q", got, want)
	}
}

// isRefused checks that the driver does not sign in, and with which of
// Snowflake's numbers.
func isRefused(t testing.TB, c gosnowflake.Config, number int) {
	t.Helper()
	_, err := ask(t, c)
	var refusal *gosnowflake.SnowflakeError
	switch {
	case err == nil:
		t.Errorf("the driver signs in, want refusal %d", number)
	case !errors.As(err, &refusal) || refusal.Number != number:
		t.Errorf("the driver is refused with %v, want %d", err, number)
	}
}

// sessionToken signs in by hand, with a password, and returns the token of the
// session.
func (s *warehouses) sessionToken(account, user, password string) string {
	s.Helper()
	text, err := json.Marshal(map[string]any{"data": map[string]any{"ACCOUNT_NAME": account, "LOGIN_NAME": user, "PASSWORD": password}})
	if err != nil {
		s.Fatal(err)
	}
	response, err := http.Post(s.url+"/"+account+"/session/v1/login-request", "application/json", bytes.NewReader(text))
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Data struct{ Token string }
		Code string
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Data.Token == "" {
		s.Fatalf("no session: %d, code %q, %v", response.StatusCode, answer.Code, err)
	}
	return answer.Data.Token
}

// handedOver gives a driver the token of a session that another began, and no
// master token to renew it with.
type handedOver struct {
	sync.Mutex
	token string
}

// GetTokens implements gosnowflake.TokenAccessor.
func (h *handedOver) GetTokens() (token, masterToken string, sessionID int64) { return h.token, "", 0 }

// SetTokens implements gosnowflake.TokenAccessor.
func (h *handedOver) SetTokens(token, _ string, _ int64) { h.token = token }

// Lock implements gosnowflake.TokenAccessor.
func (h *handedOver) Lock() error {
	h.Mutex.Lock()
	return nil
}
