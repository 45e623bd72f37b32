package snowflaketest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"safekeep/shared/snowflake"
	"safekeep/shared/snowflake/snowflaketest"
)

func TestSyntaxErrors(t *testing.T) {
	w := newWorld(t)
	w.account.SetNamedKeyPairs(true)
	for sql, want := range map[string]string{
		"":                                      "000900 (42601): SQL compilation error:\nEmpty SQL statement.",
		"/* nothing */ ; -- here":               "000900",
		"SELEKT 1":                              "001003 (42000): SQL compilation error:\nsyntax error line 1 at position 0 unexpected 'SELEKT'.",
		"SELECT 1,\n  2 3":                      "syntax error line 2 at position 4 unexpected '3'.",
		"SELECT":                                "syntax error line 1 at position 6 unexpected '<EOF>'.",
		"SELECT 'a":                             "unexpected '<EOF>'.",
		`SELECT 'a\`:                            "unexpected '<EOF>'.",
		"SELECT 1 /* no end":                    "unexpected '<EOF>'.",
		"SELECT $$no end":                       "unexpected '<EOF>'.",
		`DESC USER "no end`:                     "unexpected '<EOF>'.",
		"SELECT 1.5":                            "unexpected '1.5'.",
		"SELECT CURRENT_USER":                   "unexpected '<EOF>'.",
		"DESC USER 'LOADER'":                    "unexpected 'LOADER'.",
		"DESC TABLE X":                          "position 0 unexpected 'DESC'.",
		"ALTER USER LOADER":                     "unexpected '<EOF>'.",
		"ALTER USER LOADER SET":                 "unexpected '<EOF>'.",
		"ALTER USER LOADER SET DISABLED":        "position 22 unexpected 'DISABLED'.",
		"ALTER USER LOADER SET DISABLED=":       "unexpected '<EOF>'.",
		"ALTER USER LOADER SET DISABLED=;":      "unexpected ';'.",
		"ALTER USER LOADER SET DISABLED=TRUE x": "unexpected 'x'.",
		"ALTER USER LOADER UNSET":               "unexpected '<EOF>'.",
		"ALTER USER LOADER ADD KEY k":           "unexpected 'ADD'.",
		"ALTER USER LOADER MODIFY KEY PAIR k":   "unexpected '<EOF>'.",
		"DROP USER LOADER, X":                   "unexpected ','.",
		"GRANT SELECT ON USER x TO ROLE y":      "position 6 unexpected 'SELECT'.",
		"GRANT ROLE x TO ROLE y":                "unexpected 'ROLE'.",
		"GRANT ROLE x FROM USER y":              "unexpected 'FROM'.",
		"REVOKE ROLE x TO USER y":               "unexpected 'TO'.",
		"SELECT 1; SELEKT":                      "unexpected 'SELEKT'.", // and nothing of it is done
	} {
		w.refuses(sql, want)
	}
}

func TestIdentifiersAndLiterals(t *testing.T) {
	w := newWorld(t)
	for sql, want := range map[string]string{
		`select 'it''s', 'a\'b\\c\n', $$as 'it' stands$$, 12 // comment`: "it's|a'b\\c\n|as 'it' stands|12",
		"SELECT /* a comment; */ 1 -- another":                           "1",
		"SELECT CURRENT_ACCOUNT()":                                       issuer,
		"SELECT current_user()":                                          "NULL", // Exec is nobody
		"SELECT CURRENT_ROLE()":                                          "ACCOUNTADMIN",
	} {
		if got := rows(w.exec(sql, "").Rows); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	w.must(`CREATE USER lower; CREATE USER "lower" LOGIN_NAME='low'; CREATE USER "a""b"`)
	if got := rows(w.exec(`DESC USER "a""b"`, "").Rows); !strings.Contains(got, `NAME|a"b|`) {
		t.Errorf("the name is %s", got)
	}
	for name, login := range map[string]string{"lower": "LOWER", `"LOWER"`: "LOWER", `"lower"`: "LOW"} {
		if got := property(w.exec("DESCRIBE USER "+name, ""), "LOGIN_NAME"); got != login {
			t.Errorf("%s signs in as %s, want %s", name, got, login)
		}
	}
}

// property is the value of a property that DESC USER shows.
func property(r snowflaketest.Result, name string) string {
	for _, row := range r.Rows {
		if *row[0] == name {
			return *row[1]
		}
	}
	return "no such property"
}

func TestUsers(t *testing.T) {
	w := newWorld(t)
	r := w.exec("DESC USER LOADER", "")
	if got := strings.Join(r.Columns, ","); got != "property,value,default,description" {
		t.Errorf("the columns are %s", got)
	}
	for name, want := range map[string]string{
		"NAME": "LOADER", "LOGIN_NAME": "LOADER@ACME.EXAMPLE", "DISABLED": "false", "PASSWORD": "null", "TYPE": "PERSON",
		"DEFAULT_ROLE": "LOADING", "DEFAULT_WAREHOUSE": "LOADING_WH", "MINS_TO_UNLOCK": "null", "COMMENT": "null",
		"RSA_PUBLIC_KEY": body(0), "RSA_PUBLIC_KEY_FP": fingerprint(0), "RSA_PUBLIC_KEY_2": "null", "RSA_PUBLIC_KEY_2_FP": "null",
	} {
		if got := property(r, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	w.must(`ALTER USER LOADER SET RSA_PUBLIC_KEY_2='` + body(1) + `', PASSWORD='p', COMMENT='it''s', MINS_TO_UNLOCK=5 DISABLED=TRUE DEFAULT_ROLE="loading" LOGIN_NAME=other`)
	r = w.exec("DESC USER LOADER", "")
	for name, want := range map[string]string{
		"LOGIN_NAME": "OTHER", "DISABLED": "true", "PASSWORD": "********", "DEFAULT_ROLE": "loading", "MINS_TO_UNLOCK": "6",
		"COMMENT": "it's", "RSA_PUBLIC_KEY_FP": fingerprint(0), "RSA_PUBLIC_KEY_2_FP": fingerprint(1),
	} {
		if got := property(r, name); got != want {
			t.Errorf("then %s is %q, want %q", name, got, want)
		}
	}
	w.must("ALTER USER LOADER UNSET RSA_PUBLIC_KEY, RSA_PUBLIC_KEY_2, PASSWORD, DISABLED, MINS_TO_UNLOCK, COMMENT, LOGIN_NAME")
	r = w.exec("DESC USER LOADER", "")
	for name, want := range map[string]string{
		"LOGIN_NAME": "LOADER", "DISABLED": "false", "PASSWORD": "null", "MINS_TO_UNLOCK": "null", "COMMENT": "null",
		"RSA_PUBLIC_KEY": "null", "RSA_PUBLIC_KEY_FP": "null", "RSA_PUBLIC_KEY_2_FP": "null",
	} {
		if got := property(r, name); got != want {
			t.Errorf("in the end %s is %q, want %q", name, got, want)
		}
	}
	for sql, want := range map[string]string{
		"CREATE USER LOADER":                                  "002002 (42710): SQL compilation error:\nObject 'LOADER' already exists.",
		"CREATE USER IF NOT EXISTS LOADER PASSWORD='p'":       "", // which changes nothing
		"CREATE USER A LOGIN_NAME='Loader'":                   "'LOADER' is in use",
		"CREATE USER A TYPE=ROBOT":                            "001008 (22023): SQL compilation error:\ninvalid value [ROBOT] for parameter 'TYPE'",
		"CREATE USER A TYPE=SERVICE PASSWORD='p'":             "Cannot set PASSWORD on users with TYPE=SERVICE.",
		"CREATE USER A RSA_PUBLIC_KEY='x'":                    "New public key rejected",
		"ALTER USER LOADER SET COLOUR='red'":                  "001420 (22023): SQL compilation error:\ninvalid property 'COLOUR' for 'USER'",
		"ALTER USER LOADER SET COMMENT='a' COMMENT='b'":       "duplicate property 'COMMENT';",
		"ALTER USER LOADER SET DISABLED=YES":                  "invalid value [YES] for parameter 'DISABLED'",
		"ALTER USER LOADER SET DISABLED='TRUE'":               "invalid value ['TRUE'] for parameter 'DISABLED'",
		"ALTER USER LOADER SET MINS_TO_UNLOCK=1.5":            "invalid value [1.5]",
		"ALTER USER LOADER SET MINS_TO_UNLOCK=99999999999999": "invalid value",
		"ALTER USER LOADER SET DEFAULT_ROLE=1":                "invalid value [1]",
		"ALTER USER LOADER UNSET COLOUR":                      "invalid property 'COLOUR'",
		"ALTER USER STRANGER SET DISABLED=TRUE":               "002003 (02000): SQL compilation error:\nUser 'STRANGER' does not exist or not authorized.",
		"ALTER USER IF EXISTS STRANGER SET DISABLED=TRUE":     "",
		"DROP USER STRANGER":                                  "002003",
		"DROP USER IF EXISTS STRANGER":                        "",
		"DESC USER A":                                         "002003",
		"CREATE ROLE LOADING":                                 "002002",
		"CREATE ROLE IF NOT EXISTS LOADING":                   "",
		"GRANT ROLE STRANGER TO USER LOADER":                  "Role 'STRANGER' does not exist",
		"GRANT ROLE LOADING TO USER STRANGER":                 "User 'STRANGER' does not exist",
	} {
		w.exec(sql, want)
	}
	if got := property(w.exec("DESC USER LOADER", ""), "PASSWORD"); got != "null" {
		t.Error("CREATE USER IF NOT EXISTS set a password")
	}
	w.must("DROP USER LOADER")
	w.refuses("DESC USER LOADER", "002003")
}

// Statements before one that fails are done, those after it are not, and of the
// one itself nothing is.
func TestExecEndsAtTheFirstFailure(t *testing.T) {
	w := newWorld(t)
	w.refuses("ALTER USER LOADER SET COMMENT='a'; ALTER USER LOADER SET COMMENT='b' RSA_PUBLIC_KEY='x'; ALTER USER LOADER SET COMMENT='c'", "Invalid Public key")
	if got := property(w.exec("DESC USER LOADER", ""), "COMMENT"); got != "a" {
		t.Errorf("the comment is %q", got)
	}
	if w.account.Keys("loader").Slot1 != fingerprint(0) {
		t.Error("the key has changed")
	}
}

func TestPublicKeysThatAreNone(t *testing.T) {
	w := newWorld(t)
	spki := func(key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(der)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GODEBUG", "rsa1024min=0") // the library makes no such key otherwise
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	private := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(short))
	for name, c := range map[string]struct{ body, want string }{
		"words":            {"garbage", "Reason: 'Invalid Public key'"},
		"nothing readable": {"AAAA", "Reason: 'Invalid Public key'"},
		"delimiters":       {string(snowflake.MarshalPublicKey(&keys()[1].PublicKey)), "Reason: 'Invalid Public key'"},
		"a private key":    {private, "Reason: 'Invalid Public key'"},
		"PKCS#1":           {base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&keys()[1].PublicKey)), "Reason: 'Invalid Public key'"},
		"more behind it":   {base64.StdEncoding.EncodeToString(append(decode(t, body(1)), 0)), "Reason: 'Invalid Public key'"},
		"1024 bits":        {spki(&short.PublicKey), "Reason: 'Key length 1024 is smaller than minimal requirement of 2048.'"},
		"a curve":          {spki(&ec.PublicKey), "unsupported key algorithm"},
	} {
		t.Log(name)
		w.refuses("ALTER USER LOADER SET RSA_PUBLIC_KEY='"+c.body+"'", c.want)
	}
	// Line breaks do no harm.
	block, _ := pem.Decode(snowflake.MarshalPublicKey(&keys()[1].PublicKey))
	lines := strings.Split(string(pem.EncodeToMemory(block)), "\n")
	w.must("ALTER USER LOADER SET RSA_PUBLIC_KEY='" + strings.Join(lines[1:len(lines)-2], "\n") + "'")
	if got := w.account.Keys("LOADER"); got.Slot1 != fingerprint(1) || got.Slot2 != "" || got.Named != nil {
		t.Errorf("the keys are %+v", got)
	}
}

func decode(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// What changes something is told, each statement by itself, and makes the same
// elsewhere.
func TestChanges(t *testing.T) {
	w := newWorld(t)
	w.must("GRANT OWNERSHIP ON USER LOADER TO ROLE LOADING")
	var told []string
	w.Changed = func(account, sql string) { told = append(told, account+": "+sql) }
	w.must("SELECT 1;; CREATE ROLE A /* ; */; DESC USER LOADER; CREATE ROLE B")
	w.refuses("CREATE ROLE C; CREATE ROLE A; CREATE ROLE D", "already exists")
	for _, sql := range []string{"SELECT 1", "CREATE ROLE E", "ALTER USER LOADER SET COMMENT='of itself';"} {
		w.statement(w.token(0), "", object{"statement": sql})
	}
	want := []string{"CREATE ROLE A /* ; */", "CREATE ROLE B", "CREATE ROLE C", "ALTER USER LOADER SET COMMENT='of itself'"}
	for i := range want {
		want[i] = issuer + ": " + want[i]
	}
	if !slices.Equal(told, want) {
		t.Errorf("told are %q, want %q", told, want)
	}
}
