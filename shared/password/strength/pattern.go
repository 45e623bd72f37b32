package strength

import "math"

// kind says what sort of pattern was found. Where two fit equally well, the one
// that stands first here explains the password, as it does upstream.
type kind int

const (
	arbitrary kind = iota // no pattern: every character is guessed
	listedWord
	reversedWord
	substitutedWord // written with other characters for some letters
	keyboardWalk
	repetition
	run // characters that rise or fall by one step
	recentYear
	calendarDate
)

// pattern is a stretch of a password that can be guessed at once.
type pattern struct {
	kind kind
	i, j int // its first and last unit
	// guesses is how many tries it takes, 1 or more.
	guesses float64

	list  list // of a word: where it stands
	rank  int  // and at which place there, from 1
	turns int  // of a keyboard pattern
	base  int  // units in what a repeat repeats
}

func (p pattern) length() int { return p.j - p.i + 1 }

// The least that a part of a longer password takes: nobody tries only one
// character, or only two, in its place.
const (
	leastOfOne  = 10
	leastOfMore = 50
)

// settle gives a pattern its guesses, no fewer than the least for a part of a
// password of n units.
func (p pattern) settle(guesses float64, n int) pattern {
	least := 1.0
	switch {
	case p.length() == n:
	case p.length() == 1:
		least = leastOfOne
	default:
		least = leastOfMore
	}
	p.guesses = math.Max(guesses, least)
	return p
}
