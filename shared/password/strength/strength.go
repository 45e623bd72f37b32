// Package strength says how many guesses a password withstands, in the numbers
// and words of zxcvbn 4.4.2, and within a bounded time for any input.
//
// The word lists and the keyboards are those of trustelem/zxcvbn, a port of
// zxcvbn to Go. Of its code only what is exported and bounded can be used here:
// its one way to search a password tries every table of letter substitutions
// on every substring, so 32 characters can cost 50 ms and 500 half a minute.
// The search here looks for the same patterns, each with work that grows with
// the password's length, or for repeats with its square, and counts in UTF-16
// units as JavaScript does, so that "é" weighs the same on both sides.
//
// Source of the model: Wheeler, "zxcvbn: Low-Budget Password Strength
// Estimation", USENIX Security 2016, and the npm package zxcvbn 4.4.2.
package strength

import "sync"

// Estimate is what is known about one password.
type Estimate struct {
	// Guesses is how many tries an attacker who knows the patterns needs,
	// from 1 to 1e60, which stands for everything above it too.
	Guesses float64
	// Score sums that up: 0 too guessable, 1 very guessable, 2 somewhat
	// guessable, 3 safely unguessable, 4 very unguessable.
	Score int
	// CrackTime is how long those tries take at ten thousand a second, as
	// against a stolen table of slowly hashed passwords: "3 hours",
	// "centuries". It is upstream's offline_slow_hashing_1e4_per_second.
	CrackTime string
	// Warning says what is wrong with the password, or is empty.
	Warning string
	// Suggestions say how to make it better; there are none from score 3 on.
	Suggestions []string
}

// Meter estimates. It can be used by many at once.
type Meter struct{ tables func() *tables }

// tables are the word lists and the keyboards, in the form they are searched in.
type tables struct {
	words    *lexicon
	keyboard []layout
}

// NewMeter returns a meter that reads the word lists for the first estimate, which
// takes that one 2 ms longer, and not the start of a process that may first be
// asked something else.
func NewMeter() *Meter {
	return &Meter{sync.OnceValue(func() *tables { return &tables{newLexicon(), layouts()} })}
}

// Estimate judges a password of any length. Inputs are words that the user is
// known by, most telling first: they count as words that an attacker tries at
// once. Only the first MaxWords of them are looked at. Year is the current one:
// years near it are tried first.
func (m *Meter) Estimate(password string, inputs []string, year int) Estimate {
	e, _ := m.estimate(password, inputs, year)
	return e
}

func (m *Meter) estimate(password string, inputs []string, year int) (Estimate, *effort) {
	own := newOwnWords(inputs)
	a := &analysis{tables: m.tables(), own: own, year: year, effort: &effort{}}
	t := newText(password, own)
	guesses, sequence := a.weigh(t)
	e := Estimate{Guesses: guesses, Score: score(guesses), CrackTime: crackTime(guesses)}
	e.Warning, e.Suggestions = feedback(e.Score, sequence, t)
	return e, a.effort
}

// effort counts what a search did, so that a test can hold it against a bound
// without a clock.
type effort struct {
	words   int // words that were held against a place in the password
	repeats int // pairs of characters compared in search of repeats
	steps   int // ways of putting patterns together that were weighed
}

// analysis is the search through one password and the parts it repeats.
type analysis struct {
	*tables
	own    *ownWords
	year   int
	effort *effort
}

// weigh returns how many guesses a text takes and the patterns that make it so.
func (a *analysis) weigh(t *text) (float64, []pattern) {
	return a.best(t, a.patterns(t))
}

// patterns finds all patterns in a text.
func (a *analysis) patterns(t *text) []pattern {
	var found []pattern
	found = a.dictionary(t, found)
	found = a.spatial(t, found)
	found = a.repeats(t, found)
	found = a.sequences(t, found)
	found = a.years(t, found)
	return a.dates(t, found)
}

// score turns guesses into 0 to 4. The thresholds are where throttled online,
// open online, slow offline and fast offline attacks end; the 5 keeps a
// password that takes exactly that many on the lower side.
func score(guesses float64) int {
	const slack = 5
	for s, limit := range []float64{1e3, 1e6, 1e8, 1e10} {
		if guesses < limit+slack {
			return s
		}
	}
	return 4
}

// enough is the number of guesses beyond which a password is as good as any.
// What costs more is not told apart, which bounds the search: a stretch of more
// than 60 arbitrary characters need not be looked into.
const enough = 1e60
