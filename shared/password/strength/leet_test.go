package strength

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// enumerate goes through every way of reading a set of characters, as upstream
// does: the slow way that this package does without.
func enumerate(present string) []map[byte]byte {
	ways := []map[byte]byte{{}}
	for _, letter := range []byte("abcegilostxz") {
		var next []map[byte]byte
		add := func(way map[byte]byte) {
			if !slices.ContainsFunc(next, func(w map[byte]byte) bool { return maps.Equal(w, way) }) {
				next = append(next, way)
			}
		}
		for i := range len(present) {
			c := present[i]
			if !standsFor(c, letter) {
				continue
			}
			for _, way := range ways {
				with := maps.Clone(way)
				with[c] = letter
				if _, taken := way[c]; taken {
					add(way)
				}
				add(with)
			}
		}
		if next != nil {
			ways = next
		}
	}
	return ways
}

const substituteCharacters = "4@8({[<369" + "01!|7$5+%2"

// TestReadings holds what is said of a token against the enumeration.
func TestReadings(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	pick := func(from string, n int) string {
		letters := []byte(from)
		random.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
		return string(letters[:n])
	}
	yes, no := 0, 0
	for range 600 {
		// Few enough that the enumeration ends, the shared ones among them.
		present := pick(substituteCharacters, random.IntN(6)) + pick(shared, random.IntN(6))
		present = string(slices.Compact(slices.Sorted(slices.Values([]byte(present)))))
		l := newLeet(newText(present, newOwnWords(nil)))
		if (l == nil) != (present == "") {
			t.Fatalf("%q: %v", present, l)
		}
		ways := enumerate(present)
		for range 20 {
			if present == "" {
				break
			}
			var r reading
			want := map[byte]byte{}
			for _, c := range []byte(pick(present, 1+random.IntN(len(present)))) {
				options := string(c) + readings[c]
				r[c] = options[random.IntN(len(options))]
				want[c] = r[c]
			}
			is := slices.ContainsFunc(ways, func(way map[byte]byte) bool {
				for c, as := range want {
					if stands, read := way[c]; read && stands != as || !read && as != c {
						return false
					}
				}
				return true
			})
			if is {
				yes++
			} else {
				no++
			}
			if got := l.reads(&r); got != is {
				t.Fatalf("of %q, %v: %t, the enumeration says %t", present, want, got, is)
			}
		}
	}
	if yes < 500 || no < 500 {
		t.Errorf("%d readings that are and %d that are not show little", yes, no)
	}
}

// TestWaysAreFew: whatever a password has, the shared characters are read in
// few ways, where the enumeration of all has hundreds.
func TestWaysAreFew(t *testing.T) {
	t.Parallel()
	most := 0
	for set := range 1 << len(shared) {
		var b strings.Builder
		for i := range len(shared) {
			if set&(1<<i) != 0 {
				b.WriteByte(shared[i])
			}
		}
		if l := newLeet(newText(b.String(), newOwnWords(nil))); l != nil {
			most = max(most, len(l.ways))
		}
	}
	all := len(enumerate(substituteCharacters))
	t.Logf("%d ways at most, of all characters together %d", most, all)
	if most > 25 {
		t.Errorf("%d ways to read the shared characters", most)
	}
}
