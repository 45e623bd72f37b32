package snowflaketest

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// userProperties are the properties of users that are known here. Those without
// a meaning here are kept, and shown.
var userProperties = []string{
	"LOGIN_NAME", "PASSWORD", "TYPE", "DISABLED", "MINS_TO_UNLOCK", "DEFAULT_ROLE", "DEFAULT_WAREHOUSE",
	slot1, slot2, "COMMENT", "DISPLAY_NAME", "EMAIL", "DEFAULT_NAMESPACE",
}

const (
	slot1 = "RSA_PUBLIC_KEY"
	slot2 = "RSA_PUBLIC_KEY_2"
)

// typeService is the TYPE of users that no person is; they have no password.
const typeService = "SERVICE"

// createUser is CREATE USER. Users belong to the role that makes them.
type createUser struct {
	ifNotExists bool
	name        string
	set         []property
}

func (p *parser) createUser() statement {
	return createUser{p.take("IF", "NOT", "EXISTS"), p.identifier(), p.properties()}
}

func (s createUser) run(a *Account, by actor, now time.Time) (Result, error) {
	if err := a.administered(by); err != nil {
		return Result{}, err
	}
	if a.users[s.name] != nil {
		// The properties are not looked at then: a script that is run again changes
		// nothing.
		if s.ifNotExists {
			return done(s.name + " already exists, statement succeeded."), nil
		}
		return Result{}, exists(s.name)
	}
	u := &user{
		name: s.name, login: strings.ToUpper(s.name), kind: "PERSON", owner: by.role,
		managers: map[string]bool{}, roles: map[string]bool{}, texts: map[string]string{},
	}
	if err := a.change(u, s.set, now); err != nil {
		return Result{}, err
	}
	a.users[s.name] = u
	return done("User " + s.name + " successfully created."), nil
}

// setUser is ALTER USER … SET.
type setUser struct {
	ifExists bool
	name     string // "" is the current user
	set      []property
}

func (s setUser) run(a *Account, by actor, now time.Time) (Result, error) {
	return a.alter(s.name, s.ifExists, by, a.owned, func(u *user) error { return a.change(u, s.set, now) })
}

// unsetUser is ALTER USER … UNSET.
type unsetUser struct {
	ifExists bool
	name     string
	unset    []string
}

func (s unsetUser) run(a *Account, by actor, now time.Time) (Result, error) {
	// To unset is to set to nothing, for which each type has its own word.
	null := lexeme{kind: kindWord, text: "NULL"}
	var set []property
	for _, name := range s.unset {
		switch name {
		case "DISABLED":
			set = append(set, property{name, lexeme{kind: kindWord, text: "FALSE"}})
		case "MINS_TO_UNLOCK":
			set = append(set, property{name, lexeme{kind: kindNumber, text: "0"}})
		default:
			set = append(set, property{name, null})
		}
	}
	return a.alter(s.name, s.ifExists, by, a.owned, func(u *user) error { return a.change(u, set, now) })
}

// alter changes a user that the actor may change, the current one by default.
func (a *Account) alter(
	name string, ifExists bool, by actor,
	allowed func(string, actor) (*user, error), change func(*user) error,
) (Result, error) {
	if name == "" {
		name = by.user
	}
	// IF EXISTS forgives that nobody is there, and nothing else.
	if a.users[name] == nil && ifExists {
		return executed(), nil
	}
	u, err := allowed(name, by)
	if err == nil {
		err = change(u)
	}
	if err != nil {
		return Result{}, err
	}
	return executed(), nil
}

// change sets properties of a user: all of them, or with an error none.
func (a *Account) change(u *user, set []property, now time.Time) error {
	if err := distinct(set, "USER", userProperties...); err != nil {
		return err
	}
	// All is set in a copy first, and the one map in it is copied too.
	next := *u
	next.texts = maps.Clone(u.texts)
	for _, q := range set {
		if err := next.set(q, now); err != nil {
			return err
		}
	}
	// Looked at last, because the order of the properties does not count.
	if other := a.byLogin(next.login); other != nil && other != u {
		return rejected("Login name '" + next.login + "' is in use.")
	}
	if next.kind == typeService && next.password != nil {
		return rejected("Cannot set PASSWORD on users with TYPE=SERVICE.")
	}
	*u = next
	return nil
}

// set sets one property of a user who is still a copy.
func (u *user) set(q property, now time.Time) (err error) {
	switch q.name {
	case "LOGIN_NAME":
		u.login, err = q.identifier()
		// Kept in upper case, which is how drivers put it into a token.
		if u.login = strings.ToUpper(u.login); u.login == "" {
			u.login = strings.ToUpper(u.name)
		}
	case "PASSWORD":
		var text *string
		if text, err = q.text(); text == nil {
			u.password = nil
		} else {
			// A digest, so that nothing can ever print it.
			u.password = new(sha256.Sum256([]byte(*text)))
		}
	case "TYPE":
		u.kind, err = q.identifier()
		if err == nil && !slices.Contains([]string{"PERSON", typeService, "LEGACY_SERVICE"}, u.kind) {
			err = q.invalid()
		}
	case "DISABLED":
		u.disabled, err = q.boolean()
	case "MINS_TO_UNLOCK":
		var minutes int
		minutes, err = q.number(0)
		u.wrong, u.locked = 0, now.Add(time.Duration(minutes)*time.Minute)
	case "DEFAULT_ROLE":
		u.defaultRole, err = q.identifier()
	case "DEFAULT_WAREHOUSE":
		u.defaultWarehouse, err = q.identifier()
	case slot1:
		u.slots[0], err = q.publicKey(now)
	case slot2:
		u.slots[1], err = q.publicKey(now)
	default:
		var text *string
		if text, err = q.text(); text == nil {
			delete(u.texts, q.name)
		} else {
			u.texts[q.name] = *text
		}
	}
	return err
}

// publicKey is the value of a slot; NULL and the empty text empty it.
func (q property) publicKey(now time.Time) (publicKey, error) {
	text, err := q.text()
	if err != nil || text == nil || *text == "" {
		return publicKey{}, err
	}
	return readPublicKey(*text, now)
}

// dropUser is DROP USER. Sessions of the user end with it.
type dropUser struct {
	ifExists bool
	name     string
}

func (s dropUser) run(a *Account, by actor, _ time.Time) (Result, error) {
	if a.users[s.name] == nil && s.ifExists {
		return done("Drop statement executed successfully (" + s.name + " already dropped)."), nil
	}
	if _, err := a.owned(s.name, by); err != nil {
		return Result{}, err
	}
	delete(a.users, s.name)
	return done(s.name + " successfully dropped."), nil
}

// describeUser is DESC USER. The docs ask for OWNERSHIP, of oneself too.
type describeUser struct{ name string }

func (s describeUser) run(a *Account, by actor, now time.Time) (Result, error) {
	u, err := a.owned(s.name, by)
	if err != nil {
		return Result{}, err
	}
	r := Result{Columns: []string{"property", "value", "default", "description"}, show: true}
	add := func(name, value, description string) {
		if value == "" {
			value = "null" // the word, not NULL
		}
		r.Rows = append(r.Rows, []*string{&name, &value, new("null"), &description})
	}
	// The order is Snowflake's, of which only the properties that are known here
	// are shown.
	add("NAME", u.name, "Name")
	for _, name := range []string{"COMMENT", "DISPLAY_NAME", "EMAIL", "DEFAULT_NAMESPACE"} {
		add(name, u.texts[name], "")
	}
	add("TYPE", u.kind, "Type of the user")
	add("LOGIN_NAME", u.login, "Login name of the user")
	hidden := ""
	if u.password != nil {
		hidden = "********"
	}
	add("PASSWORD", hidden, "Password of the user")
	add("DISABLED", strconv.FormatBool(u.disabled), "Whether the user is disabled")
	minutes := ""
	if left := u.locked.Sub(now); left > 0 {
		minutes = strconv.Itoa(int(left.Minutes()) + 1)
	}
	add("MINS_TO_UNLOCK", minutes, "Temporary lock on the user will be removed after specified number of minutes")
	add("DEFAULT_WAREHOUSE", u.defaultWarehouse, "Default warehouse for this user")
	add("DEFAULT_ROLE", u.defaultRole, "Primary principal of user session will be set to this role")
	for i, name := range []string{slot1, slot2} {
		add(name, u.slots[i].body, "RSA public key of the user")
		add(name+"_FP", u.slots[i].fingerprint, "Fingerprint of user's RSA public key.")
	}
	return r, nil
}
