package letter

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Words and figures that all letters share.

// Longest forms, in runes, of what others choose.
const (
	nameRunes   = 100
	hintRunes   = 40
	userRunes   = 128
	mailRunes   = 254
	reasonRunes = 300 // the longest reason for keeping a token

	fingerprintRunes = 51   // "SHA256:" and the base64 of 32 bytes
	sentencesRunes   = 1000 // what another package words for a letter
)

// named is a token's name, or what stands in for it.
func named(name string) string {
	if name = tame(name, nameRunes); name != "" {
		return name
	}
	return "(no name)"
}

// person is somebody's mail address, which people know each other by, or else
// the company's id of the person, or nothing.
func person(email, id string) string {
	if by := tame(email, mailRunes); by != "" {
		return by
	}
	return tame(id, userRunes)
}

// quoted names a token or a workspace inside a sentence. Its own double quotes
// become single ones, so a name cannot end the quotation and go on talking.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, "'") + `"` }

// day and moment write the month out, because 03/04 is March in one country
// and April in the next, and name the zone: this mail is read all over the
// world, and compared with logs.
func day(t time.Time) string    { return t.UTC().Format("2 January 2006") }
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") }

// dayOf is day for a day as the ledger writes it, "2026-11-20". Anything else
// is shown as it is.
func dayOf(written string) string {
	t, err := time.Parse(time.DateOnly, written)
	if err != nil {
		return tame(written, hintRunes)
	}
	return day(t)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// capital starts a sentence. Only ASCII letters of our own words come first.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// count, number and outOf write figures as people read them.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

func number(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", number(n/1000), n%1000)
}

func outOf(shown, all int) string {
	if shown == all {
		return number(all)
	}
	return number(shown) + " of " + number(all)
}

// fit writes a sentence about a name into a subject and cuts only the name.
func fit(name string, sentence func(name string) string) string {
	line := sentence(name)
	if over := utf8.RuneCountInString(line) - subjectRunes; over > 0 {
		line = sentence(cutEnd(name, utf8.RuneCountInString(name)-over))
	}
	return line
}

// enumerated joins parts of a sentence: "a", "a and b", "a, b and c".
func enumerated(parts []string) string {
	last := len(parts) - 1
	if last < 1 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}

// distinct keeps the first of each.
func distinct(all []string) []string {
	var out []string
	for _, a := range all {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}
