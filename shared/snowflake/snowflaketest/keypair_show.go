package snowflaketest

import "time"

// showKeyPairs is SHOW USER KEY PAIRS. Of oneself it asks for no privilege.
type showKeyPairs struct{ user string }

func (p *parser) showKeyPairs() statement {
	if p.take("FOR", "USER") {
		return showKeyPairs{p.identifier()}
	}
	return showKeyPairs{}
}

func (s showKeyPairs) run(a *Account, by actor, now time.Time) (Result, error) {
	// The docs ask for a privilege "only when listing key pairs for a user other
	// than yourself".
	allowed := a.managed
	if s.user == "" || s.user == by.user {
		s.user, allowed = by.user, func(name string, _ actor) (*user, error) { return a.find(name) }
	}
	u, err := allowed(s.user, by)
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Columns: []string{
			"name", "user_name", "fingerprint", "role_scope", "status", "comment",
			"created_on", "created_by", "last_used_on", "expires_at", "rotated_to",
		},
		types: []columnType{
			typeText, typeText, typeText, typeText, typeText, typeText,
			typeTime, typeText, typeTime, typeTime, typeText,
		},
		show: true,
	}
	// The slots are listed under names that are reserved for them. Who set them,
	// and when they were used, is not kept.
	all := u.listed(now)
	for i, name := range []string{"PUBLIC_KEY_1", "PUBLIC_KEY_2"} {
		if slot := u.slots[i]; slot.key != nil {
			all = append(all, &keyPair{name: name, key: slot, created: slot.set})
		}
	}
	for _, pair := range all {
		// Copies: the rows are read when the account is no longer locked.
		r.Rows = append(r.Rows, []*string{
			new(pair.name), new(u.name), new(pair.key.fingerprint), orNull(pair.role), new(pair.status(now)), pair.comment,
			instant(pair.created), orNull(pair.createdBy), instant(pair.used), instant(pair.expires), orNull(pair.rotatedTo),
		})
	}
	return r, nil
}
