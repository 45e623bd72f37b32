package snowflaketest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"safekeep/shared/snowflake/snowflaketest"
)

// Whatever is run, it ends in a result or in an error with Snowflake's code.
func FuzzSQL(f *testing.F) {
	for _, sql := range []string{
		"SELECT CURRENT_USER(), 1, 'a''b\\n', $$x$$; SELECT SYSTEM$GET_LOGIN_FAILURE_DETAILS('u')",
		"SELECT JSON_EXTRACT_PATH_TEXT(SYSTEM$GET_LOGIN_FAILURE_DETAILS('u'), 'errorCode')",
		`CREATE USER IF NOT EXISTS "a""b" LOGIN_NAME='x' PASSWORD='p', TYPE=PERSON; DROP USER IF EXISTS "a""b"`,
		"ALTER USER LOADER SET RSA_PUBLIC_KEY='" + body(1) + "', DISABLED=TRUE MINS_TO_UNLOCK=5; ALTER USER IF EXISTS LOADER UNSET RSA_PUBLIC_KEY, DISABLED",
		"ALTER USER LOADER ADD KEY PAIR k PUBLIC_KEY='" + body(1) + "' DAYS_TO_EXPIRY=1000000; ALTER USER LOADER ROTATE KEY PAIR k PUBLIC_KEY='" + body(2) + "' EXPIRE_ROTATED_KEY_PAIR_AFTER_HOURS=1",
		"ALTER USER LOADER MODIFY KEY PAIR k RENAME TO l; ALTER USER LOADER MODIFY KEY PAIR l UNSET COMMENT; ALTER USER REMOVE KEY PAIR l",
		"SHOW USER KEY PAIRS FOR USER LOADER; /* c */ DESC USER LOADER -- end",
		"CREATE ROLE R; GRANT ROLE R TO USER LOADER; GRANT OWNERSHIP ON USER LOADER TO ROLE R REVOKE CURRENT GRANTS; REVOKE OWNERSHIP ON USER LOADER FROM ROLE R",
		"SELECT 'no end", "SELECT $$", `"`, "\x00\xff", ";;;",
	} {
		f.Add(sql)
	}
	shape := regexp.MustCompile(`^\d{6}$`)
	f.Fuzz(func(t *testing.T, sql string) {
		w := withPairs(t)
		result, err := w.account.Exec(sql)
		var coded *snowflaketest.Error
		switch {
		case err == nil && len(result.Columns) == 0:
			t.Errorf("a result without columns")
		case err != nil && (!errors.As(err, &coded) || !shape.MatchString(coded.Code) || coded.State == ""):
			t.Errorf("an error without a code: %v", err)
		}
		for _, row := range result.Rows {
			if len(row) != len(result.Columns) {
				t.Errorf("%d values in %d columns", len(row), len(result.Columns))
			}
		}
		// LOADER, who has a right to nothing, changes nothing.
		w = withPairs(t)
		if a := w.statement(w.token(0), "", object{"statement": sql}); a.status >= 500 {
			t.Errorf("%d %s", a.status, a.text)
		}
		if k := w.account.Keys("LOADER"); k.Slot1 != fingerprint(0) || k.Slot2 != "" || k.Named != nil {
			t.Errorf("the keys have changed: %+v", k)
		}
	})
}

// Whatever comes as a login, only the right token or the right password gets in.
func FuzzLogin(f *testing.F) {
	const password = "correct-horse-battery"
	w := newWorld(f)
	w.must("ALTER USER LOADER SET PASSWORD='" + password + "'")
	token := w.token(0)
	for _, text := range []string{
		`{"data":{"ACCOUNT_NAME":"myorg-my_account","LOGIN_NAME":"loader@acme.example","PASSWORD":"` + password + `"}}`,
		`{"data":{"ACCOUNT_NAME":"myorg-my_account","AUTHENTICATOR":"SNOWFLAKE_JWT","TOKEN":"` + token + `"}}`,
		`{"data":{"ACCOUNT_NAME":"myorg-my_account","AUTHENTICATOR":"SNOWFLAKE_JWT","TOKEN":"eyJhbGciOiJub25lIn0.e30."}}`,
		`{"data":{"ACCOUNT_NAME":"MYORG-MY-ACCOUNT.x","AUTHENTICATOR":"snowflake","LOGIN_NAME":"LOADER"}}`,
		`{"data":null}`, `[]`, `{"data":{"TOKEN":1}}`, ``,
	} {
		f.Add(text, "LOADING")
	}
	signed, _, _ := strings.Cut(token[strings.Index(token, ".")+1:], ".")
	f.Fuzz(func(t *testing.T, text, role string) {
		q := httptest.NewRequest(http.MethodPost, loginPath, strings.NewReader(text))
		q.URL.RawQuery = "roleName=" + role
		recorder := httptest.NewRecorder()
		w.ServeHTTP(recorder, q)
		a := read(t, recorder.Result())
		if a.status >= 500 {
			t.Errorf("%d %s", a.status, a.text)
		}
		if a.Success && !strings.Contains(text, password) && !strings.Contains(text, signed) && !strings.Contains(text, `\u`) {
			t.Error("something else gets in")
		}
	})
}
