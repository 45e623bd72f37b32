package snowflake_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"safekeep/shared/snowflake"
	"safekeep/shared/snowflake/snowflaketest"
)

// Whatever a user is called, each statement is one statement about that user: it
// changes nothing of anybody else's, and nothing else of theirs.
func FuzzStatements(f *testing.F) {
	for _, name := range []string{
		"LOADER", "Loader", "loader@acme.example", `a"b`, `"`, `""`, `"; DROP USER VICTIM; --`, `x" SET RSA_PUBLIC_KEY='AAAA'; ALTER USER "VICTIM`,
		`\`, `\"; DROP USER VICTIM; --`, "a\nb", "/* */", "--", "'", `\'`, "ü", "VICTIM ", "IF EXISTS VICTIM", "\u202evictim",
	} {
		f.Add(name, "PAIR")
		f.Add("LOADER", name)
	}
	key, next := newFuzzKey(f), newFuzzKey(f)
	f.Fuzz(func(t *testing.T, name, pair string) {
		// What the settings and we let through: 1 to 255 characters of UTF-8.
		if name == "" || pair == "" || !utf8.ValidString(name+pair) || utf8.RuneCountInString(name) > 255 || utf8.RuneCountInString(pair) > 255 || strings.ContainsRune(name+pair, 0) {
			t.Skip()
		}
		if name == "VICTIM" || strings.EqualFold(pair, "PUBLIC_KEY_1") || strings.EqualFold(pair, "PUBLIC_KEY_2") {
			t.Skip()
		}
		account := snowflaketest.New().Account("a-b")
		account.SetNamedKeyPairs(true)
		if _, err := account.Exec(`CREATE USER VICTIM RSA_PUBLIC_KEY='` + snowflake.PublicKeyBody(key) + `'; CREATE USER ` + snowflake.Identifier(name)); err != nil {
			t.Fatalf("making user %q: %v", name, err)
		}
		want := snowflake.Fingerprint(next)
		for _, step := range []struct {
			sql  string
			done func(snowflaketest.Keys) bool
		}{
			{snowflake.DescribeUser(name), func(snowflaketest.Keys) bool { return true }},
			{snowflake.SetPublicKey(name, snowflake.Slot1, next), func(k snowflaketest.Keys) bool { return k.Slot1 == want && k.Slot2 == "" }},
			{snowflake.UnsetPublicKey(name, snowflake.Slot1), func(k snowflaketest.Keys) bool { return k.Slot1 == "" }},
			{snowflake.AddKeyPair(name, pair, next), func(k snowflaketest.Keys) bool {
				return len(k.Named) == 1 && k.Named[0].Name == pair && k.Named[0].Fingerprint == want
			}},
			{snowflake.ShowKeyPairs(name), func(snowflaketest.Keys) bool { return true }},
			{snowflake.RemoveKeyPair(name, pair), func(k snowflaketest.Keys) bool { return len(k.Named) == 0 }},
		} {
			if _, err := account.Exec(step.sql); err != nil {
				t.Fatalf("%s: %v", step.sql, err)
			}
			if keys := account.Keys(name); !step.done(keys) {
				t.Fatalf("after %s: %+v", step.sql, keys)
			}
			if victim := account.Keys("VICTIM"); victim.Slot1 != snowflake.Fingerprint(key) || victim.Slot2 != "" || len(victim.Named) != 0 {
				t.Fatalf("after %s the other user has %+v", step.sql, victim)
			}
		}
	})
}
