package snowflaketest

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"time"
)

// user is a user of an account.
type user struct {
	name     string
	login    string // LOGIN_NAME, in upper case
	kind     string // TYPE
	owner    string // the role that owns it
	managers map[string]bool
	roles    map[string]bool // granted to it, PUBLIC aside

	disabled bool
	locked   time.Time // until when
	wrong    int       // passwords since the last right one
	password *[sha256.Size]byte

	defaultRole, defaultWarehouse string
	texts                         map[string]string // COMMENT and other properties without effect

	slots [2]publicKey
	pairs []*keyPair // as they were added
}

// How many wrong passwords in a row lock a user, and for how long: the defaults
// of PASSWORD_MAX_RETRIES and PASSWORD_LOCKOUT_TIME_MINS. Source: "CREATE PASSWORD
// POLICY" in Snowflake's docs.
const (
	maxWrong = 5
	lockTime = 15 * time.Minute
)

// passes compares a password and keeps count.
func (u *user) passes(password string, now time.Time) bool {
	sum := sha256.Sum256([]byte(password))
	if u.password != nil && subtle.ConstantTimeCompare(sum[:], u.password[:]) == 1 {
		u.wrong = 0
		return true
	}
	if u.wrong++; u.wrong >= maxWrong {
		u.wrong, u.locked = 0, now.Add(lockTime)
	}
	return false
}

// mayUse says whether a session of the user may act under a role.
func (u *user) mayUse(role string) bool { return role == public || u.roles[role] }

// keyFor returns the key of a fingerprint that signs in now: one of a slot, or
// one of an active named pair, which is returned too.
func (u *user) keyFor(fingerprint string, now time.Time) (*rsa.PublicKey, *keyPair) {
	for _, slot := range u.slots {
		if slot.key != nil && slot.fingerprint == fingerprint {
			return slot.key, nil
		}
	}
	for _, pair := range u.pairs {
		if pair.status(now) == active && pair.key.fingerprint == fingerprint {
			return pair.key.key, pair
		}
	}
	return nil, nil
}

// listed are the named pairs that SHOW USER KEY PAIRS lists: those that were
// rotated out vanish when they expire.
func (u *user) listed(now time.Time) []*keyPair {
	var all []*keyPair
	for _, pair := range u.pairs {
		if pair.rotatedTo == "" || pair.status(now) != expired {
			all = append(all, pair)
		}
	}
	return all
}

// pair finds a named pair that is listed, or nil.
func (u *user) pair(name string, now time.Time) *keyPair {
	for _, pair := range u.listed(now) {
		if pair.name == name {
			return pair
		}
	}
	return nil
}

// What SHOW USER KEY PAIRS shows as status.
const (
	active   = "ACTIVE"
	expired  = "EXPIRED"
	disabled = "DISABLED"
)

// keyPair is a named key pair, of which Snowflake has the public half.
type keyPair struct {
	name      string
	key       publicKey
	role      string // ROLE_RESTRICTION, or ""
	days      int    // DAYS_TO_EXPIRY, which a rotation hands on; 0 is never
	comment   *string
	disabled  bool
	created   time.Time
	createdBy string
	used      time.Time
	expires   time.Time
	rotatedTo string // the pair that replaced it
}

// status is DISABLED even of a pair that has expired too.
func (p *keyPair) status(now time.Time) string {
	switch {
	case p.disabled:
		return disabled
	case !p.expires.IsZero() && !now.Before(p.expires):
		return expired
	}
	return active
}
