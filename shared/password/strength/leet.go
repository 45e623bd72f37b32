package strength

import "slices"

// substitutes lists the characters that people write for letters. Upstream goes
// through every way of reading all of them in a password at once, which can be
// thousands. Here a word is found first, and then it is asked whether one of
// those ways reads it: for a letter that shares its characters with no other
// that is a matter of that letter, and the three that do share, i, l and t, have
// at most readings of their own.
var substitutes = [...]struct {
	letter     byte
	characters string
}{
	{'a', "4@"}, {'b', "8"}, {'c', "({[<"}, {'e', "3"}, {'g', "69"}, {'o', "0"}, {'s', "$5"}, {'x', "%"}, {'z', "2"},
}

var sharing = [...]struct {
	letter     byte
	characters string
}{
	{'i', "1!|"}, {'l', "1|7"}, {'t', "+7"},
}

// shared are the characters of the letters that share.
const shared = "1!|7+"

// readings says for every character which letters it may stand for.
var readings = func() (r [256]string) {
	for _, s := range substitutes {
		for i := range len(s.characters) {
			r[s.characters[i]] += string(s.letter)
		}
	}
	for _, s := range sharing {
		for i := range len(s.characters) {
			r[s.characters[i]] += string(s.letter)
		}
	}
	return r
}()

// leet says how the characters of one password can be read.
type leet struct {
	present [256]bool
	// ways are the ways to read the shared characters together: for each of
	// them its letter, or 0 where it stands for itself.
	ways [][len(shared)]byte
}

// newLeet returns nil for a text without any such character.
func newLeet(t *text) *leet {
	l := &leet{}
	some := false
	for _, c := range t.lower {
		l.present[c] = true
		some = some || readings[c] != ""
	}
	if !some {
		return nil
	}
	// Each letter in turn takes one of its characters. Where another letter
	// has it already, there is one way in which it keeps it and one in which
	// it loses it. That a letter may thus end up without one is upstream's.
	l.ways = [][len(shared)]byte{{}}
	for _, s := range sharing {
		var next [][len(shared)]byte
		for at := range len(shared) {
			if !l.present[shared[at]] || !slices.Contains([]byte(s.characters), shared[at]) {
				continue
			}
			for _, way := range l.ways {
				if way[at] != 0 && !slices.Contains(next, way) {
					next = append(next, way)
				}
				way[at] = s.letter
				if !slices.Contains(next, way) {
					next = append(next, way)
				}
			}
		}
		if next != nil {
			l.ways = next
		}
	}
	return l
}

// reading is how the characters of one token are read: for each the letter that
// it stands for, itself, or 0 where the token does not have it.
type reading [256]byte

// reads says whether one way to read the whole password reads a token so.
func (l *leet) reads(r *reading) bool {
	for _, s := range substitutes {
		there, used, free := 0, 0, 0
		for i := range len(s.characters) {
			c := s.characters[i]
			if !l.present[c] {
				continue
			}
			there++
			switch r[c] {
			case s.letter:
				used++
			case 0:
				free++
			}
		}
		// Exactly one of the characters that the password has stands for the
		// letter: the one of this token, or one elsewhere.
		if there > 0 && (used > 1 || used == 0 && free == 0) {
			return false
		}
	}
	return slices.ContainsFunc(l.ways, func(way [len(shared)]byte) bool {
		for at := range len(shared) {
			c := shared[at]
			if r[c] == 0 {
				continue
			}
			if literal := r[c] == c; literal != (way[at] == 0) || !literal && r[c] != way[at] {
				return false
			}
		}
		return true
	})
}
