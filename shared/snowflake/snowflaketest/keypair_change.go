package snowflaketest

import (
	"slices"
	"time"
)

// removePair is ALTER USER … REMOVE KEY PAIR. The name is free at once. The old
// keys of rotations may be removed too.
type removePair struct {
	ifExists   bool
	user, name string
}

func (s removePair) run(a *Account, by actor, now time.Time) (Result, error) {
	return a.alter(s.user, s.ifExists, by, a.managed, func(u *user) error {
		pair, err := u.named(s.name, now)
		if err != nil {
			return err
		}
		u.pairs = slices.DeleteFunc(u.pairs, func(p *keyPair) bool { return p == pair })
		return nil
	})
}

// modifyPair is ALTER USER … MODIFY KEY PAIR, which renames a pair or sets what
// may change of it: not its key, its role or its end.
type modifyPair struct {
	ifExists   bool
	user, name string
	newName    string
	set        []property
}

// modifyPair reads what follows MODIFY KEY PAIR. To unset is to set to nothing.
func (p *parser) modifyPair(ifExists bool, user string) statement {
	s := modifyPair{ifExists: ifExists, user: user, name: p.identifier()}
	switch {
	case p.take("RENAME", "TO"):
		s.newName = p.identifier()
	case p.take("SET"):
		s.set = p.someProperties()
	case p.take("UNSET"):
		for _, name := range p.names() {
			value := "NULL"
			if name == "DISABLED" {
				value = "FALSE"
			}
			s.set = append(s.set, property{name, lexeme{kind: kindWord, text: value}})
		}
	default:
		p.unexpected()
	}
	return s
}

func (s modifyPair) run(a *Account, by actor, now time.Time) (Result, error) {
	return a.alter(s.user, s.ifExists, by, a.managed, func(u *user) error {
		pair, err := u.named(s.name, now)
		if err != nil {
			return err
		}
		if s.newName != "" {
			return u.rename(pair, s.newName, now)
		}
		return pair.modify(s.set, u, now)
	})
}

// rename gives a pair a name that no other has.
func (u *user) rename(pair *keyPair, name string, now time.Time) error {
	if err := reserved(name); err != nil {
		return err
	}
	if u.pair(name, now) != nil {
		return exists(name)
	}
	pair.name = name
	return nil
}

// modify sets what may change of a pair. A key that has meanwhile got another
// place does not come back.
func (p *keyPair) modify(set []property, u *user, now time.Time) error {
	if err := distinct(set, "KEY PAIR", "DISABLED", "COMMENT"); err != nil {
		return err
	}
	next := *p
	for _, q := range set {
		var err error
		if q.name == "DISABLED" {
			next.disabled, err = q.boolean()
		} else {
			next.comment, err = q.text()
		}
		if err != nil {
			return err
		}
	}
	if p.disabled && !next.disabled {
		if err := u.unused(p.key, now); err != nil {
			return err
		}
	}
	*p = next
	return nil
}
