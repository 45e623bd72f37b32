package snowflaketest

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// client is who asks, as far as it says so itself.
type client struct{ address, kind, version string }

// attempt is a sign-in that is asked for, with a token or a password.
type attempt struct {
	token    string
	rules    rules
	byToken  bool
	login    string
	password string

	role, warehouse, database, schema string // asked for, or ""

	client client
	now    time.Time
}

// admit lets an attempt in, or says why not.
func (a *Account) admit(at attempt) (actor, *refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.blocked { // before anything is looked at
		return actor{}, refusalOf(networkBlocked)
	}
	u, pair, no := a.identify(at)
	if no != nil {
		return actor{}, no
	}
	switch {
	case u.disabled:
		return actor{}, refusalOf(userDisabled)
	case at.now.Before(u.locked):
		return actor{}, refusalOf(userLocked)
	}
	role, no := u.roleFor(at.role)
	if no != nil {
		return actor{}, no
	}
	if pair != nil {
		// Docs: "only if the role requested in the JWT matches this role". Which
		// claim that is they do not say; drivers ask for it beside the token. A
		// role that nobody asks for is the default one here.
		if pair.role != "" && pair.role != role {
			return actor{}, a.refuse(tokenInvalid, at, u)
		}
		pair.used = at.now
	}
	by := actor{user: u.name, role: role, database: identifier(at.database), schema: identifier(at.schema)}
	if by.warehouse = identifier(at.warehouse); by.warehouse == "" {
		by.warehouse = u.defaultWarehouse
	}
	return by, nil
}

// identify finds out whose credentials these are.
func (a *Account) identify(at attempt) (*user, *keyPair, *refusal) {
	if !at.byToken {
		if u := a.byLogin(strings.ToUpper(at.login)); u != nil && u.passes(at.password, at.now) {
			return u, nil, nil
		}
		return nil, nil, refusalOf(wrongPassword)
	}
	t, ok := readToken(at.token)
	if !ok {
		return nil, nil, a.refuse(tokenInvalid, at, nil)
	}
	u, pair, code := a.judge(t, at.rules, at.now)
	if code != "" {
		return nil, nil, a.refuse(code, at, u)
	}
	return u, pair, nil
}

// roleFor is the role that a session begins with: the one asked for, or else the
// user's default, or else PUBLIC.
func (u *user) roleFor(asked string) (string, *refusal) {
	role := identifier(asked)
	switch {
	case role != "" && !u.mayUse(role):
		return "", &refusal{roleNotGranted, fmt.Sprintf("Role '%s' specified in the connect string is not granted to this user. Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.", role)}
	case role != "":
		return role, nil
	case u.defaultRole == "":
		return public, nil
	case !u.mayUse(u.defaultRole):
		return "", &refusal{roleNotGranted, fmt.Sprintf("User's configured default role '%s' is not granted to this user. Contact your local system administrator, or attempt to login using a CLI client with a connect string selecting another role, e.g. PUBLIC.", u.defaultRole)}
	}
	return u.defaultRole, nil
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails, crypto/rand says
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
