package rotation

import (
	"context"
	"crypto/rsa"
	"errors"
	"strings"

	"safekeep/shared/snowflake"
)

// userKeys are the public keys of a user, as Snowflake shows them.
type userKeys struct {
	// named says that the account has named key pairs, slots that the two slots
	// could be seen.
	named, slots bool
	places       []place
}

// place is where a key stands: a slot, or a key pair's name.
type place struct {
	slot        snowflake.Slot
	pair        string
	fingerprint string
}

func (p place) String() string {
	if p.slot != "" {
		return string(p.slot)
	}
	return "KEY PAIR " + p.pair
}

// removal is the statement that removes the key.
func (p place) removal(user string) string {
	if p.slot != "" {
		return snowflake.UnsetPublicKey(user, p.slot)
	}
	return snowflake.RemoveKeyPair(user, p.pair)
}

// of returns where a key stands.
func (k userKeys) of(fingerprint string) (place, bool) {
	for _, p := range k.places {
		if p.fingerprint == fingerprint {
			return p, true
		}
	}
	return place{}, false
}

// slot returns the key in a slot, "" when it is empty.
func (k userKeys) slot(slot snowflake.Slot) string {
	for _, p := range k.places {
		if p.slot == slot {
			return p.fingerprint
		}
	}
	return ""
}

// Where SHOW USER KEY PAIRS lists the two slots.
var slotNames = map[string]snowflake.Slot{"PUBLIC_KEY_1": snowflake.Slot1, "PUBLIC_KEY_2": snowflake.Slot2}

// look asks Snowflake which keys a user has. That the account has no named key
// pairs, or that we may not see the slots, is an answer and no error.
func (v *visit) look(ctx context.Context, key *rsa.PrivateKey, user string) (keys userKeys, err error) {
	var shown []place // the slots, where key pairs are shown with them
	pairs, err := v.ask(ctx, key, snowflake.ShowKeyPairs(user))
	switch {
	case err == nil:
		keys.named = true
		pairs.Each(func(value func(string) string) {
			// One that has expired or was disabled holds its name, and signs nobody in.
			p := place{pair: value("name"), slot: slotNames[value("name")]}
			if strings.EqualFold(value("status"), "ACTIVE") {
				p.fingerprint = fingerprint(value("fingerprint"))
			}
			if p.slot == "" {
				keys.places = append(keys.places, p)
			} else {
				shown = append(shown, p)
			}
		})
	case !isRefused(err):
		return keys, err
	}
	described, err := v.ask(ctx, key, snowflake.DescribeUser(user))
	if isRefused(err) {
		keys.places = append(keys.places, shown...)
		return keys, nil
	}
	if err != nil {
		return keys, err
	}
	keys.slots = true
	properties := map[string]snowflake.Slot{"RSA_PUBLIC_KEY_FP": snowflake.Slot1, "RSA_PUBLIC_KEY_2_FP": snowflake.Slot2}
	described.Each(func(value func(string) string) {
		slot, known := properties[strings.ToUpper(value("property"))]
		if f := value("value"); known && f != "" && f != "null" {
			keys.places = append(keys.places, place{slot: slot, fingerprint: fingerprint(f)})
		}
	})
	// The key in use has just signed in. Where it is not among those shown, not all
	// are, and a slot that looks empty may not be.
	if _, shown := keys.of(v.c.Current.Fingerprint); !shown {
		keys.slots = false
	}
	return keys, nil
}

// fingerprint brings one that Snowflake shows to the form we keep.
func fingerprint(shown string) string {
	if shown == "" || strings.HasPrefix(shown, "SHA256:") {
		return shown
	}
	return "SHA256:" + shown
}

// ask runs a statement as the user of the credential.
func (v *visit) ask(ctx context.Context, key *rsa.PrivateKey, sql string) (snowflake.Rows, error) {
	return v.rotator.Snowflake.Run(ctx, v.c.Current.Place(), key, sql)
}

// isRefused says that the role may not, or that the account does not know the
// statement.
func isRefused(err error) bool {
	var r *snowflake.Refusal
	return errors.As(err, &r) && !r.SignInFailed()
}

// isForbidden says that the role may not.
func isForbidden(err error) bool {
	var r *snowflake.Refusal
	return errors.As(err, &r) && r.Reason == snowflake.ReasonPrivilege
}
