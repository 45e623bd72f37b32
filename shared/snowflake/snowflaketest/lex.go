package snowflaketest

import (
	"fmt"
	"strings"
)

// kind is what a token is.
type kind int

const (
	kindEnd    kind = iota
	kindWord        // a keyword or an unquoted identifier, as it is written
	kindQuoted      // an identifier in double quotes, without them
	kindText        // a string, without its quotes and escapes
	kindNumber      // of digits, perhaps with a fraction
	kindSign        // any other character
)

// lexeme is a token of SQL, which is not to be taken for one of a sign-in.
type lexeme struct {
	kind     kind
	text     string
	from, to int // where it stands, in bytes
}

// is says whether it is a keyword.
func (l lexeme) is(word string) bool { return l.kind == kindWord && strings.EqualFold(l.text, word) }

// lexer cuts a text into lexemes.
type lexer struct {
	sql string
	at  int
}

// lex cuts SQL into lexemes, the last of which is the end. It takes one step for
// each byte.
func lex(sql string) ([]lexeme, error) {
	l := &lexer{sql: sql}
	var all []lexeme
	for {
		next, ok := l.next()
		if !ok {
			return nil, syntaxErrorAt(sql, len(sql), "<EOF>") // something is not closed
		}
		all = append(all, next)
		if next.kind == kindEnd {
			return all, nil
		}
	}
}

// next returns the next lexeme; false says that the text ends within it.
func (l *lexer) next() (lexeme, bool) {
	if !l.skip() {
		return lexeme{}, false
	}
	from := l.at
	made := func(k kind, text string) (lexeme, bool) { return lexeme{k, text, from, l.at}, true }
	if from == len(l.sql) {
		return made(kindEnd, "<EOF>")
	}
	switch c := l.sql[from]; {
	case isLetter(c):
		l.while(func(c byte) bool { return isLetter(c) || isDigit(c) || c == '$' })
		return made(kindWord, l.sql[from:l.at])
	case isDigit(c):
		l.while(func(c byte) bool { return isDigit(c) || c == '.' })
		return made(kindNumber, l.sql[from:l.at])
	case c == '"':
		text, ok := l.quoted('"')
		return lexeme{kindQuoted, text, from, l.at}, ok
	case c == '\'':
		text, ok := l.quoted('\'')
		return lexeme{kindText, text, from, l.at}, ok
	case strings.HasPrefix(l.sql[from:], "$$"):
		text, _, ok := strings.Cut(l.sql[from+2:], "$$")
		l.at = min(from+len(text)+4, len(l.sql))
		return lexeme{kindText, text, from, l.at}, ok
	default:
		l.at++
		return made(kindSign, string(rune(c)))
	}
}

// skip steps over white space and comments; false says that a comment has no end.
func (l *lexer) skip() bool {
	for l.at < len(l.sql) {
		rest := l.sql[l.at:]
		switch {
		case strings.ContainsRune(" \t\r\n", rune(rest[0])):
			l.at++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "//"):
			l.while(func(c byte) bool { return c != '\n' })
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return false
			}
			l.at += end + 4
		default:
			return true
		}
	}
	return true
}

func (l *lexer) while(good func(byte) bool) {
	for l.at < len(l.sql) && good(l.sql[l.at]) {
		l.at++
	}
}

// quoted reads up to the closing quote; two of them stand for one. In a string a
// backslash begins an escape, in an identifier it is a character like others.
func (l *lexer) quoted(quote byte) (string, bool) {
	var text strings.Builder
	for l.at++; l.at < len(l.sql); l.at++ {
		c := l.sql[l.at]
		switch {
		case c == quote:
			if l.at++; l.at == len(l.sql) || l.sql[l.at] != quote {
				return text.String(), true
			}
		case c == '\\' && quote == '\'':
			if l.at++; l.at == len(l.sql) {
				return "", false
			}
			c = unescape(l.sql[l.at])
		}
		text.WriteByte(c)
	}
	return "", false
}

// unescape is the character that a backslash and c stand for. Those given by
// number are left out: nothing here needs them.
func unescape(c byte) byte {
	if i := strings.IndexByte("0bfnrt", c); i >= 0 {
		return "\x00\b\f\n\r\t"[i]
	}
	return c
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// syntaxErrorAt is the error of a text that cannot be read. Lines count from 1,
// positions in them from 0.
func syntaxErrorAt(sql string, at int, unexpected string) error {
	before := sql[:at]
	line := strings.Count(before, "\n") + 1
	position := at - strings.LastIndexByte(before, '\n') - 1
	return compilation(syntaxError, "42000", "syntax error line %d at position %d unexpected '%s'.", line, position, unexpected)
}

// identifier is the name that a text in a string or a query parameter means: in
// upper case, unless it is in double quotes.
func identifier(text string) string {
	if inner, ok := strings.CutPrefix(text, `"`); ok {
		if inner, ok = strings.CutSuffix(inner, `"`); ok {
			return strings.ReplaceAll(inner, `""`, `"`)
		}
	}
	return strings.ToUpper(text)
}

// shown is how a value is shown in an error about it.
func (l lexeme) shown() string {
	if l.kind == kindText {
		return fmt.Sprintf("'%s'", l.text)
	}
	return l.text
}
