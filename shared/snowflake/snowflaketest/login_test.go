package snowflaketest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestLoginByKeyPair(t *testing.T) {
	w := newWorld(t)
	a := w.login(loginPath+"?roleName=loading&warehouse=wh&databaseName=db&schemaName=%22sch%22", object{
		"AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": w.token(0),
	})
	s := w.session(a)
	if s.Seconds != 3600 || s.MasterSeconds != 14400 || s.Master == "" || s.ID == 0 {
		t.Errorf("the tokens live %d and %d s in session %d", s.Seconds, s.MasterSeconds, s.ID)
	}
	if got := rows([][]*string{{s.Info.Role, s.Info.Warehouse, s.Info.Database, s.Info.Schema}}); got != "LOADING|WH|DB|sch" {
		t.Errorf("the session begins at %s", got)
	}
	if date := a.header.Get("Date"); date != "Sat, 28 Nov 2026 06:00:00 GMT" {
		t.Errorf("the clock shows %q", date)
	}
	// What is not asked for is the user's default.
	s = w.session(w.loginByToken(w.token(0)))
	if got := rows([][]*string{{s.Info.Role, s.Info.Warehouse, s.Info.Database}}); got != "LOADING|LOADING_WH|NULL" {
		t.Errorf("by default the session begins at %s", got)
	}
	w.must("ALTER USER LOADER SET RSA_PUBLIC_KEY_2='" + body(1) + "'")
	w.session(w.loginByToken(w.token(1)))
	w.session(w.loginByToken(w.token(0)))
}

// Each of what can be wrong with a token is refused with its own code, and in an
// account with plain refusals with the same code and a UUID that tells it.
func TestBadTokens(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	now := w.now().Unix()
	good := func() map[string]any { return w.claims("LOADER@ACME.EXAMPLE", 0) }
	with := func(name string, value any) string {
		c := good()
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return sign(t, c, jose.RS256, keys()[0])
	}
	as := func(account, login string) string {
		c := good()
		c["iss"], c["sub"] = account+"."+login+"."+fingerprint(0), account+"."+login
		return sign(t, c, jose.RS256, keys()[0])
	}
	parts := strings.Split(w.token(0), ".")
	other := strings.Split(with("nonce", 1), ".")
	for name, c := range map[string]struct{ token, code, name string }{
		"no token":            {"not.a.jwt", "390144", "JWT_TOKEN_INVALID"},
		"nothing":             {"", "390144", "JWT_TOKEN_INVALID"},
		"too long":            {with("padding", strings.Repeat("x", 9000)), "390144", "JWT_TOKEN_INVALID"},
		"line break":          {w.token(0) + "\n", "390144", "JWT_TOKEN_INVALID"},
		"claims of no type":   {with("iat", "now"), "390144", "JWT_TOKEN_INVALID"},
		"no issuer":           {with("iss", nil), "390144", "JWT_TOKEN_INVALID"},
		"issuer without key":  {with("iss", issuer+".LOADER@ACME.EXAMPLE"), "390144", "JWT_TOKEN_INVALID"},
		"other subject":       {with("sub", issuer+".LOADER"), "390144", "JWT_TOKEN_INVALID"},
		"no subject":          {with("sub", nil), "390144", "JWT_TOKEN_INVALID"},
		"NAME":                {as(issuer, "LOADER"), "394300", "JWT_TOKEN_INVALID_USER_IN_ISSUER"},
		"lower case":          {as(issuer, "loader@acme.example"), "394300", "JWT_TOKEN_INVALID_USER_IN_ISSUER"},
		"no issue time":       {with("iat", nil), "394301", "JWT_TOKEN_MISSING_ISSUE_OR_EXPIRATION_TIME"},
		"no expiration":       {with("exp", nil), "394301", "JWT_TOKEN_MISSING_ISSUE_OR_EXPIRATION_TIME"},
		"too old":             {with("iat", now-61), "394302", "JWT_TOKEN_INVALID_ISSUE_TIME"},
		"from the future":     {with("iat", now+60), "394302", "JWT_TOKEN_INVALID_ISSUE_TIME"},
		"in milliseconds":     {with("iat", now*1000), "394302", "JWT_TOKEN_INVALID_ISSUE_TIME"},
		"expired":             {with("exp", now), "394303", "JWT_TOKEN_INVALID_EXPIRATION_TIME"},
		"unknown key":         {w.token(1), "394304", "JWT_TOKEN_INVALID_PUBLIC_KEY_FINGERPRINT_MISMATCH"},
		"RS512":               {sign(t, good(), jose.RS512, keys()[0]), "394305", "JWT_TOKEN_INVALID_ALGORITHM"},
		"ES256":               {sign(t, good(), jose.ES256, ec), "394305", "JWT_TOKEN_INVALID_ALGORITHM"},
		"HS256 with the key":  {sign(t, good(), jose.HS256, []byte(body(0))), "394305", "JWT_TOKEN_INVALID_ALGORITHM"},
		"alg none":            {"eyJhbGciOiJub25lIn0." + parts[1] + ".", "394305", "JWT_TOKEN_INVALID_ALGORITHM"},
		"another's signature": {sign(t, good(), jose.RS256, keys()[1]), "394306", "JWT_TOKEN_INVALID_SIGNATURE"},
		"another payload":     {parts[0] + "." + other[1] + "." + parts[2], "394306", "JWT_TOKEN_INVALID_SIGNATURE"},
		"no signature":        {parts[0] + "." + parts[1] + ".", "394306", "JWT_TOKEN_INVALID_SIGNATURE"},
		"another account":     {as("MYORG-OTHER", "LOADER@ACME.EXAMPLE"), "394307", "JWT_TOKEN_ACCOUNT_MISMATCH"},
		"account lower case":  {as("myorg-my_account", "LOADER@ACME.EXAMPLE"), "394307", "JWT_TOKEN_ACCOUNT_MISMATCH"},
	} {
		w.account.SetPlainRefusals(false)
		if a := w.loginByToken(c.token); a.status != http.StatusOK || a.Success || a.Code != c.code || string(a.Data) != "null" {
			t.Errorf("%s: %d %s, want code %s", name, a.status, a.text, c.code)
		}
		w.account.SetPlainRefusals(true)
		a := w.loginByToken(c.token)
		uuid := regexp.MustCompile(`^JWT token is invalid\. \[([0-9a-f-]{36})\]$`).FindStringSubmatch(a.Message)
		if a.Code != "390144" || uuid == nil {
			t.Errorf("%s: plain %s", name, a.text)
			continue
		}
		r := w.exec("SELECT JSON_EXTRACT_PATH_TEXT(SYSTEM$GET_LOGIN_FAILURE_DETAILS('"+uuid[1]+"'), 'errorCode')", "")
		if got := rows(r.Rows); got != c.name {
			t.Errorf("%s: the details say %s", name, got)
		}
	}
	// None of them did any harm.
	w.session(w.loginByToken(w.token(0)))
}

// A user may be called anything, even what an issuer ends in.
func TestOddLoginNames(t *testing.T) {
	w := newWorld(t)
	for _, login := range []string{"A.B.C", "A.SHA256:B", ".", "Ä ' \"", "O'NEIL"} {
		w.must("ALTER USER LOADER SET LOGIN_NAME='" + strings.NewReplacer(`'`, `''`, `"`, `\"`).Replace(login) + "'")
		w.session(w.loginByToken(sign(t, w.claims(login, 0), jose.RS256, keys()[0])))
	}
}

// A token is good for 60 seconds after its issue, whatever its own end, and a
// clock may be a little ahead.
func TestTokenTimes(t *testing.T) {
	w := newWorld(t)
	c := w.claims("LOADER@ACME.EXAMPLE", 0)
	c["exp"] = w.now().Add(time.Hour).Unix()
	token := sign(t, c, jose.RS256, keys()[0])
	w.advance(-5 * time.Second)
	w.session(w.loginByToken(token))
	w.advance(65 * time.Second)
	w.session(w.loginByToken(token))
	w.advance(time.Second)
	if a := w.loginByToken(token); a.Success {
		t.Error("a token of 61 seconds is taken")
	}
}

// The account of the URL counts, and where there is none that of the body.
func TestAccountOfTheURL(t *testing.T) {
	w := newWorld(t)
	w.Account("xy12345.eu-central-1.aws")
	if _, ok := w.Lookup("XY12345"); !ok {
		t.Error("xy12345.eu-central-1.aws is not XY12345")
	}
	if w.Account("MYORG-MY-ACCOUNT") != w.account {
		t.Error("a hyphen does not stand for an underscore")
	}
	data := object{"AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": w.token(0)}
	for path, want := range map[string]string{
		"/myorg-my-account" + loginPath: "", "/MYORG-MY_ACCOUNT" + loginPath: "", loginPath: "",
		"/xy12345.eu-central-1" + loginPath: "394307", "/nobody" + loginPath: "404", "/myorg-my_account/nothing": "404",
	} {
		w.Account("xy12345").SetPlainRefusals(false)
		switch a := w.login(path, data); {
		case want == "404":
			if a.status != http.StatusNotFound || !strings.Contains(a.text, "<html>") {
				t.Errorf("%s: %d %s", path, a.status, a.text)
			}
		case a.Code != want || a.Success != (want == ""):
			t.Errorf("%s: code %q, want %q", path, a.Code, want)
		}
	}
	data["ACCOUNT_NAME"] = "nobody"
	if a := w.login(loginPath, data); a.status != http.StatusNotFound {
		t.Errorf("an unknown account: %d %s", a.status, a.text)
	}
}

func TestLoginByPassword(t *testing.T) {
	w := newWorld(t)
	const right = "correct horse"
	code := func(login, password, want string) {
		t.Helper()
		if a := w.loginByPassword(login, password); a.Code != want || a.Success != (want == "") {
			t.Errorf("code %q, want %q", a.Code, want)
		}
	}
	code("loader@acme.example", "", "390100") // there is none
	w.must("ALTER USER LOADER SET PASSWORD='" + right + "'")
	code("loader@acme.example", right, "")
	code("LOADER", right, "390100") // the NAME
	code("nobody", right, "390100")
	code("LOADER@ACME.EXAMPLE", "wrong", "390100")

	w.must("ALTER USER LOADER SET DISABLED=TRUE")
	code("loader@acme.example", right, "390101")
	code("loader@acme.example", "wrong", "390100")
	if a := w.loginByToken(w.token(0)); a.Code != "390101" {
		t.Errorf("a disabled user's token: %q", a.Code)
	}
	w.must("ALTER USER LOADER SET DISABLED=FALSE MINS_TO_UNLOCK=10")
	code("loader@acme.example", right, "390102")
	w.advance(10 * time.Minute)
	code("loader@acme.example", right, "")

	// Five in a row lock the user, for a quarter of an hour.
	for range 5 {
		code("loader@acme.example", "wrong", "390100")
	}
	code("loader@acme.example", right, "390102")
	w.must("ALTER USER LOADER SET MINS_TO_UNLOCK=0")
	code("loader@acme.example", right, "")
}

func TestRolesAndNetworkPolicy(t *testing.T) {
	w := newWorld(t)
	w.must("CREATE ROLE OTHER")
	login := func(role string) answer {
		return w.login(loginPath+"?roleName="+role, object{"AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": w.token(0)})
	}
	if a := login("other"); a.Code != "390189" || !strings.Contains(a.Message, "'OTHER'") {
		t.Errorf("a role that is not granted: %s", a.text)
	}
	if s := w.session(login("public")); *s.Info.Role != "PUBLIC" {
		t.Errorf("PUBLIC is %s", *s.Info.Role)
	}
	w.must("REVOKE ROLE LOADING FROM USER LOADER")
	if a := login(""); a.Code != "390189" || !strings.Contains(a.Message, "default role 'LOADING'") {
		t.Errorf("a default role that is not granted: %s", a.text)
	}
	w.must("ALTER USER LOADER UNSET DEFAULT_ROLE")
	if s := w.session(login("")); *s.Info.Role != "PUBLIC" {
		t.Errorf("without a default the role is %s", *s.Info.Role)
	}
	w.account.SetNetworkPolicy(true)
	for _, token := range []string{w.token(0), "not.a.jwt"} {
		if a := w.loginByToken(token); a.Code != "390422" || !strings.Contains(a.Message, "IP/Token 203.0.113.9 is not allowed") {
			t.Errorf("kept out by %s", a.text)
		}
	}
	w.account.SetNetworkPolicy(false)
	w.session(w.loginByToken(w.token(0)))
}

func TestMalformedRequests(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"no JSON":       {loginPath, "{", 400},
		"an array":      {loginPath, "[]", 400},
		"empty":         {loginPath, "", 400},
		"another way":   {loginPath, `{"data":{"ACCOUNT_NAME":"myorg-my_account","AUTHENTICATOR":"OAUTH","TOKEN":"x"}}`, 400},
		"too long":      {loginPath, `{"data":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
		"a query":       {"/queries/v1/query-request", "{", 400},
		"unknown place": {"/session/v1/logout", "{}", 404},
	} {
		if a := w.post(request{path: c.path, body: c.body}); a.status != c.status {
			t.Errorf("%s: %d, want %d", name, a.status, c.status)
		}
	}
}
