package strength

import "strings"

// The sentences are those of zxcvbn 4.4.2, so that a page which shows that
// package's advice while typing and ours on sending does not change its mind.
//
// Copyright (c) 2012-2016 Dan Wheeler and Dropbox, Inc.
//
// Permission is hereby granted, free of charge, to any person obtaining
// a copy of this software and associated documentation files (the
// "Software"), to deal in the Software without restriction, including
// without limitation the rights to use, copy, modify, merge, publish,
// distribute, sublicense, and/or sell copies of the Software, and to
// permit persons to whom the Software is furnished to do so, subject to
// the following conditions:
//
// The above copyright notice and this permission notice shall be
// included in all copies or substantial portions of the Software.
//
// THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND,
// EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
// MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
// NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
// LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION
// OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
// WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

const anotherWord = "Add another word or two. Uncommon words are better."

// feedback says what is wrong with a password of score 2 and below, and what
// helps: about its longest pattern, because that is what it mostly is.
func feedback(score int, sequence []pattern, t *text) (warning string, suggestions []string) {
	if len(sequence) == 0 {
		return "", []string{"Use a few words, avoid common phrases", "No need for symbols, digits, or uppercase letters"}
	}
	if score > 2 {
		return "", []string{}
	}
	main := sequence[0]
	for _, p := range sequence[1:] {
		if p.length() > main.length() {
			main = p
		}
	}
	warning, suggestions = about(main, len(sequence) == 1, t)
	return warning, append([]string{anotherWord}, suggestions...)
}

// about says what there is to say about one pattern.
func about(p pattern, sole bool, t *text) (warning string, suggestions []string) {
	switch p.kind {
	case listedWord, reversedWord, substitutedWord:
		return aboutList(p, sole), aboutSpelling(p, t)
	case keyboardWalk:
		warning = "Short keyboard patterns are easy to guess"
		if p.turns == 1 {
			warning = "Straight rows of keys are easy to guess"
		}
		return warning, []string{"Use a longer keyboard pattern with more turns"}
	case repetition:
		warning = `Repeats like "abcabcabc" are only slightly harder to guess than "abc"`
		if p.base == 1 {
			warning = `Repeats like "aaa" are easy to guess`
		}
		return warning, []string{"Avoid repeated words and characters"}
	case run:
		return "Sequences like abc or 6543 are easy to guess", []string{"Avoid sequences"}
	case recentYear:
		return "Recent years are easy to guess", []string{"Avoid recent years", "Avoid years that are associated with you"}
	case calendarDate:
		return "Dates are often easy to guess", []string{"Avoid dates and years that are associated with you"}
	default:
		return "", nil
	}
}

// aboutList says what it means that a word stands in its list.
func aboutList(p pattern, sole bool) string {
	switch p.list {
	case passwords:
		switch {
		case sole && p.kind == listedWord && p.rank <= 10:
			return "This is a top-10 common password"
		case sole && p.kind == listedWord && p.rank <= 100:
			return "This is a top-100 common password"
		case sole && p.kind == listedWord:
			return "This is a very common password"
		case p.guesses <= 10_000:
			return "This is similar to a commonly used password"
		}
	case english:
		if sole {
			return "A word by itself is easy to guess"
		}
	case surnames, maleNames, femaleNames:
		if sole {
			return "Names and surnames by themselves are easy to guess"
		}
		return "Common names and surnames are easy to guess"
	case television, ownInputs:
		// Upstream says nothing about these.
	}
	return ""
}

// aboutSpelling says which ways to dress up a word do not help.
func aboutSpelling(p pattern, t *text) (suggestions []string) {
	upper, lower := t.cases(p)
	token := t.token(p.i, p.j)
	switch {
	case upper == 1 && isUpper(t.units[p.i]) && p.length() > 1:
		suggestions = append(suggestions, "Capitalization doesn't help very much")
	case lower == 0 && strings.ToLower(token) != token:
		suggestions = append(suggestions, "All-uppercase is almost as easy to guess as all-lowercase")
	}
	if p.kind == reversedWord && p.length() >= 4 {
		suggestions = append(suggestions, "Reversed words aren't much harder to guess")
	}
	if p.kind == substitutedWord {
		suggestions = append(suggestions, "Predictable substitutions like '@' instead of 'a' don't help very much")
	}
	return suggestions
}
