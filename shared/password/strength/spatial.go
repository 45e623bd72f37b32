package strength

import (
	"strings"

	"github.com/trustelem/zxcvbn/adjacency"
)

// layout is a keyboard: which keys lie around each, each direction with the
// characters of the key there, plain and shifted.
type layout struct {
	around [128][]string
	shifts bool // whether a first character may be shifted
	// What walks over it are counted by. Upstream counts dvorak as qwerty and
	// both number pads alike.
	keys, degree float64
}

func layouts() []layout {
	all := make([]layout, 0, 4)
	for _, k := range []struct {
		name, like string
		shifts     bool
	}{{"qwerty", "qwerty", true}, {"dvorak", "qwerty", true}, {"keypad", "keypad", false}, {"mac_keypad", "keypad", false}} {
		like := adjacency.Graphs[k.like]
		l := layout{shifts: k.shifts, keys: float64(len(like.Graph)), degree: like.AverageDegree}
		for key, around := range adjacency.Graphs[k.name].Graph {
			l.around[key[0]] = around
		}
		all = append(all, l)
	}
	return all
}

// shiftedCharacters are those that take the shift key on the letter keyboards.
const shiftedCharacters = `~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?`

// spatial finds walks of three keys and more over neighbouring keys.
func (a *analysis) spatial(t *text, found []pattern) []pattern {
	for k := range a.keyboard {
		l := &a.keyboard[k]
		for i := 0; i < t.length()-1; {
			j, turns, shifted := l.walk(t, i)
			if length := j - i; length > 2 {
				guesses := l.walks(length, turns)
				switch {
				case shifted == length:
					guesses *= 2
				case shifted > 0:
					guesses *= choices(length, min(shifted, length-shifted))
				}
				p := pattern{kind: keyboardWalk, i: i, j: j - 1, turns: turns}
				found = append(found, p.settle(guesses, t.length()))
			}
			i = j
		}
	}
	return found
}

// walk follows neighbouring keys from i on. It returns the place after the
// last, how often the direction was new, and how many characters are shifted.
func (l *layout) walk(t *text, i int) (end, turns, shifted int) {
	if u := t.units[i]; l.shifts && u < 0x80 && strings.IndexByte(shiftedCharacters, byte(u)) >= 0 {
		shifted = 1
	}
	last := -1
	for j := i + 1; ; j++ {
		if j == t.length() {
			return j, turns, shifted
		}
		direction, shift := l.step(t.units[j-1], t.units[j])
		if direction < 0 {
			return j, turns, shifted
		}
		if direction != last {
			turns, last = turns+1, direction
		}
		if shift {
			shifted++
		}
	}
}

// step returns in which direction one character lies from another, or -1.
func (l *layout) step(from, to uint16) (direction int, shift bool) {
	if from >= 0x80 || to >= 0x80 {
		return -1, false
	}
	for d, key := range l.around[from] {
		if at := strings.IndexByte(key, byte(to)); at >= 0 {
			return d, at == 1
		}
	}
	return -1, false
}
