package realclients

import (
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snowflakedb/gosnowflake/v2"

	"safekeep/shared/snowflake/snowflaketest"
)

const account = "myorg-my_account"

// withLoader is a Snowflake in whose account LOADER has the key 0 in its first
// slot, and a password.
func withLoader(t *testing.T) *warehouses {
	s := startSnowflake(t)
	s.must(account, "CREATE ROLE LOADING; CREATE USER LOADER LOGIN_NAME='loader@acme.example' PASSWORD='correct horse' DEFAULT_ROLE=LOADING RSA_PUBLIC_KEY='"+keyBody(0)+"'; GRANT ROLE LOADING TO USER LOADER")
	return s
}

const (
	loader = "loader@acme.example" // its LOGIN_NAME
	asking = "LOADER LOADING WH"   // who it is, asking for the warehouse WH
)

func (s *warehouses) loader(key int) gosnowflake.Config {
	s.Helper()
	c := s.keyConfig(account, loader, snowflakeKeys()[key])
	c.Warehouse = "wh"
	return c
}

// The driver signs in with the key of either slot, and a key that is taken away
// signs in no more: the rotation by two slots.
func TestDriverSignsInDuringARotation(t *testing.T) {
	s := withLoader(t)
	signsIn(t, s.loader(0), asking)
	isRefused(t, s.loader(1), 390144)
	s.must(account, "ALTER USER LOADER SET RSA_PUBLIC_KEY_2='"+keyBody(1)+"'")
	signsIn(t, s.loader(0), asking)
	signsIn(t, s.loader(1), asking)
	s.must(account, "ALTER USER LOADER UNSET RSA_PUBLIC_KEY")
	isRefused(t, s.loader(0), 390144)
	signsIn(t, s.loader(1), asking)
}

// The same with a named pair, whose old key goes on for some hours.
func TestDriverSignsInWithNamedPairs(t *testing.T) {
	s := withLoader(t)
	s.Account(account).SetNamedKeyPairs(true)
	s.Account(account).SetPlainRefusals(false)
	s.must(account, "ALTER USER LOADER ADD KEY PAIR main PUBLIC_KEY='"+keyBody(1)+"'")
	signsIn(t, s.loader(1), asking)
	// Half a day ago, because the driver signs with the clock of the wall.
	s.skewBy(-12 * time.Hour)
	s.must(account, "ALTER USER LOADER ROTATE KEY PAIR main PUBLIC_KEY='"+keyBody(2)+"' EXPIRE_ROTATED_KEY_PAIR_AFTER_HOURS=13")
	s.skewBy(0)
	signsIn(t, s.loader(1), asking)
	signsIn(t, s.loader(2), asking)
	s.must(account, "ALTER USER LOADER REMOVE KEY PAIR main; ALTER USER LOADER MODIFY KEY PAIR "+s.rotated()+" SET DISABLED=TRUE")
	isRefused(t, s.loader(1), 394304)
	isRefused(t, s.loader(2), 394304)
	signsIn(t, s.loader(0), asking)

	s.skewBy(-48 * time.Hour)
	s.must(account, "ALTER USER LOADER ADD KEY PAIR short PUBLIC_KEY='"+keyBody(2)+"' DAYS_TO_EXPIRY=1")
	s.skewBy(0)
	isRefused(t, s.loader(2), 394304)
}

// rotated is the name that a rotation gave the old key.
func (s *warehouses) rotated() string {
	for _, k := range s.Account(account).Keys("LOADER").Named {
		if k.Name != "MAIN" {
			return k.Name
		}
	}
	s.Fatal("no key was rotated out")
	return ""
}

// What is wrong reaches the driver's caller as Snowflake's number, or, in an
// account that tells no more, as 390144.
func TestDriverHearsWhatIsWrong(t *testing.T) {
	s := withLoader(t)
	s.must("myorg-other", "CREATE USER LOADER LOGIN_NAME='loader@acme.example' RSA_PUBLIC_KEY='"+keyBody(0)+"'")
	elsewhere := s.loader(0)
	elsewhere.Host, elsewhere.Port = s.host("myorg-other")
	nobody := s.loader(0)
	nobody.User = "LOADER" // the NAME
	role := s.loader(0)
	role.Role = "ACCOUNTADMIN"
	unknown := s.loader(0)
	unknown.Host, unknown.Port = s.host("myorg-nobody")
	for _, plain := range []bool{true, false} {
		s.Account(account).SetPlainRefusals(plain)
		s.Account("myorg-other").SetPlainRefusals(plain)
		number := func(n int) int {
			if plain {
				return 390144
			}
			return n
		}
		isRefused(t, s.loader(1), number(394304))
		isRefused(t, nobody, number(394300))
		isRefused(t, elsewhere, number(394307))
		s.skewBy(2 * time.Minute)
		isRefused(t, s.loader(0), number(394302))
		s.skewBy(0)
	}
	isRefused(t, role, 390189)
	isRefused(t, unknown, gosnowflake.ErrFailedToAuth)
	s.Account(account).SetNetworkPolicy(true)
	isRefused(t, s.loader(0), 390422)
}

func TestDriverSignsInByPassword(t *testing.T) {
	s := withLoader(t)
	c := s.config(account, loader)
	c.Warehouse, c.Password = "wh", "correct horse"
	signsIn(t, c, asking)
	c.Password = "wrong"
	isRefused(t, c, 390100)
	s.must(account, "ALTER USER LOADER SET DISABLED=TRUE")
	c.Password = "correct horse"
	isRefused(t, c, 390101)
}

// Without a host of its own an account is the one that the driver names; the
// region behind a locator is not part of it.
func TestDriverNamesTheAccount(t *testing.T) {
	s := startSnowflake(t)
	s.must("xy12345", "CREATE USER LOADER RSA_PUBLIC_KEY='"+keyBody(0)+"'")
	c := s.keyConfig("xy12345.eu-central-1.aws", "loader", snowflakeKeys()[0])
	signsIn(t, c, "LOADER PUBLIC ")
	if _, err := fmt.Sscanf(s.url, "http://127.0.0.1:%d", &c.Port); err != nil {
		t.Fatal(err)
	}
	signsIn(t, c, "LOADER PUBLIC ")
}

// A session that was begun elsewhere runs queries in a driver that has nothing to
// sign in with: for its hour, and no longer.
func TestDriverGoesOnWithASessionToken(t *testing.T) {
	s := withLoader(t)
	c := s.config(account, "")
	c.Authenticator = gosnowflake.AuthTypeTokenAccessor
	hand := func() { c.TokenAccessor = &handedOver{token: s.sessionToken(account, loader, "correct horse")} }
	hand()
	// The key and the password may change meanwhile.
	s.must(account, "ALTER USER LOADER UNSET RSA_PUBLIC_KEY; ALTER USER LOADER SET PASSWORD='another one'")
	signsIn(t, c, "LOADER LOADING ")
	isRefused(t, c, 390104) // the driver has closed the session
	s.must(account, "ALTER USER LOADER SET PASSWORD='correct horse'")
	hand()
	s.skewBy(2 * time.Hour)
	isRefused(t, c, 390104) // the driver has tried to renew it with an empty token
}

// The driver tries again when the service is not there and when an answer is
// lost, with a new token each time, and not when it is refused.
func TestDriverTriesAgain(t *testing.T) {
	s := withLoader(t)
	var logins atomic.Int64
	misbehave := func(first snowflaketest.Fault) {
		logins.Store(0)
		s.SetMisbehave(func(c snowflaketest.Call) snowflaketest.Fault {
			if c.Kind == "login" && logins.Add(1) == 1 {
				return first
			}
			return snowflaketest.Fault{}
		})
	}
	for name, c := range map[string]struct {
		fault snowflaketest.Fault
		tries int64
	}{
		"503":         {snowflaketest.Fault{Status: 503}, 2},
		"429":         {snowflaketest.Fault{Status: 429}, 2},
		"lost answer": {snowflaketest.Fault{LoseAnswer: true}, 2},
		"refusal":     {snowflaketest.Fault{Code: "390144"}, 1},
		"403":         {snowflaketest.Fault{Status: 403}, 1},
	} {
		misbehave(c.fault)
		_, err := ask(t, s.loader(0))
		if (err == nil) != (c.tries > 1) || logins.Load() != c.tries {
			t.Errorf("%s: %d sign-ins, want %d: %v", name, logins.Load(), c.tries, err)
		}
	}
}

// The driver reads the tables that tell of keys, runs what changes them, and
// hears SQL's errors.
func TestDriverManagesKeys(t *testing.T) {
	s := withLoader(t)
	s.Account(account).SetNamedKeyPairs(true)
	s.must(account, "GRANT OWNERSHIP ON USER LOADER TO ROLE LOADING")
	db := sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, s.loader(0)))
	defer db.Close()
	for _, statement := range []string{
		"ALTER USER LOADER SET RSA_PUBLIC_KEY_2='" + keyBody(1) + "'",
		"ALTER USER LOADER ADD KEY PAIR main PUBLIC_KEY='" + keyBody(2) + "' DAYS_TO_EXPIRY=1 COMMENT='c'",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	shown := map[string]string{}
	for _, row := range read(t, db, "DESC USER LOADER") {
		shown[row["property"].(string)], _ = row["value"].(string)
	}
	if shown["RSA_PUBLIC_KEY_FP"] != keyFingerprint(0) || shown["RSA_PUBLIC_KEY_2_FP"] != keyFingerprint(1) {
		t.Errorf("DESC USER shows %v", shown)
	}
	pairs := read(t, db, "SHOW USER KEY PAIRS")
	if len(pairs) != 3 {
		t.Fatalf("SHOW USER KEY PAIRS shows %v", pairs)
	}
	main := pairs[0]
	expires, _ := main["expires_at"].(time.Time)
	if main["name"] != "MAIN" || main["fingerprint"] != keyFingerprint(2) || main["status"] != "ACTIVE" || main["role_scope"] != nil ||
		expires.Before(time.Now().Add(23*time.Hour)) || expires.After(time.Now().Add(25*time.Hour)) {
		t.Errorf("SHOW USER KEY PAIRS shows %v", main)
	}
	for statement, want := range map[string]gosnowflake.SnowflakeError{
		"SELEKT 1":             {Number: 1003, SQLState: "42000"},
		"DESC USER STRANGER":   {Number: 2003, SQLState: "02000"},
		"CREATE USER STRANGER": {Number: 3001, SQLState: "42501"},
		"SELECT 1; SELECT 2":   {Number: 8, SQLState: "0A000"},
	} {
		_, err := db.ExecContext(t.Context(), statement)
		var failure *gosnowflake.SnowflakeError
		if !errors.As(err, &failure) || failure.Number != want.Number || failure.SQLState != want.SQLState || failure.QueryID == "" {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// read reads a table, by its columns' names.
func read(t *testing.T, db *sql.DB, query string) (all []map[string]any) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := map[string]any{}
		for i, name := range columns {
			row[name] = values[i]
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
