package strength

import "math"

// capitals returns in how many ways a word's letters may be in upper case, with
// as many capitals as it has or fewer. One at either end, or only capitals, are
// what people do, and count as two ways.
func capitals(t *text, p pattern) float64 {
	upper, lower := t.cases(p)
	atEnd := isUpper(t.units[p.i]) || isUpper(t.units[p.j])
	switch {
	case upper == 0:
		return 1
	case lower == 0, upper == 1 && atEnd:
		return 2
	}
	return choices(upper+lower, min(upper, lower))
}

// substitutions returns in how many ways a word's letters may be written with
// the characters that it was read with.
func substitutions(t *text, p pattern, r *reading) float64 {
	ways := 1.0
	token := t.lower[p.i : p.j+1]
	for at, c := range token {
		letter := r[c]
		if letter == c || contains(token[:at], c) {
			continue // stands for itself, or was counted already
		}
		with, without := count(token, c), count(token, letter)
		if without == 0 {
			ways *= 2 // all of them or none
		} else {
			ways *= choices(with+without, min(with, without))
		}
	}
	return ways
}

func count(token []byte, c byte) (n int) {
	for _, b := range token {
		if b == c {
			n++
		}
	}
	return n
}

func contains(token []byte, c byte) bool { return count(token, c) > 0 }

// choices returns how many ways there are to choose 1 to k of n, k at most half
// of n. For the lengths of words they are counted once.
func choices(n, k int) float64 {
	if n <= longestWord {
		return choicesOfWords[n][k]
	}
	return countChoices(n, k)
}

var choicesOfWords = func() (table [longestWord + 1][longestWord/2 + 1]float64) {
	for n := range table {
		for k := 0; k <= n/2; k++ {
			table[n][k] = countChoices(n, k)
		}
	}
	return table
}()

func countChoices(n, k int) float64 {
	sum, ways := 0.0, 1.0
	for d := 1; d <= k; d++ {
		ways = ways * float64(n-d+1) / float64(d)
		sum += ways
	}
	return sum
}

// walks returns how many ways there are to walk over keys of a keyboard in at
// most so many steps and turns, from any key.
func (l *layout) walks(length, turns int) float64 {
	sum := 0.0
	for i := 2; i <= length && sum < enough; i++ {
		ways := 1.0
		for j := 1; j <= min(turns, i-1); j++ {
			if j > 1 {
				ways = ways * float64(i-j+1) / float64(j-1)
			}
			sum += ways * l.keys * math.Pow(l.degree, float64(j))
		}
	}
	return sum
}

// nearYears is the least number of years that are tried.
const nearYears = 20

// away returns how many years must be tried to come to y.
func (a *analysis) away(y int) float64 {
	return float64(max(y-a.year, a.year-y, nearYears))
}
