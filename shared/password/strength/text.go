package strength

import (
	"unicode"
	"unicode/utf16"
)

// text is a password, or a part that it repeats, in UTF-16 units.
type text struct {
	units []uint16
	// lower holds the same units in lower case, one byte each: ASCII as it
	// is, a unit that one of the user's own words has as its code there, and
	// any other as foreign, which no word has.
	lower []byte
	// upTo counts the letters of ASCII in either case before each unit, so
	// that those of any stretch are a subtraction.
	upTo []letters
}

// letters counts letters.
type letters struct{ upper, lower int }

// foreign stands for a unit that is in none of the words.
const foreign = 0xff

// newText prepares a password. Case is folded rune by rune and only where the
// length in units stays, so that every place in lower is the same place in
// units. JavaScript makes two characters of "İ" and so misses the word in
// "İstanbul"; here it is found.
func newText(password string, own *ownWords) *text {
	t := &text{}
	for _, r := range password {
		at := len(t.units)
		t.units = utf16.AppendRune(t.units, r)
		folded := utf16.AppendRune(nil, unicode.ToLower(r))
		if len(folded) != len(t.units)-at {
			folded = t.units[at:]
		}
		for _, u := range folded {
			t.lower = append(t.lower, own.code(u))
		}
	}
	return t.counted()
}

func (t *text) length() int { return len(t.units) }

// part returns the units from i to j, both included.
func (t *text) part(i, j int) *text {
	p := &text{units: t.units[i : j+1], lower: t.lower[i : j+1]}
	return p.counted()
}

// token returns the characters from i to j, both included.
func (t *text) token(i, j int) string { return string(utf16.Decode(t.units[i : j+1])) }

// backwards returns the text from its end to its start.
func (t *text) backwards() *text {
	n := t.length()
	r := &text{units: make([]uint16, n), lower: make([]byte, n)}
	for i := range n {
		r.units[i], r.lower[i] = t.units[n-1-i], t.lower[n-1-i]
	}
	return r
}

func (t *text) counted() *text {
	t.upTo = make([]letters, len(t.units)+1)
	for i, u := range t.units {
		t.upTo[i+1] = t.upTo[i]
		switch {
		case isUpper(u):
			t.upTo[i+1].upper++
		case 'a' <= u && u <= 'z':
			t.upTo[i+1].lower++
		}
	}
	return t
}

// cases counts the letters of a pattern in either case.
func (t *text) cases(p pattern) (upper, lower int) {
	from, to := t.upTo[p.i], t.upTo[p.j+1]
	return to.upper - from.upper, to.lower - from.lower
}

func isUpper(u uint16) bool { return 'A' <= u && u <= 'Z' }

// digit says whether there is an ASCII digit at i.
func (t *text) digit(i int) bool { return t.units[i] >= '0' && t.units[i] <= '9' }

// number reads the units from i to before end, all digits, as a number.
func (t *text) number(i, end int) int {
	n := 0
	for ; i < end; i++ {
		n = 10*n + int(t.units[i]-'0')
	}
	return n
}
