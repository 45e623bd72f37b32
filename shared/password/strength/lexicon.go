package strength

import (
	"unicode"
	"unicode/utf16"

	"github.com/trustelem/zxcvbn/frequency"
)

// list names a word list.
type list uint8

const (
	passwords list = iota
	english
	femaleNames
	surnames
	television
	maleNames
	ownInputs
)

// lists are upstream's names of the lists, by which the library gives them out.
var lists = [...]string{
	passwords: "passwords", english: "english_wikipedia", femaleNames: "female_names",
	surnames: "surnames", television: "us_tv_and_film", maleNames: "male_names",
}

// listed is a word, the list it stands in and its rank there, from 1. No word
// stands in two lists.
type listed struct {
	text string
	rank int32
	list list
}

// lexicon finds the words that may begin at a place by their first three
// letters: some 94,000 words begin in 6,300 ways, the commonest with 804 words.
// It is made whenever a process starts, so it is small: a word is named by its
// list and its place there.
type lexicon struct {
	lists   [len(lists)][]string // the words by rank, from 0
	letters int                  // how many different characters words begin with, and one for "none"
	letter  [256]uint16          // the number of a character, 0 when no word begins with it
	starts  []uint32             // where the words of a beginning start, by its number
	words   []uint32             // the list in the highest byte, the place below it
}

// placeBits leave room for lists of 16 million words; the longest has 30,000.
const placeBits = 24

// word returns the word of that name.
func (l *lexicon) word(name uint32) listed {
	from, at := list(name>>placeBits), name&(1<<placeBits-1)
	return listed{l.lists[from][at], int32(at + 1), from}
}

func newLexicon() *lexicon {
	l := &lexicon{letters: 1, starts: make([]uint32, alphabet*alphabet*alphabet+1)}
	count := 0
	for from, name := range lists {
		l.lists[from] = frequency.FrequencyLists[name] // none for the user's own words
		count += len(l.lists[from])
	}
	// The words themselves are read once, which is most of the time that it takes:
	// they are counted by their beginning, then put where the count says.
	beginnings := make([]uint32, 0, count)
	for _, words := range l.lists {
		for _, w := range words {
			start := l.startOf(w)
			beginnings = append(beginnings, uint32(start))
			l.starts[start+1]++
		}
	}
	for i := 1; i < len(l.starts); i++ {
		l.starts[i] += l.starts[i-1]
	}
	l.words = make([]uint32, count)
	next, at := append([]uint32(nil), l.starts...), 0
	for from, words := range l.lists {
		for i := range words {
			start := beginnings[at]
			l.words[next[start]] = uint32(from)<<placeBits | uint32(i)
			next[start]++
			at++
		}
	}
	return l
}

// alphabet is more than the characters that the lists' words begin with, and one
// for "none".
const alphabet = 64

// leading is how many letters make a beginning.
const leading = 3

// startOf numbers the first three letters of a word; one of fewer letters has
// a number of its own. Characters are numbered as they come.
func (l *lexicon) startOf(w string) int {
	var c [leading]uint16
	for i := range min(len(w), leading) {
		if l.letter[w[i]] == 0 {
			l.letter[w[i]] = uint16(l.letters)
			l.letters++
		}
		c[i] = l.letter[w[i]]
	}
	return l.start(c[0], c[1], c[2])
}

func (l *lexicon) start(a, b, c uint16) int {
	return (int(a)*alphabet+int(b))*alphabet + int(c)
}

// under returns the names of the words that begin so.
func (l *lexicon) under(start int) []uint32 { return l.words[l.starts[start]:l.starts[start+1]] }

// What is looked for of the user's own words: so many, each of so many UTF-16
// units. The lists' longest word has 23.
const (
	MaxWords    = 40
	longestWord = 64
)

// ownWords are the words a user is known by, in lower case. Their characters
// beyond ASCII get codes of one byte, so that a word is compared byte by byte.
type ownWords struct {
	words []listed
	codes map[uint16]byte
}

func newOwnWords(inputs []string) *ownWords {
	own := &ownWords{codes: map[uint16]byte{}}
	seen := map[string]bool{}
	for i, input := range inputs {
		coded, ok := own.encode(input)
		if !ok || coded == "" || seen[coded] {
			continue
		}
		seen[coded] = true
		own.words = append(own.words, listed{coded, int32(i + 1), ownInputs})
		if len(own.words) == MaxWords {
			break
		}
	}
	return own
}

// encode writes a word in codes. There are 127 for characters beyond ASCII; a
// word that would need more is left out.
func (o *ownWords) encode(input string) (string, bool) {
	var coded []byte
	for _, r := range input {
		for _, u := range utf16.AppendRune(nil, unicode.ToLower(r)) {
			if u >= 0x80 && o.codes[u] == 0 {
				if len(o.codes) == foreign-0x80 {
					return "", false
				}
				o.codes[u] = byte(0x80 + len(o.codes))
			}
			coded = append(coded, o.code(u))
		}
	}
	return string(coded), len(coded) <= longestWord
}

// code returns the byte that stands for a unit.
func (o *ownWords) code(u uint16) byte {
	if u < 0x80 {
		return byte(u)
	}
	if c, known := o.codes[u]; known {
		return c
	}
	return foreign
}
