package snowflaketest

import (
	"strconv"
	"strings"
	"time"
)

// statement is a statement that was read.
type statement interface {
	// run does it. The account is locked. A statement that fails changes nothing.
	run(a *Account, by actor, now time.Time) (Result, error)
}

// sentence is a statement with the text that it was read from.
type sentence struct {
	statement
	sql string
}

// run runs one statement of a session. It takes the lock.
func (a *Account) run(sql string, by actor, now time.Time) (Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.runLocked(sql, by, now)
}

// runLocked is run with the account locked already.
func (a *Account) runLocked(sql string, by actor, now time.Time) (Result, error) {
	if u := a.users[by.user]; u == nil || u.disabled { // since the session began
		return Result{}, &Error{Code: sessionGone, Message: wording(sessionGone)}
	}
	all, err := parse(sql, a.named)
	if err != nil {
		return Result{}, err
	}
	if n := len(all); n != 1 {
		return Result{}, &Error{"000008", "0A000", "Actual statement count " + strconv.Itoa(n) + " did not match the desired statement count 1."}
	}
	return a.do(all[0], by, now)
}

// parser reads statements. The first error stays: after it there is only the end
// to be seen, so whoever reads on finds nothing more.
type parser struct {
	sql   string
	rest  []lexeme
	named bool // whether named key pairs are known
	err   error
}

// parse reads statements that are separated by ";", at least one.
func parse(sql string, named bool) ([]sentence, error) {
	all, err := lex(sql)
	if err != nil {
		return nil, err
	}
	p := &parser{sql: sql, rest: all, named: named}
	var read []sentence
	for {
		for p.sign(";") {
		}
		first := p.peek()
		if first.kind == kindEnd {
			break
		}
		st := p.statement()
		end := p.peek()
		if end.kind != kindEnd && !p.seesSign(";") {
			p.unexpected()
		}
		read = append(read, sentence{st, strings.TrimSpace(sql[first.from:end.from])})
	}
	if p.err == nil && len(read) == 0 {
		return nil, compilation(emptyStatement, "42601", "Empty SQL statement.")
	}
	return read, p.err
}

// statement reads one statement, up to what cannot belong to it.
func (p *parser) statement() statement {
	switch {
	case p.take("SELECT"):
		return p.selection()
	case p.take("DESC", "USER"), p.take("DESCRIBE", "USER"):
		return describeUser{p.identifier()}
	case p.take("CREATE", "USER"):
		return p.createUser()
	case p.take("ALTER", "USER"):
		return p.alterUser()
	case p.take("DROP", "USER"):
		return dropUser{ifExists: p.take("IF", "EXISTS"), name: p.identifier()}
	case p.named && p.take("SHOW", "USER", "KEY", "PAIRS"):
		return p.showKeyPairs()
	case p.take("CREATE", "ROLE"):
		return createRole{ifNotExists: p.take("IF", "NOT", "EXISTS"), name: p.identifier()}
	case p.take("GRANT"):
		return p.grant(true)
	case p.take("REVOKE"):
		return p.grant(false)
	}
	p.unexpected()
	return nil
}

// peek looks at what comes next; the end is never stepped over.
func (p *parser) peek() lexeme { return p.rest[0] }

func (p *parser) next() lexeme {
	first := p.rest[0]
	if first.kind != kindEnd {
		p.rest = p.rest[1:]
	}
	return first
}

// unexpected makes what comes next the error, unless there is one.
func (p *parser) unexpected() {
	if p.err == nil {
		p.err = syntaxErrorAt(p.sql, p.peek().from, p.peek().text)
	}
	p.rest = p.rest[len(p.rest)-1:] // the end
}

// sees says whether keywords come next.
func (p *parser) sees(words ...string) bool {
	for i, word := range words {
		if i >= len(p.rest) || !p.rest[i].is(word) {
			return false
		}
	}
	return true
}

// take steps over keywords if they come next.
func (p *parser) take(words ...string) bool {
	ok := p.sees(words...)
	if ok {
		p.rest = p.rest[len(words):]
	}
	return ok
}

// expect steps over keywords that must come next.
func (p *parser) expect(words ...string) {
	for _, word := range words {
		if !p.take(word) {
			p.unexpected()
		}
	}
}

func (p *parser) seesSign(text string) bool {
	return p.peek().kind == kindSign && p.peek().text == text
}

// sign steps over a sign if it comes next.
func (p *parser) sign(text string) bool {
	ok := p.seesSign(text)
	if ok {
		p.next()
	}
	return ok
}

func (p *parser) expectSign(text string) {
	if !p.sign(text) {
		p.unexpected()
	}
}

// identifier reads a name: an unquoted one means its upper case.
func (p *parser) identifier() string {
	switch l := p.peek(); l.kind {
	case kindWord:
		p.next()
		return identifier(l.text)
	case kindQuoted:
		p.next()
		return l.text
	default:
		p.unexpected()
		return ""
	}
}

// text reads a string.
func (p *parser) text() string {
	if p.peek().kind != kindText {
		p.unexpected()
		return ""
	}
	return p.next().text
}
