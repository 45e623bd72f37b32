package rotation

import (
	"context"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/ledger"
	"safekeep/shared/snowflake"
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
	old, there := keys.of(v.c.Rotation.Old)
	switch ours := v.c.Rotation.MadeHere(v.c.Rotation.Old) || v.c.Rotation.Policy.RetiresSupplied(); {
	case !there && keys.slots:
		return v.retired(ctx, old, "customer")
	case !there:
		// We may not see it. At the next rotation it is the customer's affair.
		if v.due() {
			return v.retired(ctx, old, "customer")
		}
		return blocked("old_key_left", checkSQL(keys, user), snowflake.UnsetPublicKey(user, v.guess()))
	case !ours:
		return blocked("supplied_key", checkSQL(keys, user), old.removal(user))
	}
	if _, err := v.ask(ctx, key, old.removal(user)); isForbidden(err) {
		return blocked("old_key_left", checkSQL(keys, user), old.removal(user))
	} else if err != nil {
		return failingBy(err)
	}
	return v.retired(ctx, old, "safekeep")
}

// retired ends the rotation.
func (v *visit) retired(ctx context.Context, from place, by string) error {
	r := &v.c.Rotation
	detail := keyDetail{Name: v.c.Name, Version: v.c.Current.Number, Fingerprint: r.Old, By: by}
	if from != (place{}) {
		detail.Place = from.String()
	}
	r.Step, r.Old, r.RetireAt, r.Began, r.Trouble = credential.Idle, "", time.Time{}, v.at, credential.Trouble{}
	return v.advance(ctx, ledger.CredentialKeyRetired, detail, false)
}
