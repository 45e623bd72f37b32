package mfa

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
)

// The sort keys of the Accounts table. Package sms keeps its counters beside
// them, under window#.
const (
	profileItem     = "profile"
	recoveryItem    = "recovery"
	watchItem       = "watch"
	factorPrefix    = "factor#"
	passkeyPrefix   = factorPrefix + "passkey#"
	enrollingPrefix = "pending#"
	challengePrefix = "challenge#"
)

func enrollingItem(kind Kind) string { return enrollingPrefix + string(kind) }

func challengeItem(kind Kind) string { return challengePrefix + string(kind) }

// key is the sort key of a factor. An id comes from a path only after it was found
// among the account's factors, so it names no other item.
func (f Factor) key() string {
	if f.Kind == Passkey {
		return passkeyPrefix + f.ID
	}
	return factorPrefix + f.ID
}

// decode reads one of the account's items. What is not known is passed over: a
// later release may keep more.
func (a *Account) decode(item dynamo.Item) {
	key := dynamo.Text(item, "item")
	switch {
	case key == profileItem:
		a.decodeProfile(item)
	case key == recoveryItem:
		a.Codes = decodeCodes(item)
	case key == watchItem:
		a.Watch = Watch{Version: dynamo.Number(item, "version"), ToldAt: dynamo.TimeOf(item, "told_at")}
		// A text of ours; one that cannot be read is as good as none.
		_ = json.Unmarshal([]byte(dynamo.Text(item, "failures")), &a.Watch.Failures)
	case strings.HasPrefix(key, factorPrefix):
		a.Factors = append(a.Factors, decodeFactor(key, item))
	case strings.HasPrefix(key, enrollingPrefix):
		p := decodePending(strings.TrimPrefix(key, enrollingPrefix), item)
		a.Enrolling[p.Kind] = &p
	case strings.HasPrefix(key, challengePrefix):
		p := decodePending(strings.TrimPrefix(key, challengePrefix), item)
		a.Challenges[p.Kind] = &p
	}
}

// decodeProfile reads what verifying goes by. Attributes that are not there are as
// good as zero: an account that never failed has no tries.
func (a *Account) decodeProfile(item dynamo.Item) {
	a.Version, a.Email, a.Step = dynamo.Number(item, "version"), dynamo.Text(item, "email"), dynamo.Number(item, "last_step")
	a.Moved = Moved{Before: dynamo.Text(item, "email_before"), Since: dynamo.TimeOf(item, "email_since")}
	a.Tries, a.CodeTries = decodeTries(item, counterOf(TOTP)), decodeTries(item, counterOf(Recovery))
	a.Proofs, a.Used = decodeTimes(item["proofs"]), decodeTimes(item["used"])
}

func decodeTries(item dynamo.Item, of string) Tries {
	return Tries{
		Window: Window{
			Number: dynamo.Number(item, of+"tries_window"), Count: int(dynamo.Number(item, of+"tries")), Before: int(dynamo.Number(item, of+"tries_before")),
		},
		Streak: int(dynamo.Number(item, of+"streak")), Last: dynamo.TimeOf(item, of+"tried_at"),
	}
}

func decodeTimes(v types.AttributeValue) map[string]time.Time {
	times := map[string]time.Time{}
	if m, ok := v.(*types.AttributeValueMemberM); ok {
		for name := range m.Value {
			times[name] = dynamo.TimeOf(m.Value, name)
		}
	}
	return times
}

func decodeCodes(item dynamo.Item) Codes {
	c := Codes{Made: dynamo.Text(item, "made"), MadeAt: dynamo.TimeOf(item, "made_at"), Each: map[string]Code{}}
	used := setOf(item, "used")
	if m, ok := item["codes"].(*types.AttributeValueMemberM); ok {
		for selector := range m.Value {
			c.Each[selector] = Code{Hash: bytesOf(m.Value, selector), Used: slices.Contains(used, selector)}
		}
	}
	return c
}

// item is a fresh set; which of its codes are used is added to it later, one by one.
func (c Codes) item(key dynamo.Item) dynamo.Item {
	codes := dynamo.Item{}
	for selector, code := range c.Each {
		codes[selector] = &types.AttributeValueMemberB{Value: code.Hash}
	}
	key["made"], key["made_at"] = dynamo.S(c.Made), dynamo.Time(c.MadeAt)
	key["codes"] = &types.AttributeValueMemberM{Value: codes}
	return key
}

func decodeFactor(key string, item dynamo.Item) Factor {
	f := Factor{
		ID: strings.TrimPrefix(key, factorPrefix), Made: dynamo.Text(item, "made"), Hint: dynamo.Text(item, "hint"),
		EnrolledAt: dynamo.TimeOf(item, "enrolled_at"), Sealed: bytesOf(item, "sealed"),
		Credential: []byte(dynamo.Text(item, "credential")), SignCount: uint32(dynamo.Number(item, "sign_count")),
	}
	f.Kind = Kind(f.ID)
	if id, ok := strings.CutPrefix(key, passkeyPrefix); ok {
		f.Kind, f.ID = Passkey, id
	}
	return f
}

func (f Factor) item(key dynamo.Item) dynamo.Item {
	key["made"], key["hint"], key["enrolled_at"] = dynamo.S(f.Made), dynamo.S(f.Hint), dynamo.Time(f.EnrolledAt)
	if f.Kind == Passkey {
		key["credential"], key["sign_count"] = dynamo.S(string(f.Credential)), dynamo.N(int64(f.SignCount))
	} else {
		key["sealed"] = &types.AttributeValueMemberB{Value: f.Sealed}
	}
	return key
}

func decodePending(kind string, item dynamo.Item) Pending {
	proved, _ := item["proved"].(*types.AttributeValueMemberBOOL)
	return Pending{
		Kind: Kind(kind), Made: dynamo.Text(item, "made"), ExpiresAt: dynamo.TimeOf(item, "expires"), Hint: dynamo.Text(item, "hint"),
		Sealed: bytesOf(item, "sealed"), State: dynamo.Text(item, "state"), For: dynamo.Text(item, "for"),
		Email: dynamo.Text(item, "email"), Proved: proved != nil && proved.Value,
	}
}

// keptAfter is how long something is kept that has expired. By then it is refused
// for its time; but the table goes by DynamoDB's clock, which may differ.
const keptAfter = time.Hour

func (p Pending) item(key dynamo.Item) dynamo.Item {
	key["made"], key["hint"], key["state"], key["for"] = dynamo.S(p.Made), dynamo.S(p.Hint), dynamo.S(p.State), dynamo.S(p.For)
	if p.Email != "" {
		key["email"] = dynamo.S(p.Email)
	}
	key["expires"], key["purge_at"] = dynamo.Time(p.ExpiresAt), dynamo.N(p.ExpiresAt.Add(keptAfter).Unix())
	key["proved"], key["answers"] = &types.AttributeValueMemberBOOL{Value: p.Proved}, dynamo.N(0)
	if len(p.Sealed) > 0 {
		key["sealed"] = &types.AttributeValueMemberB{Value: p.Sealed}
	}
	return key
}

func bytesOf(item dynamo.Item, name string) []byte {
	if b, ok := item[name].(*types.AttributeValueMemberB); ok {
		return b.Value
	}
	return nil
}

func setOf(item dynamo.Item, name string) []string {
	if set, ok := item[name].(*types.AttributeValueMemberSS); ok {
		return set.Value
	}
	return nil
}
