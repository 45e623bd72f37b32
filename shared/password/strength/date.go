package strength

import "slices"

// years finds the years 1900 to 2019, one after the other.
func (a *analysis) years(t *text, found []pattern) []pattern {
	for i := 0; i+4 <= t.length(); i++ {
		if !t.digits(i, i+4) {
			continue
		}
		if y := t.number(i, i+4); y >= 1900 && y < 2020 {
			p := pattern{kind: recentYear, i: i, j: i + 3}
			found = append(found, p.settle(a.away(y), t.length()))
			i += 3
		}
	}
	return found
}

// dates finds dates of three numbers, in any order in which the year is not in
// the middle, with or without one separator twice. One within another is left
// out.
func (a *analysis) dates(t *text, found []pattern) []pattern {
	var all []pattern
	add := func(i, end, year int, separators float64) {
		p := pattern{kind: calendarDate, i: i, j: end - 1}
		all = append(all, p.settle(a.away(year)*365*separators, t.length()))
	}
	for i := range t.length() {
		for end := i + 4; end <= min(i+8, t.length()) && t.digits(i, end); end++ {
			if y, ok := a.together(t, i, end); ok {
				add(i, end, y, 1)
			}
		}
		for end := i + 6; end <= min(i+10, t.length()); end++ {
			if y, ok := separated(t, i, end); ok {
				add(i, end, y, 4) // which separator is one of about four choices
			}
		}
	}
	slices.SortStableFunc(all, func(p, q pattern) int {
		if p.i != q.i {
			return p.i - q.i
		}
		return q.j - p.j
	})
	last := -1
	for _, p := range all {
		if p.j > last {
			found, last = append(found, p), p.j
		}
	}
	return found
}

func (t *text) digits(i, end int) bool {
	for ; i < end; i++ {
		if !t.digit(i) {
			return false
		}
	}
	return true
}

// splits are the two places at which four to eight digits without separators
// may part into three numbers.
var splits = [9][][2]int{
	4: {{1, 2}, {2, 3}},
	5: {{1, 3}, {2, 3}},
	6: {{1, 2}, {2, 4}, {4, 5}},
	7: {{1, 3}, {2, 3}, {4, 5}, {4, 6}},
	8: {{2, 4}, {4, 6}},
}

// together reads digits as a date and returns its year, of several the one next
// to the present.
func (a *analysis) together(t *text, i, end int) (year int, ok bool) {
	best := 0
	for _, s := range splits[end-i] {
		y, is := yearOf(t.number(i, i+s[0]), t.number(i+s[0], i+s[1]), t.number(i+s[1], end))
		if away := max(y-a.year, a.year-y); is && (!ok || away < best) {
			year, ok, best = y, true, away
		}
	}
	return year, ok
}

// separated reads a date such as 1/1/91 or 2001-10-31.
func separated(t *text, i, end int) (year int, ok bool) {
	first := i
	for first < end && t.digit(first) {
		first++
	}
	if first == i || first-i > 4 || first == end || !separator(t.units[first]) {
		return 0, false
	}
	second := first + 1
	for second < end && t.digit(second) {
		second++
	}
	if length := second - first - 1; length < 1 || length > 2 || second == end || t.units[second] != t.units[first] {
		return 0, false
	}
	if length := end - second - 1; length < 1 || length > 4 || !t.digits(second+1, end) {
		return 0, false
	}
	return yearOf(t.number(i, first), t.number(first+1, second), t.number(second+1, end))
}

// separator says whether a unit may part the numbers of a date: white space, as
// JavaScript's \s has it, or one of / \ _ . -
func separator(u uint16) bool {
	switch u {
	case '/', '\\', '_', '.', '-', ' ', '\t', '\n', '\v', '\f', '\r', 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff:
		return true
	default:
		return u >= 0x2000 && u <= 0x200a
	}
}

// The years of a date with four digits.
const (
	firstYear = 1000
	lastYear  = 2050
)

// yearOf returns the year of three numbers if they can be a date: one or two of
// them a day and a month, the first or the last the year.
func yearOf(first, middle, last int) (year int, ok bool) {
	if middle > 31 || middle == 0 {
		return 0, false
	}
	noDay, noMonth, zero := 0, 0, 0
	for _, n := range []int{first, middle, last} {
		if n > 99 && n < firstYear || n > lastYear {
			return 0, false
		}
		if n > 31 {
			noDay++
		}
		if n > 12 {
			noMonth++
		}
		if n == 0 {
			zero++
		}
	}
	if noDay > 1 || noMonth == 3 || zero > 1 {
		return 0, false
	}
	ends := [2][2]int{{last, first}, {first, last}} // the year, and what is beside the middle
	for _, e := range ends {
		if e[0] >= firstYear { // four digits are a year or no date
			return e[0], dayAndMonth(e[1], middle)
		}
	}
	for _, e := range ends {
		if dayAndMonth(e[1], middle) {
			return fourDigits(e[0]), true
		}
	}
	return 0, false
}

func dayAndMonth(a, b int) bool {
	return a >= 1 && b >= 1 && (a <= 31 && b <= 12 || a <= 12 && b <= 31)
}

// fourDigits puts two digits into the years 1951 to 2050.
func fourDigits(year int) int {
	switch {
	case year > 99:
		return year
	case year > 50:
		return year + 1900
	default:
		return year + 2000
	}
}
