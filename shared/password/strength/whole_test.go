package strength

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestTheWholePasswordCounts: what comes late counts as what comes early.
func TestTheWholePasswordCounts(t *testing.T) {
	t.Parallel()
	m := NewMeter()
	const random = "Xq7#vL9w@Tz2mKp4RbN8"
	weak := strings.Repeat("a", 300)
	for name, c := range map[string]struct {
		password string
		least    int
		most     int
	}{
		"only weak":                {weak, 0, 1},
		"only weak, long":          {strings.Repeat("a", 1024), 0, 1},
		"weak, then random":        {weak + random, 4, 4},
		"random, then weak":        {random + weak, 4, 4},
		"random in the middle":     {weak + random + weak, 4, 4},
		"a word again and again":   {strings.Repeat("password", 128), 0, 1},
		"rows of keys":             {strings.Repeat("qwertyuiop", 100), 0, 1},
		"a date again and again":   {strings.Repeat("01.01.1990", 100), 0, 2},
		"a passphrase":             {"correct horse battery staple", 4, 4},
		"two weak parts":           {strings.Repeat("a", 40) + strings.Repeat("b", 40), 0, 1},
		"a long phrase, once more": {strings.Repeat("correct horse battery staple ", 2), 4, 4},
	} {
		if e := m.Estimate(c.password, nil, vectorYear); e.Score < c.least || e.Score > c.most {
			t.Errorf("%s: score %d, want %d to %d", name, e.Score, c.least, c.most)
		}
	}
}

// TestATailOnlyAdds: random characters after any beginning make it no weaker
// than they are.
func TestATailOnlyAdds(t *testing.T) {
	t.Parallel()
	m := NewMeter()
	random := rand.New(rand.NewPCG(3, 4))
	all := vectors(t, "testdata/zxcvbn-4.4.2.json")
	for range 300 {
		beginning := all[random.IntN(len(all))].Password
		var tail strings.Builder
		for range 8 {
			tail.WriteByte("bdfhjkmnpqrtvwxz"[random.IntN(16)])
		}
		// A separator, so that no word lies across.
		before := m.Estimate(beginning+"~", nil, vectorYear)
		after := m.Estimate(beginning+"~"+tail.String(), nil, vectorYear)
		if after.Guesses < before.Guesses {
			t.Errorf("%q alone: %g guesses, with %q: %g", beginning, before.Guesses, tail.String(), after.Guesses)
		}
	}
}

func TestOwnWords(t *testing.T) {
	t.Parallel()
	m := NewMeter()
	for _, c := range []struct {
		password string
		inputs   []string
		without  int
		with     int
	}{
		{"Initech2019", []string{"initech", "milton"}, 3, 1},
		{"1n1tech2019", []string{"initech"}, 3, 1},
		{"hcetinI2019", []string{"Initech"}, 3, 1},
		{"Müllermeier", []string{"MÜLLERMEIER"}, 3, 0},
		{"密码学会研究所", []string{"密码学会研究所"}, 2, 0},
	} {
		without, with := m.Estimate(c.password, nil, vectorYear), m.Estimate(c.password, c.inputs, vectorYear)
		if without.Score != c.without || with.Score != c.with {
			t.Errorf("%s: score %d, and %d with %q; want %d and %d", c.password, without.Score, with.Score, c.inputs, c.without, c.with)
		}
	}
}

func TestCrackTime(t *testing.T) {
	t.Parallel()
	for guesses, want := range map[float64]string{
		1: "less than a second", 9_999: "less than a second", 10_000: "1 second", 14_999: "1 second", 15_000: "2 seconds",
		597_000: "60 seconds", 600_000: "1 minute", 36e6: "1 hour", 72e6: "2 hours", 864e6: "1 day", 26.784e9: "1 month",
		321.408e9: "1 year", 32.0e12: "100 years", 32.2e12: "centuries", enough: "centuries",
	} {
		if got := crackTime(guesses); got != want {
			t.Errorf("%g guesses: %q, want %q", guesses, got, want)
		}
	}
}

// TestManyAtOnce: a meter has no state of its own.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	m := NewMeter()
	want := m.Estimate("p4ssw0rd", nil, vectorYear)
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for range 50 {
				m.Estimate("Initech2019", []string{"initech"}, vectorYear)
				if got := m.Estimate("p4ssw0rd", nil, vectorYear); got.Guesses != want.Guesses {
					t.Fatalf("%g guesses, then %g", want.Guesses, got.Guesses)
				}
			}
		})
	}
}

func FuzzEstimate(f *testing.F) {
	for _, seed := range []string{"", "a", "p@ssword", "密码密码", "\xff\xfe", "1/1/91", "👩\u200d🚀👩\u200d🚀", "aabaabaab", "\u2028\u2028", "|1!7+7"} {
		f.Add(seed, "acme")
	}
	m := NewMeter()
	f.Fuzz(func(t *testing.T, password, input string) {
		e, work := m.estimate(password, []string{input, password + "x"}, vectorYear)
		if !(e.Guesses >= 1 && e.Guesses <= enough) || e.Score != score(e.Guesses) || e.CrackTime == "" {
			t.Errorf("%+v", e)
		}
		if e.Suggestions == nil || (len(e.Suggestions) == 0) != (e.Score > 2) {
			t.Errorf("score %d with suggestions %q", e.Score, e.Suggestions)
		}
		checkEffort(t, "fuzzed", password, work)
	})
}
