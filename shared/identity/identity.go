// Package identity states which ids the company may bring, those of its
// workspaces and users, and what it may call things. Safekeep makes its own ids
// elsewhere.
package identity

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"safekeep/shared/problem"
)

// MaxLength is the longest id in bytes.
const MaxLength = 128

// punctuation is what an id may hold beside letters and digits. '#' is left
// out on purpose: the tables join ids with it.
const punctuation = "._~@|:-"

// Check returns a problem naming field unless id is 1 to 128 characters of
// A-Z a-z 0-9 . _ ~ @ | : - and not "." or "..", which no path can carry.
func Check(field, id string) error {
	if id == "" {
		return problem.Field(field, "is missing; give 1 to 128 characters of A-Z a-z 0-9 "+punctuation)
	}
	if len(id) > MaxLength {
		return problem.Field(field, "is longer than 128 characters")
	}
	if id == "." || id == ".." {
		return problem.Field(field, "cannot be only dots, because no path can carry that")
	}
	for i := range len(id) {
		c := id[i]
		alphanumeric := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !alphanumeric && strings.IndexByte(punctuation, c) < 0 {
			return problem.Field(field, "may hold only A-Z a-z 0-9 "+punctuation)
		}
	}
	return nil
}

// IsUUID says whether s is a UUID in lower case, the one spelling that we write:
// a second spelling would be a second key in a table.
func IsUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

// CheckLine returns a problem about a field unless its text is visible, on one
// line and at most so many characters: fit for a mail. Missing says what to do
// about one that is not there.
func CheckLine(field, text string, most int, missing string) error {
	if strings.TrimSpace(text) == "" {
		return problem.Field(field, "is missing; "+missing)
	}
	if utf8.RuneCountInString(text) > most {
		return problem.Field(field, fmt.Sprintf("is longer than %d characters", most))
	}
	for _, c := range text {
		if !unicode.IsPrint(c) {
			return problem.Field(field, "must hold no control characters or line breaks")
		}
	}
	return nil
}
