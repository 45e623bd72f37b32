package sms

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"safekeep/shared/problem"
)

func regions(t testing.TB, list string) Regions {
	t.Helper()
	r, err := ParseRegions(list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A number is what its digits say, however they are written.
func TestParseNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, regions, e164, region, hint string }{
		{"+16045550142", "US,CA", "+16045550142", "CA", "+1 … 42"},
		{"+12125550187", "US,CA", "+12125550187", "US", "+1 … 87"},
		{"+1 (604) 555-0142", "US,CA", "+16045550142", "CA", "+1 … 42"},
		{" +1.604.555.0142\n", "US,CA", "", "", ""}, // a line break is no part of a number
		{" +1.604.555.0142 ", "US,CA", "+16045550142", "CA", "+1 … 42"},
		{"\u202a+1\u00a0604\u2011555\u20110142\u202c", "US,CA", "+16045550142", "CA", "+1 … 42"}, // from an address book
		{"+12045550142", "CA", "+12045550142", "CA", "+1 … 42"},
		{"+15065550142", "CA", "+15065550142", "CA", "+1 … 42"},
		{"+44 (0)7400 123456", "GB", "+447400123456", "GB", "+44 … 56"},
		{"+4915112345678", "DE,US", "+4915112345678", "DE", "+49 … 78"},
		{"+18765550142", "US,JM", "+18765550142", "JM", "+1 … 42"},
		{"+17875550142", "PR", "+17875550142", "PR", "+1 … 42"},
	} {
		n, err := ParseNumber(c.text, regions(t, c.regions))
		if c.e164 == "" {
			if err == nil {
				t.Errorf("%q passes", c.text)
			}
			continue
		}
		if err != nil || n.Reveal() != c.e164 || n.Region() != c.region || n.Hint() != c.hint {
			t.Errorf("%q: %s %s %s, %v", c.text, n.Reveal(), n.Region(), n.Hint(), err)
		}
	}
}

// What is refused is refused for the reason that helps, without the number.
func TestParseNumberRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                      "is missing",
		"  ":                                    "is missing",
		"6045550142":                            "must begin with +",
		"0016045550142":                         "must begin with +",
		"(604) 555-0142":                        "must begin with +",
		"()":                                    "must begin with +",
		"+":                                     "is not a number that exists",
		"++16045550142":                         "may hold only",
		"+1604+5550142":                         "may hold only",
		"+16045550142 ext. 5":                   "may hold only",
		"+1-800-FLOWERS":                        "may hold only",
		"tel:+16045550142":                      "may hold only",
		"+١٦٠٤٥٥٥٠١٤٢":                          "may hold only", // digits, but of another script
		"+1604555\x000142":                      "may hold only",
		"+1604555\xff0142":                      "may hold only",
		"+1604555014234567":                     "is too long",
		"+" + strings.Repeat("1 ", 40):          "is too long",
		"+" + strings.Repeat("\u200b", 20) + "": "is not a number that exists",
		"+1604555014":                           "is not a number that exists",
		"+1604555014200":                        "is not a number that exists",
		"+15555550142":                          "is not a number that exists",
		"+10045550142":                          "is not a number that exists",
		"+1911":                                 "is not a number that exists",
		"+99916045550142":                       "is not a number that exists",
		"+18005550142":                          "is not a mobile number", // toll-free
		"+18885550142":                          "is not a mobile number",
		"+19005550142":                          "is not a mobile number", // premium
		"+15005550142":                          "is not a mobile number", // personal
		"+16005550142":                          "is not a mobile number", // Canada's non-geographic ones
		"+16225550142":                          "is not a mobile number",
		"+17875550142":                          "is not in a country", // Puerto Rico
		"+19395550142":                          "is not in a country",
		"+18765550142":                          "is not in a country", // Jamaica
		"+12423591234":                          "is not in a country", // Bahamas
		"+18095550142":                          "is not in a country", // Dominican Republic
		"+13405550142":                          "is not in a country", // US Virgin Islands
		"+16715550142":                          "is not in a country", // Guam
		"+447400123456":                         "is not in a country",
		"+33612345678":                          "is not in a country",
		"+80012345678":                          "is not in a country", // international freephone
		"+870773111632":                         "is not in a country", // satellite
	} {
		n, err := ParseNumber(text, regions(t, "US,CA"))
		p, ok := problem.Of(err)
		if !ok || p.Kind != problem.Unacceptable || p.Field != "phone" || !strings.Contains(p.Detail, want) || n.Reveal() != "" {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	// Elsewhere the digits do say what is a landline.
	if _, err := ParseNumber("+442079460000", regions(t, "GB")); !errors.Is(err, errKind) {
		t.Errorf("a landline: %v", err)
	}
	if _, err := ParseNumber("+16045550142", Regions{}); err == nil {
		t.Error("without regions a number passes")
	}
	if _, err := ParseNumber("+447400123456", regions(t, "US,CA,MX")); !strings.Contains(err.Error(), "give a mobile number of US, CA or MX") {
		t.Errorf("the regions are not said: %v", err)
	}
}

// Each region under +1 is told from the United States by the library's own
// example, so none slips in with them.
func TestNorthAmericanRegions(t *testing.T) {
	t.Parallel()
	us := regions(t, "US")
	all := phonenumbers.GetRegionCodesForCountryCode(1)
	if len(all) < 20 {
		t.Fatalf("%d regions", len(all))
	}
	for _, region := range all {
		example := phonenumbers.Format(phonenumbers.GetExampleNumberForType(region, phonenumbers.MOBILE), phonenumbers.E164)
		if _, err := ParseNumber(example, us); (err == nil) != (region == "US") {
			t.Errorf("%s of %s: %v", example, region, err)
		}
		if n, err := ParseNumber(example, regions(t, region)); err != nil || n.Region() != region {
			t.Errorf("%s of %s where that is allowed: %v", example, region, err)
		}
	}
}

// A number shows nowhere but its hint.
func TestNumberPrintsItsHint(t *testing.T) {
	t.Parallel()
	n, err := ParseNumber("+16045550142", regions(t, "CA"))
	if err != nil {
		t.Fatal(err)
	}
	around := struct{ inner Number }{n}
	public := struct{ Phone Number }{n}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("sent", "to", n, "public", public)
	slog.New(slog.NewTextHandler(&log, nil)).Info("sent", "to", n, "around", around)
	encoded, err := json.Marshal(public)
	if err != nil || string(encoded) != `{"Phone":"+1 … 42"}` {
		t.Errorf("%s, %v", encoded, err)
	}
	for _, printed := range append([]string{log.String(), string(encoded)}, prints(n, &n, around, &around, public, []Number{n}, map[string]Number{"a": n})...) {
		if strings.Contains(printed, "604") || strings.Contains(printed, "0142") {
			t.Errorf("%s", printed)
		}
	}
	if got := fmt.Sprintf("%v %s %q %#v %d", n, n, n, n, n); got != strings.TrimSpace(strings.Repeat("+1 … 42 ", 5)) {
		t.Error(got)
	}
	if got := fmt.Sprint(Number{}); got != "(no number)" {
		t.Error(got)
	}
}

// prints prints each value with every verb that people use.
func prints(values ...any) (all []string) {
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			all = append(all, fmt.Sprintf(verb, v))
		}
	}
	return all
}

func TestParseRegions(t *testing.T) {
	t.Parallel()
	if r := regions(t, " us, CA ,,US"); r.String() != "US or CA" || !r.Has("US") || !r.Has("CA") || r.Has("PR") {
		t.Error(r)
	}
	for _, bad := range []string{"", " , ", "USA", "XX", "001", "US;CA", "+1"} {
		if r, err := ParseRegions(bad); err == nil || len(r.codes) > 0 {
			t.Errorf("%q: %v", bad, r)
		}
	}
}

// Whatever is given: no panic, and what passes is E.164, of an allowed region,
// a number that texts reach, and reads the same again.
func FuzzParseNumber(f *testing.F) {
	for _, seed := range []string{
		"+16045550142", "+1 (604) 555-0142", "+18005550142", "+19005550142", "+17875550142", "+447400123456", "+4407400123456",
		"+39 02 1234567", "+5491123456789", "+", "+0", "+1", "+800 1234 5678", "+16045550142;ext=5", "tel:+1-604", "\u202a+1\u00a0604", "+\uff11",
	} {
		f.Add(seed, uint8(0))
		f.Add(seed, uint8(1))
	}
	lists := []Regions{regions(f, "US,CA"), regions(f, strings.Join(supported(), ",")), {}}
	f.Fuzz(func(t *testing.T, text string, list uint8) {
		allowed := lists[int(list)%len(lists)]
		n, err := ParseNumber(text, allowed)
		if err != nil {
			p, ok := problem.Of(err)
			if !ok || p.Field != "phone" || n.Reveal() != "" {
				t.Fatalf("%q: %v", text, err)
			}
			if digits := onlyDigits(text); len(digits) > 4 && strings.Contains(onlyDigits(strings.ReplaceAll(p.Detail, "+1 604 555 0142", "")), digits) {
				t.Errorf("%q is repeated: %v", text, err)
			}
			return
		}
		e164 := n.Reveal()
		if len(e164) < 5 || len(e164) > maxDigits+1 || e164[0] != '+' || e164[1] == '0' || strings.Trim(e164[1:], "0123456789") != "" {
			t.Fatalf("%q: %q", text, e164)
		}
		if !allowed.Has(n.Region()) || !strings.HasSuffix(n.Hint(), e164[len(e164)-2:]) {
			t.Errorf("%q: %s of %s", text, n.Hint(), n.Region())
		}
		again, err := ParseNumber(e164, allowed)
		if err != nil || again.Reveal() != e164 || again.Region() != n.Region() {
			t.Errorf("%q reads as %s and that as %s, %v", text, e164, again.Reveal(), err)
		}
		for _, printed := range prints(n, struct{ n Number }{n}) {
			if strings.Contains(printed, e164[1:]) {
				t.Errorf("%q is printed", text)
			}
		}
	})
}

func supported() (all []string) {
	for region := range phonenumbers.GetSupportedRegions() {
		all = append(all, region)
	}
	return all
}

func onlyDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

func BenchmarkParseNumber(b *testing.B) {
	allowed := regions(b, "US,CA")
	for b.Loop() {
		if _, err := ParseNumber("+1 (604) 555-0142", allowed); err != nil {
			b.Fatal(err)
		}
	}
}

// A number that is kept is read as it was given, wherever texts go by now; what
// cannot be one is an error that repeats nothing.
func TestKeptNumber(t *testing.T) {
	t.Parallel()
	given := number(t, phone)
	kept, err := KeptNumber(given.Reveal())
	if err != nil || kept.Reveal() != given.Reveal() || kept.Hint() != given.Hint() || kept.Region() != given.Region() {
		t.Errorf("%v of %s, %v", kept, kept.Region(), err)
	}
	if _, err := KeptNumber("604 555"); err == nil || strings.Contains(err.Error(), "604") {
		t.Error("what is no number is read, or repeated")
	}
}
