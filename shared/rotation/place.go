package rotation

import (
	"context"
	"crypto/rsa"
	"fmt"
	"strings"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/ledger"
	"safekeep/shared/snowflake"
)

// keyDetail is the detail of the entries about one key of a rotation.
type keyDetail struct {
	Name        string `json:"name"`
	Version     int64  `json:"version"`
	Fingerprint string `json:"fingerprint"`
	Place       string `json:"place,omitempty"` // where it stands or stood: a slot or a key pair
	// By says who removed it: "safekeep" or "customer".
	By string `json:"by,omitempty"`
}

// margin is how long Snowflake keeps a key beyond the overlap when it is to let it
// expire by itself: runs may fail for some days before anybody is in need.
const margin = 72 * time.Hour

// put puts the awaited key into a free place of the user's. The key in use signs
// in for it.
func (v *visit) put(ctx context.Context, next *rsa.PrivateKey) error {
	key, user, err := v.signIn(ctx)
	if err != nil {
		return err
	}
	keys, err := v.look(ctx, key, user)
	if err != nil {
		return failingBy(err)
	}
	where, there := keys.of(v.c.Pending.Fingerprint)
	if !there {
		var sql string
		if where, sql, err = v.choose(keys, user, &next.PublicKey); err != nil {
			return err
		}
		if _, err := v.ask(ctx, key, sql); isForbidden(err) {
			return blocked("no_privilege", checkSQL(keys, user), sql)
		} else if err != nil {
			return failingBy(err)
		}
	}
	if where.slot != "" {
		v.c.Rotation.Slot = where.slot
	}
	return v.advance(ctx, ledger.CredentialKeyPlaced, keyDetail{
		Name: v.c.Name, Version: v.c.Pending.Number, Fingerprint: v.c.Pending.Fingerprint, Place: where.String(),
	}, false)
}

// signIn signs in with the key in use and returns the user's NAME.
func (v *visit) signIn(ctx context.Context) (*rsa.PrivateKey, string, error) {
	key, err := v.key(ctx, v.c.Current)
	if err != nil {
		return nil, "", err
	}
	tried, err := credential.Try(ctx, v.rotator.Snowflake, v.c.Current, snowflake.Proof{Key: key}, v.at)
	if err != nil {
		return nil, "", failing("unreachable", "", err)
	}
	v.c.Connection = tried
	if tried.State != credential.Connected {
		return nil, "", refusedPresent(tried)
	}
	return key, tried.User, nil
}

// choose finds a place for the new key, and the statement that puts it there. A
// key of somebody else's is never in the way of it, and nor is one that connectors
// may still hold.
func (v *visit) choose(keys userKeys, user string, next *rsa.PublicKey) (place, string, error) {
	if keys.named {
		name := v.pairName()
		old, taken := keys.pair(name)
		switch {
		case !taken:
			return place{pair: name}, snowflake.AddKeyPair(user, name, next), nil
		case v.c.Rotation.MadeHere(old.fingerprint):
			keep := v.c.Rotation.Policy.Overlap(v.rotator.Defaults) + margin
			return place{pair: name}, snowflake.RotateKeyPair(user, name, next, keep), nil
		}
		name = fmt.Sprintf("%s_%d", name, v.c.Pending.Number) // somebody else's, or expired
		return place{pair: name}, snowflake.AddKeyPair(user, name, next), nil
	}
	if !keys.slots {
		slot := v.guess()
		return place{}, "", blocked("no_privilege", snowflake.DescribeUser(user), snowflake.SetPublicKey(user, slot, next))
	}
	var foreign []string
	for _, slot := range []snowflake.Slot{snowflake.Slot1, snowflake.Slot2} {
		if there := keys.slot(slot); there == "" || v.c.Spare(there, v.at) {
			return place{slot: slot}, snowflake.SetPublicKey(user, slot, next), nil
		} else if there != v.c.Current.Fingerprint {
			foreign = append(foreign, snowflake.UnsetPublicKey(user, slot))
		}
	}
	return place{}, "", blocked("no_free_slot", snowflake.DescribeUser(user), foreign...)
}

// guess is the slot that is most likely free, where the slots cannot be seen.
func (v *visit) guess() snowflake.Slot {
	if v.c.Rotation.Slot != "" {
		return v.c.Rotation.Slot.Other()
	}
	return snowflake.Slot2
}

// pairName is what the credential's own key pair is called in Snowflake.
func (v *visit) pairName() string {
	return "SAFEKEEP_" + strings.ToUpper(strings.ReplaceAll(v.c.ID, "-", ""))
}

// checkSQL shows an admin the keys before anything is changed.
func checkSQL(keys userKeys, user string) string {
	if keys.named {
		return snowflake.ShowKeyPairs(user)
	}
	return snowflake.DescribeUser(user)
}
