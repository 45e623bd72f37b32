package rotation

import (
	"context"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/ledger"
	"safekeep/shared/snowflake"
)

// Who an old key was left to, or removed by.
const (
	byUs       = "safekeep"
	byCustomer = "customer"
	// byAnother credential: it signs in with the same key.
	byAnother = "another_credential"
)

// retire removes the old key, once the one in use has shown that it signs in.
func (v *visit) retire(ctx context.Context) error {
	key, user, err := v.signIn(ctx)
	if err != nil {
		return err
	}
	keys, err := v.look(ctx, key, user)
	if err != nil {
		return failingBy(err)
	}
	others, err := v.rotator.Credentials.OtherKeys(ctx, v.c, v.at)
	if err != nil {
		return err
	}
	old, there := keys.of(v.c.Rotation.Old)
	switch {
	case others[v.c.Rotation.Old]:
		return v.retired(ctx, old, byAnother)
	case !there && keys.slots:
		return v.retired(ctx, old, byCustomer)
	case !there:
		return v.leave(ctx, old, blocked("old_key_left", snowflake.DescribeUser(user), v.unsetOld(user)...))
	case !v.c.Rotation.Removes(v.c.Rotation.Old):
		return v.leave(ctx, old, blocked("supplied_key", checkSQL(keys, user), old.removal(user)))
	}
	if _, err := v.ask(ctx, key, old.removal(user)); isForbidden(err) {
		return v.leave(ctx, old, blocked("old_key_left", checkSQL(keys, user), old.removal(user)))
	} else if err != nil {
		return failingBy(err)
	}
	return v.retired(ctx, old, byUs)
}

// unsetOld is the statement that removes an old key which cannot be seen. Where it
// is not sure which slot it stands in there is none: the other one is in use.
func (v *visit) unsetOld(user string) []string {
	if v.c.Rotation.Slot == "" {
		return nil
	}
	return []string{snowflake.UnsetPublicKey(user, v.c.Rotation.Slot.Other())}
}

// leave waits for the customer to remove an old key, but not when the next rotation
// is due or asked for: then it is theirs, and rotation goes on without it.
func (v *visit) leave(ctx context.Context, from place, wait error) error {
	if v.due() || v.again && v.c.Rotation.Trouble.State == credential.Blocked {
		v.asked = v.again
		return v.retired(ctx, from, byCustomer)
	}
	return wait
}

// retired ends the rotation.
func (v *visit) retired(ctx context.Context, from place, by string) error {
	r := &v.c.Rotation
	detail := keyDetail{Name: v.c.Name, Version: v.c.Current.Number, Fingerprint: r.Old, By: by}
	if from != (place{}) {
		detail.Place = from.String()
	}
	r.Step, r.Old, r.RetireAt, r.Began, r.Trouble = credential.Idle, "", time.Time{}, v.at, credential.Trouble{}
	err := v.advance(ctx, ledger.CredentialKeyRetired, detail, false)
	v.gone = err == nil
	return err
}
