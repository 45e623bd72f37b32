package snowflaketest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// withPairs is a world that has named key pairs.
func withPairs(t testing.TB) *world {
	w := newWorld(t)
	w.account.SetNamedKeyPairs(true)
	return w
}

// named are the named keys of LOADER, the times left out.
func (w *world) named() string {
	var all []string
	for _, k := range w.account.Keys("LOADER").Named {
		which := "?"
		for i := range keys() {
			if fingerprint(i) == k.Fingerprint {
				which = fmt.Sprint(i)
			}
		}
		all = append(all, k.Name+" "+which+" "+k.Status)
	}
	return strings.Join(all, ", ")
}

func (w *world) hasNamed(want string) {
	w.Helper()
	if got := w.named(); got != want {
		w.Errorf("the pairs are %q, want %q", got, want)
	}
}

// signsIn checks whether a key does.
func (w *world) signsIn(key int, want bool) {
	w.Helper()
	if a := w.loginByToken(w.token(key)); a.Success != want {
		w.Errorf("key %d signs in: %v, code %q", key, a.Success, a.Code)
	}
}

func TestWithoutNamedKeyPairs(t *testing.T) {
	w := newWorld(t)
	for _, sql := range []string{
		"ALTER USER LOADER ADD KEY PAIR k PUBLIC_KEY='" + body(1) + "'", "ALTER USER LOADER ROTATE KEY PAIR k PUBLIC_KEY='" + body(1) + "'",
		"ALTER USER LOADER REMOVE KEY PAIR k", "ALTER USER LOADER MODIFY KEY PAIR k SET DISABLED=TRUE", "SHOW USER KEY PAIRS FOR USER LOADER",
	} {
		w.refuses(sql, "001003 (42000)")
	}
}

func TestNamedKeyPair(t *testing.T) {
	w := withPairs(t)
	w.signsIn(1, false)
	w.must("ALTER USER LOADER ADD KEY PAIR main PUBLIC_KEY='" + body(1) + "' DAYS_TO_EXPIRY=2 COMMENT='for loading'")
	w.hasNamed("MAIN 1 ACTIVE")
	w.signsIn(1, true)
	w.signsIn(0, true) // the slot's goes on
	w.must("ALTER USER LOADER MODIFY KEY PAIR main SET DISABLED=TRUE")
	w.hasNamed("MAIN 1 DISABLED")
	w.signsIn(1, false)
	w.must("ALTER USER LOADER MODIFY KEY PAIR main UNSET DISABLED, COMMENT; ALTER USER LOADER MODIFY KEY PAIR main RENAME TO other")
	w.hasNamed("OTHER 1 ACTIVE")
	w.advance(48*time.Hour - time.Millisecond)
	w.signsIn(1, true)
	w.advance(time.Millisecond)
	w.hasNamed("OTHER 1 EXPIRED")
	w.signsIn(1, false)
	w.must("ALTER USER LOADER REMOVE KEY PAIR other")
	w.hasNamed("")
}

func TestShowUserKeyPairs(t *testing.T) {
	w := withPairs(t)
	w.must("ALTER USER LOADER SET RSA_PUBLIC_KEY_2='" + body(2) + "'")
	w.must("ALTER USER LOADER ADD KEY PAIR main PUBLIC_KEY='" + body(1) + "' ROLE_RESTRICTION='loading' DAYS_TO_EXPIRY=1 COMMENT='c'")
	a := w.login(loginPath+"?roleName=LOADING", object{"AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": w.token(1)})
	s := w.session(a)
	got := w.table(w.query(s.Token, "SHOW USER KEY PAIRS"))
	names := ""
	for _, c := range got.RowType {
		names += c.Name + ":" + c.Type + " "
	}
	if names != "name:text user_name:text fingerprint:text role_scope:text status:text comment:text created_on:timestamp_ltz created_by:text last_used_on:timestamp_ltz expires_at:timestamp_ltz rotated_to:text " {
		t.Errorf("the columns are %s", names)
	}
	at, next := fmt.Sprintf("%d.000000000", w.now().Unix()), fmt.Sprintf("%d.000000000", w.now().Unix()+86400)
	want := "MAIN|LOADER|" + fingerprint(1) + "|LOADING|ACTIVE|c|" + at + "|NULL|" + at + "|" + next + "|NULL\n" +
		"PUBLIC_KEY_1|LOADER|" + fingerprint(0) + "|NULL|ACTIVE|NULL|" + at + "|NULL|NULL|NULL|NULL\n" +
		"PUBLIC_KEY_2|LOADER|" + fingerprint(2) + "|NULL|ACTIVE|NULL|" + at + "|NULL|NULL|NULL|NULL"
	if rows(got.RowSet) != want {
		t.Errorf("the rows are\n%s\nwant\n%s", rows(got.RowSet), want)
	}
}

// A pair that is for one role signs in to that role only.
func TestRoleRestriction(t *testing.T) {
	w := withPairs(t)
	w.must("CREATE ROLE OTHER; GRANT ROLE OTHER TO USER LOADER")
	w.refuses("ALTER USER LOADER ADD KEY PAIR k PUBLIC_KEY='"+body(1)+"' ROLE_RESTRICTION='stranger'", "Role 'STRANGER' does not exist")
	w.must("ALTER USER LOADER ADD KEY PAIR k PUBLIC_KEY='" + body(1) + "' ROLE_RESTRICTION='other'")
	for role, want := range map[string]bool{"other": true, "loading": false, "": false} {
		a := w.login(loginPath+"?roleName="+role, object{"AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": w.token(1)})
		if a.Success != want || !want && a.Code != "390144" {
			t.Errorf("role %q: %s", role, a.text)
		}
	}
}

func TestRotateKeyPair(t *testing.T) {
	w := withPairs(t)
	w.must("ALTER USER LOADER UNSET RSA_PUBLIC_KEY; ALTER USER LOADER ADD KEY PAIR k PUBLIC_KEY='" + body(0) + "' DAYS_TO_EXPIRY=90 COMMENT='c'")
	w.advance(10 * 24 * time.Hour)
	w.must("ALTER USER LOADER ROTATE KEY PAIR k PUBLIC_KEY='" + body(1) + "'")
	old := fmt.Sprintf("K_ROTATED_%d", w.now().UnixMilli())
	w.hasNamed(old + " 0 ACTIVE, K 1 ACTIVE")
	w.signsIn(0, true)
	w.signsIn(1, true)
	for _, k := range w.account.Keys("LOADER").Named {
		want := w.now().Add(24 * time.Hour)
		if k.Name == "K" {
			want = w.now().AddDate(0, 0, 90) // its days begin anew
		}
		if !k.ExpiresAt.Equal(want) {
			t.Errorf("%s expires at %s, want %s", k.Name, k.ExpiresAt, want)
		}
	}
	w.refuses("ALTER USER LOADER ROTATE KEY PAIR "+old+" PUBLIC_KEY='"+body(2)+"'", "cannot be rotated again")
	w.advance(24 * time.Hour)
	w.hasNamed("K 1 ACTIVE") // what was rotated out vanishes when it expires
	w.signsIn(0, false)
	w.signsIn(1, true)

	w.must("ALTER USER LOADER ROTATE KEY PAIR k PUBLIC_KEY='" + body(2) + "' EXPIRE_ROTATED_KEY_PAIR_AFTER_HOURS = 0")
	old = fmt.Sprintf("K_ROTATED_%d", w.now().UnixMilli())
	w.hasNamed(old + " 1 DISABLED, K 2 ACTIVE")
	w.signsIn(1, false)
	w.signsIn(2, true)
	// The clock stands still, and the names differ.
	w.must("ALTER USER LOADER ROTATE KEY PAIR k PUBLIC_KEY='" + body(3) + "' EXPIRE_ROTATED_KEY_PAIR_AFTER_HOURS = 3")
	w.hasNamed(old + " 1 DISABLED, " + fmt.Sprintf("K_ROTATED_%d", w.now().UnixMilli()+1) + " 2 ACTIVE, K 3 ACTIVE")
	w.must("ALTER USER LOADER REMOVE KEY PAIR " + old)
	w.advance(3 * time.Hour)
	w.hasNamed("K 3 ACTIVE")
}

// The old key has its 24 hours, but never more than it would have had.
func TestRotateShortlyBeforeTheEnd(t *testing.T) {
	w := withPairs(t)
	w.must("ALTER USER LOADER ADD KEY PAIR k PUBLIC_KEY='" + body(1) + "' DAYS_TO_EXPIRY=1")
	w.advance(14 * time.Hour)
	w.must("ALTER USER LOADER ROTATE KEY PAIR k PUBLIC_KEY='" + body(2) + "'")
	w.signsIn(1, true)
	w.advance(10 * time.Hour)
	w.signsIn(1, false)
	w.signsIn(2, true)
}

func TestKeyPairRefusals(t *testing.T) {
	w := withPairs(t)
	w.must("ALTER USER LOADER ADD KEY PAIR k PUBLIC_KEY='" + body(1) + "' DAYS_TO_EXPIRY=1")
	for sql, want := range map[string]string{
		"ADD KEY PAIR k PUBLIC_KEY='" + body(2) + "'":            "Object 'K' already exists.",
		"ADD KEY PAIR l PUBLIC_KEY='" + body(1) + "'":            "in use by another key pair",
		"ADD KEY PAIR l PUBLIC_KEY='" + body(0) + "'":            "in use by another key pair", // the slot's
		"ADD KEY PAIR public_key_1 PUBLIC_KEY='" + body(2) + "'": "reserved",
		"ADD KEY PAIR PUBLIC_KEY_2 PUBLIC_KEY='" + body(2) + "'": "reserved",
		"ADD KEY PAIR l":                "Missing option(s): [PUBLIC_KEY]",
		"ADD KEY PAIR l PUBLIC_KEY=''":  "Missing option(s): [PUBLIC_KEY]",
		"ADD KEY PAIR l PUBLIC_KEY='x'": "Invalid Public key",
		"ADD KEY PAIR l PUBLIC_KEY='" + body(2) + "' DAYS_TO_EXPIRY=0": "invalid value [0] for parameter 'DAYS_TO_EXPIRY'",
		"ADD KEY PAIR l PUBLIC_KEY='" + body(2) + "' COLOUR='red'":     "invalid property 'COLOUR' for 'KEY PAIR'",
		"ROTATE KEY PAIR l PUBLIC_KEY='" + body(2) + "'":               "002003 (02000): SQL compilation error:\nKey pair 'L' does not exist",
		"ROTATE KEY PAIR k": "Missing option(s): [PUBLIC_KEY]",
		"ROTATE KEY PAIR k PUBLIC_KEY='" + body(1) + "'":                                            "in use by another key pair",
		"ROTATE KEY PAIR public_key_1 PUBLIC_KEY='" + body(2) + "'":                                 "reserved",
		"ROTATE KEY PAIR k PUBLIC_KEY='" + body(2) + "' EXPIRE_ROTATED_KEY_PAIR_AFTER_HOURS=25":     "invalid value [25]", // it has 24 left
		"ROTATE KEY PAIR k PUBLIC_KEY='" + body(2) + "' EXPIRE_ROTATED_KEY_PAIR_AFTER_HOURS='soon'": "invalid value ['soon']",
		"REMOVE KEY PAIR l":                                  "002003",
		"REMOVE KEY PAIR public_key_1":                       "reserved",
		"MODIFY KEY PAIR k SET PUBLIC_KEY='" + body(2) + "'": "invalid property 'PUBLIC_KEY'",
		"MODIFY KEY PAIR k SET DISABLED=2":                   "invalid value [2]",
		"MODIFY KEY PAIR k RENAME TO k":                      "already exists",
		"MODIFY KEY PAIR k RENAME TO public_key_1":           "reserved",
	} {
		w.refuses("ALTER USER LOADER "+sql, want)
	}
	w.hasNamed("K 1 ACTIVE")

	// A key that went elsewhere while its pair was disabled does not come back.
	w.must("ALTER USER LOADER MODIFY KEY PAIR k SET DISABLED=TRUE; ALTER USER LOADER SET RSA_PUBLIC_KEY_2='" + body(1) + "'")
	w.refuses("ALTER USER LOADER MODIFY KEY PAIR k SET DISABLED=FALSE", "in use by another key pair")
}

// A user has ten pairs; one that was rotated out counts while it still signs in.
func TestTooManyKeyPairs(t *testing.T) {
	w := withPairs(t)
	add := func(name string, key int) string {
		return "ALTER USER LOADER ADD KEY PAIR " + name + " PUBLIC_KEY='" + body(key) + "'"
	}
	for i := range 9 { // disabled ones, so that a few keys are enough
		w.must(add(fmt.Sprintf("k%d", i), 1) + "; ALTER USER LOADER MODIFY KEY PAIR " + fmt.Sprintf("k%d", i) + " SET DISABLED=TRUE")
	}
	w.must(add("main", 1))
	w.refuses(add("one_more", 2), "maximum number of 10")
	w.refuses("ALTER USER LOADER ROTATE KEY PAIR main PUBLIC_KEY='"+body(2)+"'", "maximum number of 10")
	w.must("ALTER USER LOADER REMOVE KEY PAIR k0; ALTER USER LOADER ROTATE KEY PAIR main PUBLIC_KEY='" + body(2) + "'")
	w.refuses(add("one_more", 3), "maximum number of 10")
	w.advance(24 * time.Hour)
	w.must(add("one_more", 3))
	w.must("ALTER USER LOADER ROTATE KEY PAIR main PUBLIC_KEY='" + body(1) + "' EXPIRE_ROTATED_KEY_PAIR_AFTER_HOURS=0")
	// The one that was disabled at once does not count.
	w.must("ALTER USER LOADER REMOVE KEY PAIR k1; " + add("k1", 2))
}

// Statements that name no user are about the current one.
func TestOwnKeyPairs(t *testing.T) {
	w := withPairs(t)
	w.must("GRANT MODIFY PROGRAMMATIC AUTHENTICATION METHODS ON USER LOADER TO ROLE LOADING")
	s := w.session(w.loginByToken(w.token(0)))
	for _, sql := range []string{
		"ALTER USER ADD KEY PAIR k PUBLIC_KEY='" + body(1) + "'", "ALTER USER ROTATE KEY PAIR k PUBLIC_KEY='" + body(2) + "'",
		"ALTER USER MODIFY KEY PAIR k SET COMMENT='mine'", "SHOW USER KEY PAIRS", "ALTER USER REMOVE KEY PAIR k",
	} {
		if a := w.query(s.Token, sql); !a.Success {
			t.Errorf("%s: %s", sql, a.text)
		}
	}
	w.hasNamed(fmt.Sprintf("K_ROTATED_%d 1 ACTIVE", w.now().UnixMilli()))
}
