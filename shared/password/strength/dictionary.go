package strength

// dictionary finds the words of all lists: as they are, backwards, and with
// other characters for some letters.
func (a *analysis) dictionary(t *text, found []pattern) []pattern {
	n := t.length()
	a.spell(t, newLeet(t), func(i int, w listed, r *reading) {
		p := newWord(i, w)
		guesses := float64(w.rank) * capitals(t, p)
		if r != nil {
			if p.length() == 1 {
				return // every "4" would be an "a"
			}
			p.kind = substitutedWord
			guesses *= substitutions(t, p, r)
		}
		found = append(found, p.settle(guesses, n))
	})
	a.spell(t.backwards(), nil, func(i int, w listed, _ *reading) {
		p := newWord(n-i-len(w.text), w)
		if string(t.lower[p.i:p.j+1]) == w.text {
			return // the same either way, and found already
		}
		p.kind = reversedWord
		found = append(found, p.settle(float64(w.rank)*capitals(t, p)*2, n))
	})
	return found
}

func newWord(i int, w listed) pattern {
	return pattern{kind: listedWord, i: i, j: i + len(w.text) - 1, list: w.list, rank: int(w.rank)}
}

// spell calls yield with every word at every place. A reading is given where
// the word is there only if some characters are read as letters; it is good
// until yield returns. Without a leet no character is.
func (a *analysis) spell(t *text, l *leet, yield func(i int, w listed, r *reading)) {
	s := &speller{analysis: a, text: t, leet: l, yield: yield}
	for i := range t.lower {
		s.begin(i)
		for _, w := range a.own.words {
			s.try(i, w)
		}
	}
}

// speller is the work of spell.
type speller struct {
	*analysis
	text  *text
	leet  *leet
	yield func(i int, w listed, r *reading)
	read  reading
}

// begin tries the words of the lists that may stand at i, by every way to read
// the first three characters there.
func (s *speller) begin(i int) {
	words := s.words
	s.letters(i, func(first uint16) {
		s.all(i, words.start(first, 0, 0))
		s.letters(i+1, func(second uint16) {
			s.all(i, words.start(first, second, 0))
			s.letters(i+2, func(third uint16) {
				s.all(i, words.start(first, second, third))
			})
		})
	})
}

// letters calls yield with the number of each letter that the character at i
// may be, in the lists' numbers.
func (s *speller) letters(i int, yield func(letter uint16)) {
	if i >= len(s.text.lower) {
		return
	}
	c := s.text.lower[i]
	if n := s.words.letter[c]; n != 0 {
		yield(n)
	}
	if s.leet == nil {
		return
	}
	for k := range len(readings[c]) {
		yield(s.words.letter[readings[c][k]])
	}
}

func (s *speller) all(i, start int) {
	for _, name := range s.words.under(start) {
		s.try(i, s.words.word(name))
	}
}

// try yields a word if it stands at i.
func (s *speller) try(i int, w listed) {
	s.effort.words++
	if len(w.text) > len(s.text.lower)-i {
		return
	}
	here := s.text.lower[i : i+len(w.text)]
	if string(here) == w.text {
		s.yield(i, w, nil)
		return
	}
	if s.leet != nil && s.readAs(here, w.text) && s.leet.reads(&s.read) {
		s.yield(i, w, &s.read)
	}
	for _, c := range here {
		s.read[c] = 0
	}
}

// readAs sets how characters must be read to be a word, and says whether they
// can: each in one way wherever it stands.
func (s *speller) readAs(here []byte, text string) bool {
	for d, c := range here {
		as := text[d]
		if c != as && !standsFor(c, as) || s.read[c] != 0 && s.read[c] != as {
			return false
		}
		s.read[c] = as
	}
	return true
}

func standsFor(c, letter byte) bool {
	for k := range len(readings[c]) {
		if readings[c][k] == letter {
			return true
		}
	}
	return false
}
