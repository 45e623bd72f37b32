package strength

// widest is the largest step of a sequence: "acegi" is one, with step 2.
const widest = 5

// sequences finds stretches whose characters rise or fall by the same step:
// "abcd", "9753", and in any script. Two characters make one if the step is 1.
func (a *analysis) sequences(t *text, found []pattern) []pattern {
	n := t.length()
	if n < 2 {
		return found
	}
	step := func(k int) int { return int(t.units[k]) - int(t.units[k-1]) }
	end := func(i, j, delta int) {
		size := max(delta, -delta)
		if size == 0 || size > widest || j-i < 2 && size != 1 {
			return
		}
		p := pattern{kind: run, i: i, j: j}
		found = append(found, p.settle(sequenceGuesses(t.units[i], delta > 0, p.length()), n))
	}
	i, last := 0, step(1)
	for k := 2; k < n; k++ {
		if delta := step(k); delta != last {
			end(i, k-1, last)
			i, last = k-1, delta
		}
	}
	end(i, n-1, last)
	return found
}

// sequenceGuesses counts the starts that are tried, fewer for the obvious ones,
// twice for a falling sequence because rising ones are tried as well.
func sequenceGuesses(first uint16, rising bool, length int) float64 {
	starts := 26
	switch {
	case first == 'a', first == 'A', first == 'z', first == 'Z', first == '0', first == '1', first == '9':
		starts = 4
	case '0' <= first && first <= '9':
		starts = 10
	}
	if !rising {
		starts *= 2
	}
	return float64(starts * length)
}
