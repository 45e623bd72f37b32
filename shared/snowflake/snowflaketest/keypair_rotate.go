package snowflaketest

import (
	"fmt"
	"time"
)

// rotatePair is ALTER USER … ROTATE KEY PAIR: the name gets another key, and the
// old one goes on for some hours under a name that is made for it.
type rotatePair struct {
	ifExists   bool
	user, name string
	set        []property
}

// graceHours is how long the old key goes on unless it is said.
const graceHours = 24

func (s rotatePair) run(a *Account, by actor, now time.Time) (Result, error) {
	return a.alter(s.user, s.ifExists, by, a.managed, func(u *user) error {
		old, err := u.named(s.name, now)
		if err != nil {
			return err
		}
		if old.rotatedTo != "" {
			return rejected("A key pair that was rotated cannot be rotated again.")
		}
		key, hours, err := s.read(old, now)
		if err != nil {
			return err
		}
		if err := u.unused(key, now); err != nil {
			return err
		}
		// An old key that ends at once makes room for the new one.
		if err := u.room(now); err != nil && hours > 0 {
			return err
		}
		// Comment, role and number of days are handed on (docs of ROTATE KEY PAIR).
		next := *old
		next.key, next.created, next.createdBy, next.used, next.disabled = key, now, by.user, time.Time{}, false
		if next.days > 0 {
			next.expires = now.AddDate(0, 0, next.days)
		}
		u.retire(old, hours, now)
		u.pairs = append(u.listed(now), &next)
		return nil
	})
}

// read reads what a rotation says. The grace cannot outlast the key.
func (s rotatePair) read(old *keyPair, now time.Time) (key publicKey, hours int, err error) {
	const grace = "EXPIRE_ROTATED_KEY_PAIR_AFTER_HOURS"
	if err := distinct(s.set, "KEY PAIR", "PUBLIC_KEY", grace); err != nil {
		return publicKey{}, 0, err
	}
	// By default too: the docs let the hours be up to what the key has left.
	hours = graceHours
	if left := old.hoursLeft(now); left >= 0 {
		hours = min(hours, left)
	}
	for _, q := range s.set {
		if q.name == "PUBLIC_KEY" {
			key, err = q.publicKey(now)
		} else if hours, err = q.number(0); err == nil && old.hoursLeft(now) >= 0 && hours > old.hoursLeft(now) {
			err = q.invalid()
		}
		if err != nil {
			return publicKey{}, 0, err
		}
	}
	return key, hours, keyGiven(key)
}

// hoursLeft is how long a pair has, or -1 when it does not expire.
func (p *keyPair) hoursLeft(now time.Time) int {
	if p.expires.IsZero() {
		return -1
	}
	return max(0, int(p.expires.Sub(now).Hours()))
}

// retire makes the old key of a rotation of a pair. Its name has the time, which
// under a clock that stands still must be made another.
func (u *user) retire(p *keyPair, hours int, now time.Time) {
	p.rotatedTo = p.name
	name := fmt.Sprintf("%s_ROTATED_%d", p.rotatedTo, now.UnixMilli())
	for later := now; u.pair(name, now) != nil; {
		later = later.Add(time.Millisecond)
		name = fmt.Sprintf("%s_ROTATED_%d", p.rotatedTo, later.UnixMilli())
	}
	p.name = name
	if hours == 0 { // "disabled immediately", so it does not expire and stays listed
		p.disabled = true
		return
	}
	p.expires = now.Add(time.Duration(hours) * time.Hour)
}
