package rotation

import (
	"context"
	"crypto/rsa"
	"fmt"
	"strings"

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
		if where, sql, err = v.choose(ctx, keys, user, &next.PublicKey); err != nil {
			return err
		}
		v.c.Rotation.Planned = where.slot
		if _, err := v.ask(ctx, key, sql); isForbidden(err) {
			return blocked(credential.NoPrivilege, checkSQL(keys, user), sql)
		} else if err != nil {
			return failingBy(err)
		}
	}
	v.c.Rotation.Planned = where.slot
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
func (v *visit) choose(ctx context.Context, keys userKeys, user string, next *rsa.PublicKey) (place, string, error) {
	if keys.named {
		// A pair of its own for every key. Snowflake's ROTATE KEY PAIR would have the
		// old key expire by a clock that runs whatever becomes of us.
		name := v.pairName()
		return place{pair: name}, snowflake.AddKeyPair(user, name, next), nil
	}
	if !keys.slots {
		v.c.Rotation.Planned = v.guess()
		return place{}, "", blocked(credential.NoPrivilege, snowflake.DescribeUser(user), snowflake.SetPublicKey(user, v.c.Rotation.Planned, next))
	}
	others, err := v.rotator.Credentials.OtherKeys(ctx, v.c, v.at)
	if err != nil {
		return place{}, "", err
	}
	var foreign []string
	for _, slot := range []snowflake.Slot{snowflake.Slot1, snowflake.Slot2} {
		if there := keys.slot(slot); there == "" || v.c.Spare(there, v.at) {
			return place{slot: slot}, snowflake.SetPublicKey(user, slot, next), nil
		} else if there != v.c.Current.Fingerprint && !others[there] { // which nobody could remove in good conscience
			foreign = append(foreign, snowflake.UnsetPublicKey(user, slot))
		}
	}
	return place{}, "", blocked("no_free_slot", snowflake.DescribeUser(user), foreign...)
}

// guess is the slot that is most likely free, where the slots cannot be seen: the
// one that was named before, so that SQL which was sent stays what is wanted.
func (v *visit) guess() snowflake.Slot {
	switch {
	case v.c.Rotation.Planned != "":
		return v.c.Rotation.Planned
	case v.c.Rotation.Slot != "":
		return v.c.Rotation.Slot.Other()
	default:
		return snowflake.Slot2
	}
}

// pairName is what the awaited key is called in Snowflake.
func (v *visit) pairName() string {
	return fmt.Sprintf("SAFEKEEP_%s_%d", strings.ToUpper(strings.ReplaceAll(v.c.ID, "-", "")), v.c.Pending.Number)
}

// checkSQL shows an admin the keys before anything is changed.
func checkSQL(keys userKeys, user string) string {
	if keys.named {
		return snowflake.ShowKeyPairs(user)
	}
	return snowflake.DescribeUser(user)
}
