package strength

import (
	"math"
	"slices"
)

// longestArbitrary is the longest stretch of arbitrary characters that is looked
// at, in units, and maxParts the most patterns in a row: more of either costs
// more than enough guesses.
const (
	longestArbitrary = 60
	maxParts         = 16
)

// perPart is how many guesses an attacker spends on passwords of fewer parts
// before trying those of one more.
const perPart = 10_000

// way is the cheapest way found to make up the password up to some place out
// of a certain number of patterns. It has no pointers, because there are many.
type way struct {
	total   float64 // guesses for all of it, 0 when there is no such way
	product float64 // of the guesses of its patterns
	last    int32   // the number of the last one, or arbitrarily
	from    int32   // where the last one begins
}

// arbitrarily stands for arbitrary characters among the numbers of patterns.
const arbitrarily = -1

// search fills, place by place, the cheapest ways to get there. They minimise
//
//	l! × Π guesses + 10,000^(l-1)
//
// over all rows of l patterns that cover the password without overlap: their
// orders, their guesses, and the shorter rows that are tried before.
type search struct {
	// ways holds for each place the ways that end there, by their number of
	// patterns less one.
	ways   [][maxParts]way
	effort *effort
}

// best returns the guesses of the cheapest way to make up a text of the given
// patterns, and that way.
func (a *analysis) best(t *text, found []pattern) (float64, []pattern) {
	n := t.length()
	if n == 0 {
		return 1, nil
	}
	s := &search{ways: make([][maxParts]way, n), effort: a.effort}
	ending := byEnd(found, n)
	for k := range n {
		for _, number := range ending[k] {
			s.extend(found[number].i, k, found[number].guesses, number)
		}
		for i := max(0, k-longestArbitrary+1); i <= k; i++ {
			s.extend(i, k, arbitraryGuesses(k-i+1), arbitrarily)
		}
	}
	return s.result(found)
}

// byEnd returns the numbers of the patterns that end at each place, by where
// they begin and then by kind.
func byEnd(found []pattern, n int) [][]int32 {
	counts := make([]int, n)
	for i := range found {
		counts[found[i].j]++
	}
	ending, room := make([][]int32, n), make([]int32, len(found))
	for k, count := range counts {
		ending[k], room = room[:0:count], room[count:]
	}
	for i := range found {
		j := found[i].j
		ending[j] = append(ending[j], int32(i))
	}
	for k := range ending {
		slices.SortStableFunc(ending[k], func(a, b int32) int {
			if by := found[a].i - found[b].i; by != 0 {
				return by
			}
			return int(found[a].kind - found[b].kind)
		})
	}
	return ending
}

// arbitraryGuesses is ten for each character: few, because many more are
// likely than could be. It is one more than a pattern there may take at least.
func arbitraryGuesses(length int) float64 {
	least := leastOfMore + 1.0
	if length == 1 {
		least = leastOfOne + 1
	}
	return math.Max(math.Pow10(length), least)
}

// extend puts one more pattern, or arbitrary characters, at the end of all ways
// that end where it begins.
func (s *search) extend(i, k int, guesses float64, number int32) {
	if i == 0 {
		s.update(k, 0, way{product: guesses, last: number})
		return
	}
	for l := range maxParts - 1 {
		before := &s.ways[i-1][l]
		// Two stretches of arbitrary characters in a row are one.
		if before.total == 0 || number == arbitrarily && before.last == arbitrarily {
			continue
		}
		s.update(k, l+1, way{product: before.product * guesses, last: number, from: int32(i)})
	}
}

// orders are the ways to order l+1 patterns, and shorter the guesses spent on
// rows of fewer.
var orders, shorter = func() (orders, shorter [maxParts]float64) {
	product := 1.0
	for l := range maxParts {
		product *= float64(l + 1)
		orders[l], shorter[l] = product, math.Pow(perPart, float64(l))
	}
	return orders, shorter
}()

// update keeps a way of l+1 patterns that ends at k unless one of as many or
// fewer is as cheap.
func (s *search) update(k, l int, w way) {
	s.effort.steps++
	w.total = orders[l]*w.product + shorter[l]
	if w.total > enough {
		return
	}
	for fewer := range l + 1 {
		if total := s.ways[k][fewer].total; total != 0 && total <= w.total {
			return
		}
	}
	s.ways[k][l] = w
}

// result reads off the cheapest way to the end, or that there is none within
// enough guesses.
func (s *search) result(found []pattern) (float64, []pattern) {
	end := len(s.ways) - 1
	parts := -1
	for l, w := range s.ways[end] {
		if w.total != 0 && (parts < 0 || w.total < s.ways[end][parts].total) {
			parts = l
		}
	}
	if parts < 0 {
		return enough, []pattern{{kind: arbitrary, j: end, guesses: enough}}
	}
	var sequence []pattern
	for k, l := end, parts; k >= 0; l-- {
		w := s.ways[k][l]
		p := pattern{kind: arbitrary, i: int(w.from), j: k}
		if w.last != arbitrarily {
			p = found[w.last]
		}
		sequence = append(sequence, p)
		k = int(w.from) - 1
	}
	slices.Reverse(sequence)
	return s.ways[end][parts].total, sequence
}
