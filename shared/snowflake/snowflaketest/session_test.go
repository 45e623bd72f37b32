package snowflaketest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// columns are what a query-request's answer has beside its rows.
type table struct {
	RowType []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"rowtype"`
	RowSet    [][]*string `json:"rowset"`
	Total     int         `json:"total"`
	Returned  int         `json:"returned"`
	QueryID   string      `json:"queryId"`
	Format    string      `json:"queryResultFormat"`
	Statement int         `json:"statementTypeId"`
}

func (w *world) table(a answer) table {
	w.Helper()
	var got table
	if err := json.Unmarshal(a.Data, &got); err != nil || !a.Success {
		w.Fatalf("no rows: %d %s %v", a.status, a.text, err)
	}
	return got
}

func TestQuery(t *testing.T) {
	w := newWorld(t)
	s := w.session(w.loginByToken(w.token(0)))
	got := w.table(w.query(s.Token, "SELECT CURRENT_USER(), 1, current_role(), CURRENT_WAREHOUSE(), CURRENT_DATABASE();"))
	if rows(got.RowSet) != "LOADER|1|LOADING|LOADING_WH|NULL" {
		t.Errorf("the row is %s", rows(got.RowSet))
	}
	names := ""
	for _, c := range got.RowType {
		names += c.Name + ":" + c.Type + " "
	}
	if names != "CURRENT_USER():text 1:fixed CURRENT_ROLE():text CURRENT_WAREHOUSE():text CURRENT_DATABASE():text " {
		t.Errorf("the columns are %s", names)
	}
	if got.Total != 1 || got.Returned != 1 || got.QueryID == "" || got.Format != "json" || got.Statement != 0x1000 {
		t.Errorf("%+v", got)
	}
	for sql, want := range map[string]string{
		"SELECT nothing()":     "001003 42000",
		"SELECT 1; SELECT 2":   "000008 0A000",
		" -- nothing\n ;":      "000900 42601",
		"DESC USER LOADER":     "003001 42501",
		"DESC USER STRANGER":   "002003 02000",
		"SELECT 'not closed":   "001003 42000",
		"CREATE USER intruder": "003001 42501",
	} {
		a := w.query(s.Token, sql)
		var failure struct {
			Code  string `json:"errorCode"`
			State string `json:"sqlState"`
		}
		if err := json.Unmarshal(a.Data, &failure); err != nil {
			t.Fatal(err)
		}
		if a.status != http.StatusOK || a.Success || a.Code+" "+failure.State != want || failure.Code != a.Code {
			t.Errorf("%s: %s, want %s", sql, a.text, want)
		}
	}
}

// A session outlives its key, but neither its hour nor its user.
func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	s := w.session(w.loginByToken(w.token(0)))
	code := func(token, want string) {
		t.Helper()
		if a := w.query(token, "SELECT 1"); a.Code != want || a.Success != (want == "") {
			t.Errorf("code %q, want %q", a.Code, want)
		}
	}
	w.must("ALTER USER LOADER UNSET RSA_PUBLIC_KEY")
	if a := w.loginByToken(w.token(0)); a.Success {
		t.Error("a key that was taken away signs in")
	}
	w.advance(time.Hour - time.Millisecond)
	code(s.Token, "")
	code("another", "390104")
	w.must("ALTER USER LOADER SET DISABLED=TRUE")
	code(s.Token, "390111")
	w.must("ALTER USER LOADER SET DISABLED=FALSE")
	code(s.Token, "")
	w.advance(time.Millisecond)
	code(s.Token, "390112")
	w.must("ALTER USER LOADER SET RSA_PUBLIC_KEY='" + body(0) + "'")
	s = w.session(w.loginByToken(w.token(0)))
	w.must("DROP USER LOADER")
	code(s.Token, "390111")
}

func (w *world) inSession(path, token string, body any) answer {
	w.Helper()
	return w.post(request{path: path, body: body, header: http.Header{"Authorization": {`Snowflake Token="` + token + `"`}}})
}

func TestRenewAndClose(t *testing.T) {
	w := newWorld(t)
	s := w.session(w.loginByToken(w.token(0)))
	w.advance(2 * time.Hour)
	renew := object{"oldSessionToken": s.Token, "requestType": "RENEW"}
	a := w.inSession("/session/token-request", s.Master, renew)
	var next struct {
		Token  string `json:"sessionToken"`
		Master string `json:"masterToken"`
		ID     int64  `json:"sessionId"`
	}
	if err := json.Unmarshal(a.Data, &next); err != nil || !a.Success || next.ID != s.ID || next.Token == s.Token {
		t.Fatalf("renewing: %s %v", a.text, err)
	}
	if a := w.query(next.Token, "SELECT 1"); !a.Success {
		t.Errorf("the new token: %s", a.text)
	}
	for token, want := range map[string]string{s.Master: "390104", next.Token: "390104", "": "390104"} {
		if a := w.inSession("/session/token-request", token, renew); a.Code != want {
			t.Errorf("renewing with what is no master token: %s", a.text)
		}
	}
	if a := w.inSession("/session/heartbeat", next.Token, ""); !a.Success {
		t.Errorf("heartbeat: %s", a.text)
	}
	if a := w.inSession("/session?delete=true", next.Token, ""); !a.Success {
		t.Errorf("closing: %s", a.text)
	}
	if a := w.query(next.Token, "SELECT 1"); a.Code != "390104" {
		t.Errorf("a closed session: %s", a.text)
	}
	s = w.session(w.loginByToken(w.token(0)))
	w.advance(4 * time.Hour)
	if a := w.inSession("/session/token-request", s.Master, renew); a.Code != "390114" {
		t.Errorf("an old master token: %s", a.text)
	}
	for _, path := range []string{"/telemetry/send", "/queries/v1/abort-request"} {
		if a := w.inSession(path, "", object{}); a.status != http.StatusOK || !a.Success {
			t.Errorf("%s: %d %s", path, a.status, a.text)
		}
	}
}

// A session is of one account, whatever host it is presented to.
func TestSessionOfAnotherAccount(t *testing.T) {
	w := newWorld(t)
	w.Account("other")
	s := w.session(w.loginByToken(w.token(0)))
	for path, want := range map[string]string{"/other": "390104", "/" + strings.ToLower(issuer): ""} {
		if a := w.inSession(path+"/queries/v1/query-request", s.Token, object{"sqlText": "SELECT 1"}); a.Code != want {
			t.Errorf("%s: %s", path, a.text)
		}
	}
}

// What is kept is bounded: of very many refusals only the last are known.
func TestOldFailuresAreForgotten(t *testing.T) {
	w := newWorld(t)
	uuid := func() string {
		message := w.loginByToken("not.a.jwt").Message
		return message[strings.Index(message, "[")+1 : len(message)-1]
	}
	details := func(uuid string) string {
		return rows(w.exec("SELECT SYSTEM$GET_LOGIN_FAILURE_DETAILS('"+uuid+"')", "").Rows)
	}
	first := uuid()
	if got := details(first); !strings.Contains(got, `"errorCode":"JWT_TOKEN_INVALID"`) || !strings.Contains(got, `"clientType":"Go"`) || !strings.Contains(got, `"username":null`) {
		t.Errorf("the details are %s", got)
	}
	last := ""
	for range 1 << 14 {
		last = uuid()
	}
	if details(first) != "NULL" || details(last) == "NULL" {
		t.Error("the first is known, or the last is not")
	}
}
