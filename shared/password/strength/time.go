package strength

import (
	"fmt"
	"math"
)

// perSecond is how many guesses an attacker makes against slowly hashed
// passwords, with several machines.
const perSecond = 10_000

// The lengths of time in seconds, as upstream has them: a month is 31 days and
// a year twelve of those.
const (
	minute  = 60.0
	hour    = 60 * minute
	day     = 24 * hour
	month   = 31 * day
	year    = 12 * month
	century = 100 * year
)

// crackTime returns how long guesses take, in words.
func crackTime(guesses float64) string {
	seconds := guesses / perSecond
	for _, u := range []struct {
		below, unit float64
		name        string
	}{{minute, 1, "second"}, {hour, minute, "minute"}, {day, hour, "hour"}, {month, day, "day"}, {year, month, "month"}, {century, year, "year"}} {
		switch n := math.Floor(seconds/u.unit + 0.5); {
		case seconds < 1:
			return "less than a second"
		case seconds >= u.below:
		case n == 1:
			return fmt.Sprintf("1 %s", u.name)
		default:
			return fmt.Sprintf("%.0f %ss", n, u.name)
		}
	}
	return "centuries"
}
