package strength

import "math"

// repeats finds stretches in which something stands several times in a row,
// such as "aaa" or "abcabc", and weighs what is repeated as a password of its
// own. Upstream does it with two regular expressions that look back; here
// every distance between equal characters is gone through once.
func (a *analysis) repeats(t *text, found []pattern) []pattern {
	shortest, longest := a.squares(t)
	for i := 0; i < t.length(); {
		if shortest[i].period == 0 {
			i++
			continue
		}
		// "aabaab" is twice "aab" rather than twice "a"; "aaaaa" is five
		// times "a" rather than twice "aa".
		length, base := shortest[i].length(), shortest[i].period
		if most := longest[i].length(); most > length {
			length, base = most, smallest(t, i, most)
		}
		guesses, _ := a.weigh(t.part(i, i+base-1))
		p := pattern{kind: repetition, i: i, j: i + length - 1, base: base}
		found = append(found, p.settle(math.Min(guesses*float64(length/base), enough), t.length()))
		i += length
	}
	return found
}

// square is something that stands at least twice in a row.
type square struct {
	period int // its length
	run    int // how many characters equal those one period later
}

// length returns how many units the whole repetitions take.
func (s square) length() int { return (s.run/s.period + 1) * s.period }

// squares returns for every place the squares with the shortest and with the
// longest period that begin there.
func (a *analysis) squares(t *text) (shortest, longest []square) {
	n := t.length()
	shortest, longest = make([]square, n), make([]square, n)
	for period := 1; period <= n/2; period++ {
		run := 0
		for i := n - 1 - period; i >= 0; i-- {
			a.effort.repeats++
			run++
			if t.units[i] != t.units[i+period] || lineBreak(t.units[i]) {
				run = 0
			}
			if run < period {
				continue
			}
			if shortest[i].period == 0 {
				shortest[i] = square{period, run}
			}
			longest[i] = square{period, run}
		}
	}
	return shortest, longest
}

// lineBreak says whether a unit is one that the dot of a JavaScript regular
// expression does not stand for.
func lineBreak(u uint16) bool { return u == '\n' || u == '\r' || u == 0x2028 || u == 0x2029 }

// smallest returns the length of the shortest text that makes up a stretch by
// standing in it again and again.
func smallest(t *text, i, length int) int {
	token := t.units[i : i+length]
	for period := 1; ; period++ {
		if length%period == 0 && periodic(token, period) {
			return period
		}
	}
}

func periodic(token []uint16, period int) bool {
	for k := range len(token) - period {
		if token[k] != token[k+period] {
			return false
		}
	}
	return true
}
