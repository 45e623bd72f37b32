package snowflaketest_test

import (
	"maps"
	"slices"
	"testing"
)

// What a role may do to a user depends on what was granted on it.
func TestPrivileges(t *testing.T) {
	const (
		slots = "ALTER USER TARGET SET RSA_PUBLIC_KEY_2='"
		manip = "ALTER USER TARGET UNSET RSA_PUBLIC_KEY_2"
		desc  = "DESC USER TARGET"
		pairs = "SHOW USER KEY PAIRS FOR USER TARGET"
		add   = "ALTER USER TARGET ADD KEY PAIR k PUBLIC_KEY='"
		drop  = "ALTER USER TARGET REMOVE KEY PAIR k"
		end   = "DROP USER TARGET"
		give  = "GRANT MODIFY PROGRAMMATIC AUTHENTICATION METHODS ON USER TARGET TO ROLE PUBLIC"
		admin = "CREATE ROLE MORE"
	)
	byKeys := map[string]bool{pairs: true, add: true, drop: true}
	byOwner := map[string]bool{slots: true, manip: true, desc: true, pairs: true, add: true, drop: true, end: true, give: true}
	all := maps.Clone(byOwner)
	all[admin] = true
	order := []string{slots, manip, desc, add, pairs, drop, admin, end}
	for name, c := range map[string]struct {
		grant string
		role  string
		may   map[string]bool
	}{
		"nothing":      {"SELECT 1", "LOADING", nil},
		"ownership":    {"GRANT OWNERSHIP ON USER TARGET TO ROLE LOADING COPY CURRENT GRANTS", "LOADING", byOwner},
		"key pairs":    {"GRANT MODIFY PROGRAMMATIC AUTHENTICATION METHODS ON USER TARGET TO ROLE LOADING", "LOADING", byKeys},
		"to everybody": {give, "LOADING", byKeys},
		"another role": {"GRANT OWNERSHIP ON USER TARGET TO ROLE OTHER", "LOADING", nil},
		"taken back": {give + "; REVOKE MODIFY PROGRAMMATIC AUTHENTICATION METHODS ON USER TARGET FROM ROLE PUBLIC;" +
			"GRANT OWNERSHIP ON USER TARGET TO ROLE LOADING; REVOKE OWNERSHIP ON USER TARGET FROM ROLE LOADING", "LOADING", nil},
		"taken along":   {give + "; GRANT OWNERSHIP ON USER TARGET TO ROLE OTHER REVOKE CURRENT GRANTS", "LOADING", nil},
		"administrator": {"GRANT ROLE ACCOUNTADMIN TO USER LOADER", "ACCOUNTADMIN", all},
	} {
		t.Run(name, func(t *testing.T) {
			w := withPairs(t)
			w.must("CREATE USER TARGET; CREATE ROLE OTHER; " + c.grant)
			for _, sql := range order {
				statement := sql
				if slices.Contains([]string{slots, add}, sql) {
					statement += body(1) + "'"
				}
				a := w.statement(w.token(0), "", object{"statement": statement, "role": c.role})
				if got := a.status == 200; got != c.may[sql] || !got && a.Code != "003001" {
					t.Errorf("%s: %d %s", sql, a.status, a.Code)
				}
				if sql == add && !c.may[sql] {
					w.must("ALTER USER TARGET ADD KEY PAIR k PUBLIC_KEY='" + body(1) + "'")
				}
			}
		})
	}
}

// Of oneself one may see the named pairs, and by the docs no more.
func TestOneself(t *testing.T) {
	w := withPairs(t)
	for sql, want := range map[string]int{
		"SHOW USER KEY PAIRS": 200, "SHOW USER KEY PAIRS FOR USER LOADER": 200, "DESC USER LOADER": 422,
		"ALTER USER LOADER SET RSA_PUBLIC_KEY_2='" + body(1) + "'": 422, "ALTER USER ADD KEY PAIR k PUBLIC_KEY='" + body(1) + "'": 422,
		"SELECT SYSTEM$GET_LOGIN_FAILURE_DETAILS('x')": 422, "GRANT ROLE ACCOUNTADMIN TO USER LOADER": 422,
	} {
		if a := w.statement(w.token(0), "", object{"statement": sql}); a.status != want || want == 422 && a.Code != "003001" {
			t.Errorf("%s: %d %s", sql, a.status, a.Code)
		}
	}
}
