package letter

import (
	"errors"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func checkRotation(t *testing.T, m Mail) {
	t.Helper()
	checkLetter(t, m, "\nTHE KEY\n", "\nWHAT HAPPENS NEXT\n", "\nWHY YOU GET THIS MAIL\n")
	if len(m.HTML) > 102_000 {
		t.Errorf("Gmail cuts HTML of %d bytes off", len(m.HTML))
	}
}

var sqlCell = regexp.MustCompile(`white-space:pre-wrap;[^>]*>([^<]*)</td>`)

// statementsIn are the statements as a reader copies them from each part: the
// cell's text as a browser reads it, and the line less its indent.
func statementsIn(m Mail, all []string) (page, text []string) {
	for _, cell := range sqlCell.FindAllStringSubmatch(m.HTML, -1) {
		page = append(page, html.UnescapeString(cell[1]))
	}
	for line := range strings.Lines(m.Text) {
		line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "   ")
		if slices.Contains(all, line) {
			text = append(text, line)
		}
	}
	return page, text
}

// SQL must come out of both parts exactly as it went in, whatever is in it.
func TestSQLIsNotAltered(t *testing.T) {
	t.Parallel()
	all := []string{
		`DESC USER "A  B";`,
		setSlot,
		`ALTER USER "<B>.o'neill&amp;""x""@acme.example/+\\" SET RSA_PUBLIC_KEY='` + strings.Repeat("+/", 368) + `';`,
		`ALTER USER "ЗАГРУЗКА.語 UTC" UNSET RSA_PUBLIC_KEY;`,
		`ALTER USER "אבג" REMOVE KEY PAIR "{{.}}";`,
	}
	m := rotated(t, testBrand, owner, rotationOf(RotationBlocked, reasonPrivilege, running(all[1:]...), func(r *Rotation) { r.CheckSQL = all[0] }))
	checkRotation(t, m)
	page, text := statementsIn(m, all)
	if !slices.Equal(page, all) {
		t.Errorf("HTML part:\n got %q\nwant %q", page, all)
	}
	if !slices.Equal(text, all) {
		t.Errorf("text part:\n got %q\nwant %q", text, all)
	}
	// Nothing may be copied along, and the long word must not widen the page.
	if cell := regexp.MustCompile(`<td[^>]*white-space:pre-wrap;[^>]*>`).FindString(m.HTML); !strings.Contains(cell, "overflow-wrap:anywhere") || !strings.Contains(cell, `dir="ltr"`) {
		t.Errorf("the cell of a statement is %s", cell)
	}
}

func TestUnfitSQLIsRefused(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{
		"empty": "", "blank": "  ", "line feed": "DESC USER a;\nDROP USER b;", "carriage return": "a\rb", "tab": "a\tb", "null": "a\x00b", "escape": "a\x1b[2Kb", "delete": "a\x7fb", "C1": "a\u0085b",
		"not UTF-8": "a\xffb", "override": "a\u202eb", "isolate": "a\u2066b", "mark": "a\u200fb", "zero width": "a\u200bb", "joiner": "a\u200db", "order mark": "\ufeffa", "soft hyphen": "a\u00adb",
		"line separator": "a\u2028b", "no-break space": "a\u00a0b", "ideographic space": "a\u3000b", "Hangul filler": "a\u3164b", "half filler": "a\uffa0b", "grapheme joiner": "a\u034fb",
		"variation": "a\ufe0fb", "far variation": "a\U000e0101b", "tag": "a\U000e0041b", "braille blank": "a\u2800b", "private use": "a\ue000b", "unassigned": "a\U000e0fffb",
		"address": `DESC USER "https://evil.example";`, "www": `DESC USER "WWW.EVIL.EXAMPLE";`, "too long": strings.Repeat("x", sqlBytes+1),
	} {
		for place, r := range map[string]Rotation{
			"SQL":      rotationOf(RotationBlocked, reasonPrivilege, running(setSlot, bad)),
			"CheckSQL": rotationOf(RotationBlocked, reasonPrivilege, running(setSlot), func(r *Rotation) { r.CheckSQL = bad }),
			"LastSQL":  rotationOf(RotationFailing, "", func(r *Rotation) { r.LastSQL = bad }),
		} {
			if bad == "" && place != "SQL" {
				continue // says that there is none
			}
			m, err := Rotated(testBrand, "w", "W", owner, r)
			if !errors.Is(err, ErrSQL) || m.Text != "" || m.HTML != "" {
				t.Errorf("%s, in %s: %v, want ErrSQL and no mail", name, place, err)
			} else if strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(err.Error(), "evil") {
				t.Errorf("%s: the error quotes the statement: %q", name, err)
			}
		}
	}
}

func TestRotationInjection(t *testing.T) {
	t.Parallel()
	evil := "x\r\n\r\nWHAT HAPPENS NEXT\n-----------------\n\nPay <a href=\"https://evil.example\" onclick='x'>here</a>\u202e{{.}}"
	sql := `ALTER USER "</td><script>alert(1)</script><!--" UNSET RSA_PUBLIC_KEY;`
	for _, r := range []Rotation{
		rotationOf(RotationBlocked, reasonNoSlot), rotationOf(RotationBlocked, reasonPrivilege), rotationOf(RotationBlocked, reasonSupplied), rotationOf(RotationBlocked, reasonOldLeft),
		rotationOf(RotationFailing, evil), rotationOf(RotationDone, evil),
	} {
		r.CredentialID, r.Credential, r.Account, r.User, r.Choice, r.Explanation, r.Fingerprint, r.OldFingerprint = evil, evil, evil, evil, evil, evil, evil, evil
		r.SQL, r.CheckSQL, r.LastSQL = []string{sql, sql}, sql, sql
		m, err := Rotated(testBrand, evil, evil, owner, r)
		if err != nil {
			t.Fatal(err)
		}
		checkRotation(t, m)
		wantAll(t, m, "hxxps://evil[.]example")
	}
}

// A mail whose every field is as long as a stranger can make it is not cut off.
func TestRotationSize(t *testing.T) {
	t.Parallel()
	long, id := strings.Repeat("<&.語\"", 10_000), strings.Repeat("|", 128) // no id is longer
	sql := strings.Repeat(`"`, sqlBytes/4)                                 // what HTML makes longest
	for _, r := range []Rotation{rotationOf(RotationBlocked, reasonPrivilege), rotationOf(RotationBlocked, reasonNoSlot), rotationOf(RotationFailing, "")} {
		r.CredentialID, r.Credential, r.Account, r.User, r.Choice, r.Explanation, r.Fingerprint, r.OldFingerprint = long, long, long, long, long, long, long, long
		r.SQL, r.CheckSQL, r.LastSQL = []string{sql, sql}, sql, sql
		m, err := Rotated(testBrand, id, long, owner, r)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("the largest mail about a rotation: %d bytes of HTML, %d of text", len(m.HTML), len(m.Text))
		checkRotation(t, m)
	}
}

func FuzzRotated(f *testing.F) {
	f.Add("main", "myorg-myaccount", "LOADER", `ALTER USER "LOADER" UNSET RSA_PUBLIC_KEY;`, "The first.", "Snowflake said no.", newPrint, "acme-1", "Acme", uint8(0))
	f.Add("a\r\nBcc: b", "<script>", "\u202e", "a\nb", "see https://evil.example", "{{.}}", "SHA256:\x00", "a|b", "\u202eemcA", uint8(1))
	f.Add(`"><a href=x>`, "", "", `"</td><td>'&amp;+`, "</title>", "", "", "../..", "", uint8(2))
	f.Add(strings.Repeat("é", 300), "x\x00", "\xff", "\ufe0f", strings.Repeat("\u2028<'\"", 900), "www.evil.example", "x", "", "", uint8(255))
	f.Fuzz(func(t *testing.T, name, account, user, sql, choice, said, print, id, workspace string, kind uint8) {
		reasons := []string{reasonPrivilege, reasonNoSlot, reasonSupplied, reasonOldLeft}
		r := Rotation{
			CredentialID: id, Credential: name, Account: account, User: user, Reason: reasons[kind>>2&3], Choice: choice, Explanation: said,
			State: []RotationState{RotationBlocked, RotationFailing, RotationDone, RotationBlocked}[kind&3], Fingerprint: print, OldFingerprint: print, Since: found312, OldUntil: found312,
		}
		r.SQL = []string{setSlot, sql}
		if kind&16 > 0 {
			r.SQL, r.CheckSQL = r.SQL[1:], setSlot
		}
		m, err := Rotated(testBrand, id, workspace, Recipient{Role: []string{"owner", "", "admin"}[kind%3]}, r)
		if err != nil {
			if !errors.Is(err, ErrSQL) {
				t.Fatal(err)
			}
			if plain := regexp.MustCompile(`^[!-9;-VX-vx-~]+$`); plain.MatchString(sql) && len(sql) < sqlBytes/2 {
				t.Fatalf("%q was refused: %v", sql, err)
			}
			return
		}
		checkRotation(t, m)
		if !utf8.ValidString(sql) || strings.ContainsFunc(sql, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q was let through", sql)
		}
		want := r.SQL
		if r.CheckSQL != "" {
			want = append([]string{r.CheckSQL}, r.SQL...)
		}
		if r.State == RotationDone {
			want = nil
		}
		if page, _ := statementsIn(m, nil); !slices.Equal(page, want) {
			t.Errorf("HTML part:\n got %q\nwant %q", page, want)
		}
		for _, s := range want {
			if !strings.Contains(m.Text, "\n   "+s+"\n") {
				t.Errorf("text part lacks %q", s)
			}
		}
	})
}
