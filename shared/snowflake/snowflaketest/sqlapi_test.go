package snowflaketest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestSQLAPI(t *testing.T) {
	w := newWorld(t)
	a := w.statement(w.token(0), "?requestId=r1", object{
		"statement": "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE()", "timeout": 10, "warehouse": "wh",
	})
	var got struct {
		Meta struct {
			Rows    int    `json:"numRows"`
			Format  string `json:"format"`
			RowType []struct {
				Name string `json:"name"`
			} `json:"rowType"`
		} `json:"resultSetMetaData"`
		Data    [][]*string `json:"data"`
		Created int64       `json:"createdOn"`
	}
	if err := json.Unmarshal([]byte(a.text), &got); err != nil {
		t.Fatal(err)
	}
	if a.status != http.StatusOK || a.Code != "090001" || a.State != "00000" || a.Handle == "" || a.Message != "Statement executed successfully." {
		t.Errorf("%d %s", a.status, a.text)
	}
	if rows(got.Data) != "LOADER|LOADING|WH" || got.Meta.Rows != 1 || got.Meta.Format != "jsonv2" || len(got.Meta.RowType) != 3 ||
		got.Created != w.now().UnixMilli() {
		t.Errorf("%+v", got)
	}
}

func TestSQLAPIRefusals(t *testing.T) {
	w := newWorld(t)
	w.must("CREATE ROLE OTHER")
	one := object{"statement": "SELECT 1"}
	header := func(name, value string) http.Header {
		h := apiHeader(w.token(0))
		if h[name] = []string{value}; value == "" {
			delete(h, name)
		}
		return h
	}
	for name, c := range map[string]struct {
		header http.Header
		query  string
		body   any
		want   string
	}{
		"token type left out": {header: header("X-Snowflake-Authorization-Token-Type", ""), body: one, want: "200 090001"},
		"another token type":  {header: header("X-Snowflake-Authorization-Token-Type", "OAUTH"), body: one, want: "401 390303"},
		"no token":            {header: header("Authorization", ""), body: one, want: "400 390146"},
		"bad token":           {header: header("Authorization", "Bearer not.a.jwt"), body: one, want: "401 390144"},
		"no User-Agent":       {header: header("User-Agent", ""), body: one, want: "400 391903"},
		"no Content-Type":     {header: header("Content-Type", ""), body: one, want: "400 391902"},
		"no JSON":             {header: header("", ""), body: "{", want: "400 "},
		"asynchronous":        {header: header("", ""), query: "?async=true", body: one, want: "400 "},
		"empty":               {header: header("", ""), body: object{}, want: "400 000900"},
		"two statements":      {header: header("", ""), body: object{"statement": "SELECT 1; SELECT 1"}, want: "422 000008"},
		"syntax":              {header: header("", ""), body: object{"statement": "SELEKT 1"}, want: "422 001003"},
		"no privilege":        {header: header("", ""), body: object{"statement": "DESC USER LOADER"}, want: "422 003001"},
		"no such user":        {header: header("", ""), body: object{"statement": "DESC USER STRANGER"}, want: "422 002003"},
		"role not granted":    {header: header("", ""), body: object{"statement": "SELECT 1", "role": "OTHER"}, want: "400 390186"},
	} {
		a := w.post(request{path: "/api/v2/statements" + c.query, header: c.header, body: c.body})
		if got := fmt.Sprintf("%d %s", a.status, a.Code); got != c.want {
			t.Errorf("%s: %s, want %s: %s", name, got, c.want, a.text)
		}
	}
	a := w.statement(w.token(0), "", object{"statement": "DESC USER LOADER"})
	if a.State != "42501" || a.Message != "SQL access control error:\nInsufficient privileges to operate on user 'LOADER'" || a.Handle == "" {
		t.Errorf("%s", a.text)
	}
	w.account.SetNetworkPolicy(true)
	if a := w.statement(w.token(0), "", one); a.status != http.StatusUnauthorized || a.Code != "390422" {
		t.Errorf("kept out: %d %s", a.status, a.text)
	}
	// A token for an account that there is not.
	c := w.claims("LOADER@ACME.EXAMPLE", 0)
	c["iss"] = "NOBODY.LOADER." + fingerprint(0)
	if a := w.statement(sign(t, c, jose.RS256, keys()[0]), "", one); a.status != http.StatusUnauthorized || a.Code != "390144" {
		t.Errorf("no such account: %d %s", a.status, a.text)
	}
}

// On the SQL API a token is good for an hour, and may tell its times in
// milliseconds.
func TestSQLAPITokenTimes(t *testing.T) {
	w := newWorld(t)
	w.account.SetPlainRefusals(false)
	c := w.claims("LOADER@ACME.EXAMPLE", 0)
	c["iat"], c["exp"] = w.now().UnixMilli(), w.now().Add(2*time.Hour).UnixMilli()
	token := sign(t, c, jose.RS256, keys()[0])
	one := object{"statement": "SELECT 1"}
	w.advance(time.Hour)
	if a := w.statement(token, "", one); a.status != http.StatusOK {
		t.Errorf("after an hour: %d %s", a.status, a.text)
	}
	w.advance(time.Second)
	if a := w.statement(token, "", one); a.status != http.StatusUnauthorized || a.Code != "394303" {
		t.Errorf("after more than an hour: %d %s", a.status, a.text)
	}
}

// A request that is sent again as a retry is answered again and not done again;
// otherwise it is.
func TestSQLAPIRetry(t *testing.T) {
	w := newWorld(t)
	w.must("GRANT ROLE ACCOUNTADMIN TO USER LOADER")
	create := object{"statement": "CREATE ROLE ONCE", "role": "ACCOUNTADMIN"}
	first := w.statement(w.token(0), "?requestId=r1", create)
	if a := w.statement(w.token(0), "", object{"statement": "CREATE ROLE OTHER", "role": "ACCOUNTADMIN"}); a.status != 200 {
		t.Errorf("without an id: %d %s", a.status, a.text)
	}
	for query, want := range map[string]int{"?requestId=r1&retry=true": 200, "?requestId=r2&retry=true": 422, "?retry=true": 422} {
		if a := w.statement(w.token(0), query, create); a.status != want || want == 200 && a.Handle != first.Handle {
			t.Errorf("%s: %d %s", query, a.status, a.text)
		}
	}
	// Without the retry it is done again, and that is then what a retry hears.
	for _, query := range []string{"?requestId=r1", "?requestId=r1&retry=true"} {
		if a := w.statement(w.token(0), query, create); a.status != 422 || a.Code != "002002" {
			t.Errorf("%s: %d %s", query, a.status, a.text)
		}
	}
}
