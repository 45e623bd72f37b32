package strength

import (
	"testing"
	"unicode/utf16"

	"safekeep/shared/password/strength/strengthtest"
)

// The bounds of the work on a password of n UTF-16 units.
const (
	// A place is held against the words of the lists that may begin there. The
	// commonest beginning has 804 words, and no two places in a row have it.
	wordsPerPlace = 600
	// Ways to get to a place: by each pattern that ends there and by 60 stretches
	// of arbitrary characters.
	stepsPerPlace = 600
)

func checkEffort(t *testing.T, name, password string, work *effort) {
	t.Helper()
	n := len(utf16.Encode([]rune(password)))
	// What is repeated is searched too: at most half as long, and so on.
	if most := 2 * n * (wordsPerPlace + 2*MaxWords); work.words > most {
		t.Errorf("%s: %d words held against %d places, more than %d", name, work.words, n, most)
	}
	if most := n * n; work.repeats > most {
		t.Errorf("%s: %d pairs of characters compared, more than %d", name, work.repeats, most)
	}
	if most := 2 * n * stepsPerPlace; work.steps > most {
		t.Errorf("%s: %d steps over %d places, more than %d", name, work.steps, n, most)
	}
}

func TestEffortIsBounded(t *testing.T) {
	t.Parallel()
	m := NewMeter()
	for name, h := range strengthtest.Hostile() {
		_, work := m.estimate(h.Password, h.Inputs, vectorYear)
		checkEffort(t, name, h.Password, work)
	}
}

// TestEffortGrowsWithLength: of the parts that grow with length, twice the
// password is about twice the work.
func TestEffortGrowsWithLength(t *testing.T) {
	t.Parallel()
	m := NewMeter()
	for name, h := range strengthtest.Hostile() {
		all := []rune(h.Password)
		_, half := m.estimate(string(all[:len(all)/2]), h.Inputs, vectorYear)
		_, whole := m.estimate(h.Password, h.Inputs, vectorYear)
		if whole.words > 3*half.words+10_000 || whole.steps > 3*half.steps+10_000 || whole.repeats > 5*half.repeats {
			t.Errorf("%s: %+v for half of it, %+v for all", name, *half, *whole)
		}
	}
}
