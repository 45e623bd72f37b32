package snowflaketest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"safekeep/shared/snowflake"
	"safekeep/shared/snowflake/snowflaketest"
)

// keys are made once: each takes a while.
var keys = sync.OnceValue(func() (all [4]*rsa.PrivateKey) {
	for i := range all {
		key, err := snowflake.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		all[i] = key
	}
	return all
})

func body(i int) string        { return snowflake.PublicKeyBody(&keys()[i].PublicKey) }
func fingerprint(i int) string { return snowflake.Fingerprint(&keys()[i].PublicKey) }

// world is a Snowflake with an account and a user in it, under a clock of its own.
type world struct {
	*snowflaketest.Server
	testing.TB
	account *snowflaketest.Account
	clock   atomic.Int64 // in milliseconds since 1970
}

const (
	accountName = "myorg-my_account"
	issuer      = "MYORG-MY_ACCOUNT"
)

// newWorld has the user LOADER, whose key 0 is in slot 1, whose role LOADING is
// its default, and who signs in as loader@acme.example.
func newWorld(t testing.TB) *world {
	w := &world{Server: snowflaketest.New(), TB: t}
	w.clock.Store(time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC).UnixMilli())
	w.Now = w.now
	w.account = w.Account(accountName)
	w.must(`CREATE ROLE LOADING;
		CREATE USER LOADER LOGIN_NAME='loader@acme.example' DEFAULT_ROLE=LOADING DEFAULT_WAREHOUSE=LOADING_WH RSA_PUBLIC_KEY='` + body(0) + `';
		GRANT ROLE LOADING TO USER LOADER`)
	return w
}

func (w *world) now() time.Time             { return time.UnixMilli(w.clock.Load()).UTC() }
func (w *world) advance(by time.Duration)   { w.clock.Add(by.Milliseconds()) }
func (w *world) must(sql string)            { w.Helper(); w.exec(sql, "") }
func (w *world) refuses(sql, needle string) { w.Helper(); w.exec(sql, needle) }

// exec runs a statement as ACCOUNTADMIN, and checks that its error has a text, or
// that there is none.
func (w *world) exec(sql, needle string) snowflaketest.Result {
	w.Helper()
	result, err := w.account.Exec(sql)
	text := ""
	if err != nil {
		text = err.Error()
		var coded *snowflaketest.Error
		if !errors.As(err, &coded) {
			w.Errorf("%s: %T, want *Error", sql, err)
		}
	}
	if needle == "" && text != "" || !strings.Contains(text, needle) {
		w.Errorf("%s: %q, want %q", sql, text, needle)
	}
	return result
}

// claims are those of a good token of a login, signed with a key.
func (w *world) claims(login string, key int) map[string]any {
	return map[string]any{
		"iss": issuer + "." + login + "." + fingerprint(key), "sub": issuer + "." + login,
		"iat": w.now().Unix(), "exp": w.now().Add(time.Minute).Unix(),
	}
}

// sign makes a JWT of claims.
func sign(t testing.TB, claims map[string]any, alg jose.SignatureAlgorithm, key any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// token is a good token of LOADER for a key.
func (w *world) token(key int) string {
	return sign(w.TB, w.claims("LOADER@ACME.EXAMPLE", key), jose.RS256, keys()[key])
}

// request is a request to the world; its answer is read as JSON where it is.
type request struct {
	path   string
	header http.Header
	body   any
}

type answer struct {
	status  int
	header  http.Header
	text    string
	Success bool            `json:"success"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
	State   string          `json:"sqlState"`
	Handle  string          `json:"statementHandle"`
	Data    json.RawMessage `json:"data"`
}

func (w *world) post(r request) answer {
	w.Helper()
	text, ok := r.body.(string)
	if !ok {
		raw, err := json.Marshal(r.body)
		if err != nil {
			w.Fatal(err)
		}
		text = string(raw)
	}
	q := httptest.NewRequest(http.MethodPost, r.path, strings.NewReader(text))
	maps.Copy(q.Header, r.header)
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, q)
	return read(w.TB, recorder.Result())
}

func read(t testing.TB, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	if bytes.HasPrefix(text, []byte("{")) {
		if err := json.Unmarshal(text, &a); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return a
}

type object = map[string]any

// login signs in with what a driver sends beside the account's name.
func (w *world) login(path string, data object) answer {
	w.Helper()
	sent := object{"ACCOUNT_NAME": accountName, "CLIENT_APP_ID": "Go", "CLIENT_APP_VERSION": "2.1.0"}
	maps.Copy(sent, data)
	return w.post(request{path: path, body: object{"data": sent}})
}

const loginPath = "/session/v1/login-request"

func (w *world) loginByToken(token string) answer {
	w.Helper()
	return w.login(loginPath, object{"AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": token})
}

func (w *world) loginByPassword(login, password string) answer {
	w.Helper()
	return w.login(loginPath, object{"LOGIN_NAME": login, "PASSWORD": password})
}

// session is what a successful login gives.
type session struct {
	Token         string `json:"token"`
	Seconds       int    `json:"validityInSeconds"`
	Master        string `json:"masterToken"`
	MasterSeconds int    `json:"masterValidityInSeconds"`
	ID            int64  `json:"sessionId"`
	Info          struct {
		Database  *string `json:"databaseName"`
		Schema    *string `json:"schemaName"`
		Warehouse *string `json:"warehouseName"`
		Role      *string `json:"roleName"`
	} `json:"sessionInfo"`
}

func (w *world) session(a answer) session {
	w.Helper()
	var s session
	if err := json.Unmarshal(a.Data, &s); err != nil || !a.Success || s.Token == "" {
		w.Fatalf("no session: %d, code %q, %q, %v", a.status, a.Code, a.Message, err)
	}
	return s
}

// query runs SQL in a session.
func (w *world) query(token, sql string) answer {
	w.Helper()
	return w.post(request{
		path: "/queries/v1/query-request?requestId=1", body: object{"sqlText": sql},
		header: http.Header{"Authorization": {`Snowflake Token="` + token + `"`}},
	})
}

// statement runs SQL over the SQL API.
func (w *world) statement(token, query string, b object) answer {
	w.Helper()
	return w.post(request{path: "/api/v2/statements" + query, body: b, header: apiHeader(token)})
}

func apiHeader(token string) http.Header {
	return http.Header{
		"Authorization": {"Bearer " + token}, "X-Snowflake-Authorization-Token-Type": {"KEYPAIR_JWT"},
		"User-Agent": {"safekeep"}, "Content-Type": {"application/json"},
	}
}

// rows are the rows of a result, NULL as "NULL".
func rows(rows [][]*string) string {
	var all []string
	for _, row := range rows {
		var cells []string
		for _, cell := range row {
			if cell == nil {
				cells = append(cells, "NULL")
			} else {
				cells = append(cells, *cell)
			}
		}
		all = append(all, strings.Join(cells, "|"))
	}
	return strings.Join(all, "\n")
}
