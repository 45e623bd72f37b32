package snowflaketest

import (
	"fmt"
	"slices"
	"time"
)

// maxPairs is how many named key pairs a user may have. Rotated ones count until
// they expire, those that were disabled by a rotation do not: the docs count the
// ones "within their grace period".
const maxPairs = 10

// alterUser reads what follows ALTER USER. The name of the user may be left out.
func (p *parser) alterUser() statement {
	ifExists, name := p.take("IF", "EXISTS"), ""
	if !slices.ContainsFunc([]string{"SET", "UNSET", "ADD", "ROTATE", "MODIFY", "REMOVE"}, p.peek().is) {
		name = p.identifier()
	}
	switch {
	case p.take("SET"):
		return setUser{ifExists, name, p.someProperties()}
	case p.take("UNSET"):
		return unsetUser{ifExists, name, p.names()}
	case p.named && p.take("ADD", "KEY", "PAIR"):
		return addPair{ifExists, name, p.identifier(), p.properties()}
	case p.named && p.take("ROTATE", "KEY", "PAIR"):
		return rotatePair{ifExists, name, p.identifier(), p.properties()}
	case p.named && p.take("REMOVE", "KEY", "PAIR"):
		return removePair{ifExists, name, p.identifier()}
	case p.named && p.take("MODIFY", "KEY", "PAIR"):
		return p.modifyPair(ifExists, name)
	}
	p.unexpected()
	return nil
}

// someProperties are properties of which there must be one.
func (p *parser) someProperties() []property {
	all := p.properties()
	if len(all) == 0 {
		p.unexpected()
	}
	return all
}

// names are names separated by commas, at least one.
func (p *parser) names() []string {
	all := []string{p.identifier()}
	for p.sign(",") {
		all = append(all, p.identifier())
	}
	return all
}

// reserved refuses the names under which the slots are listed.
func reserved(pair string) error {
	if pair == "PUBLIC_KEY_1" || pair == "PUBLIC_KEY_2" {
		return compilation(invalidValue, "22023", "invalid value [%s] for parameter 'KEY PAIR': the name is reserved", pair)
	}
	return nil
}

// unused refuses a key that signs the user in already.
func (u *user) unused(key publicKey, now time.Time) error {
	if found, _ := u.keyFor(key.fingerprint, now); found != nil {
		return rejectedKey("The public key is in use by another key pair of the user.")
	}
	return nil
}

// room refuses one pair too many.
func (u *user) room(now time.Time) error {
	n := 0
	for _, pair := range u.listed(now) {
		if pair.rotatedTo == "" || !pair.disabled {
			n++
		}
	}
	if n >= maxPairs {
		return rejected(fmt.Sprintf("The user has the maximum number of %d key pairs.", maxPairs))
	}
	return nil
}

// addPair is ALTER USER … ADD KEY PAIR.
type addPair struct {
	ifExists   bool
	user, name string
	set        []property
}

// run adds a pair. What has vanished from the list is dropped with it.
func (s addPair) run(a *Account, by actor, now time.Time) (Result, error) {
	return a.alter(s.user, s.ifExists, by, a.managed, func(u *user) error {
		pair := &keyPair{name: s.name, created: now, createdBy: by.user}
		if err := pair.set(u, s.set, now); err != nil {
			return err
		}
		if u.pair(s.name, now) != nil {
			return exists(s.name)
		}
		if err := u.unused(pair.key, now); err != nil {
			return err
		}
		if err := u.room(now); err != nil {
			return err
		}
		u.pairs = append(u.listed(now), pair)
		return nil
	})
}

// set gives a new pair its properties, of which it must have a key. A role must
// be one that the user has, or the pair could never be used.
func (p *keyPair) set(u *user, set []property, now time.Time) error {
	if err := reserved(p.name); err != nil {
		return err
	}
	if err := distinct(set, "KEY PAIR", "PUBLIC_KEY", "ROLE_RESTRICTION", "DAYS_TO_EXPIRY", "COMMENT"); err != nil {
		return err
	}
	for _, q := range set {
		var err error
		switch q.name {
		case "PUBLIC_KEY":
			p.key, err = q.publicKey(now)
		case "ROLE_RESTRICTION":
			if p.role, err = q.identifier(); err == nil && !u.mayUse(p.role) {
				err = missing("Role", p.role)
			}
		case "DAYS_TO_EXPIRY":
			p.days, err = q.number(1)
		case "COMMENT":
			p.comment, err = q.text()
		}
		if err != nil {
			return err
		}
	}
	if p.days > 0 {
		p.expires = now.AddDate(0, 0, p.days)
	}
	return keyGiven(p.key)
}

// keyGiven refuses a statement without PUBLIC_KEY.
func keyGiven(key publicKey) error {
	if key.key == nil {
		return compilation("002029", "42601", "Missing option(s): [PUBLIC_KEY]")
	}
	return nil
}

// named finds a named pair that a statement is about.
func (u *user) named(name string, now time.Time) (*keyPair, error) {
	if err := reserved(name); err != nil {
		return nil, err
	}
	if pair := u.pair(name, now); pair != nil {
		return pair, nil
	}
	return nil, missing("Key pair", name)
}
