package mfa

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// Write implements Accounts. The profile's version is the condition for all of
// it; what verifying writes meanwhile is left as it is, but for what the change
// is about.
func (s *Store) Write(ctx context.Context, before, after Account, entries ...ledger.Entry) error {
	writes := []types.TransactWriteItem{{Update: s.profile(before, after)}}
	put := func(item string, fill func(dynamo.Item) dynamo.Item) {
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: &s.Table, Item: fill(s.key(after.User, item))}})
	}
	drop := func(item string) {
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: &s.Table, Key: s.key(after.User, item)}})
	}
	// A factor is written once and never changed by this: the same Made is the same
	// row, whose counter a passkey may be moving on at this moment.
	for _, f := range after.Factors {
		if old, had := before.factor(f.ID); !had || old.Made != f.Made {
			put(f.key(), f.item)
		}
	}
	for _, f := range before.Factors {
		if _, has := after.factor(f.ID); !has {
			drop(f.key())
		}
	}
	each(before.Enrolling, after.Enrolling, func(p Pending) { put(enrollingItem(p.Kind), p.item) }, func(k Kind) { drop(enrollingItem(k)) })
	each(before.Challenges, after.Challenges, func(p Pending) { put(challengeItem(p.Kind), p.item) }, func(k Kind) { drop(challengeItem(k)) })
	switch {
	case after.Codes.Made == "" && before.Codes.Made != "":
		drop(recoveryItem)
	case after.Codes.Made != before.Codes.Made:
		put(recoveryItem, after.Codes.item)
	}
	return s.transact(ctx, append(writes, s.puts(entries)...))
}

// each compares what was pending with what is to be.
func each(before, after map[Kind]*Pending, put func(Pending), drop func(Kind)) {
	for kind, p := range after {
		if old := before[kind]; old == nil || old.Made != p.Made {
			put(*p)
		}
	}
	for kind := range before {
		if after[kind] == nil {
			drop(kind)
		}
	}
}

// profile is the update of an account's profile, which makes a new one whole.
func (s *Store) profile(before, after Account) *types.Update {
	e := newExpression()
	e.address(after)
	e.put("version", dynamo.N(after.Version))
	if before.Version == 0 {
		e.when("attribute_not_exists(" + e.name("version") + ")")
	} else {
		e.is("version", dynamo.N(before.Version))
	}
	// A change either sets tries back or leaves them to those who count them.
	if before.Version == 0 || after.Tries != before.Tries {
		e.start(counterOf(TOTP))
	}
	if before.Version == 0 || after.CodeTries != before.CodeTries {
		e.start(counterOf(Recovery))
	}
	if parts := after.parts(); len(parts) > 0 {
		e.put("parts", &types.AttributeValueMemberSS{Value: parts})
	} else {
		e.drop("parts")
	}
	if kinds := after.kinds(); len(kinds) > 0 {
		e.put("kinds", kindSet(kinds))
	} else {
		e.drop("kinds")
	}
	e.totp(before, after)
	e.times("proofs", before.Version == 0 || len(after.Proofs) == 0, before.Proofs, after.Proofs)
	e.times("used", before.Version == 0 || len(after.Used) == 0, before.Used, after.Used)
	return e.write(&s.Table, s.key(after.User, profileItem))
}

// totp keeps beside the last step which enrolment of an app it is of.
func (e *expression) totp(before, after Account) {
	old, had := before.factor(string(TOTP))
	switch f, has := after.factor(string(TOTP)); {
	case has && f.Made != old.Made:
		e.put("totp", dynamo.S(f.Made))
		e.put("last_step", dynamo.N(after.Step))
	case had && !has:
		e.drop("totp")
		e.drop("last_step")
	}
}

// address keeps where the mail goes, and where it went before. An account that has
// had no factor yet has none.
func (e *expression) address(a Account) {
	if a.Email != "" {
		e.put("email", dynamo.S(a.Email))
	}
	if a.Moved.Before == "" {
		e.drop("email_before")
		e.drop("email_since")
		return
	}
	e.put("email_before", dynamo.S(a.Moved.Before))
	e.put("email_since", dynamo.Time(a.Moved.Since))
}

// start sets the counters of tries back whose names begin so.
func (e *expression) start(of string) {
	zero := e.value(dynamo.N(0))
	for _, name := range []string{"tries_window", "tries", "tries_before", "streak"} {
		e.set = append(e.set, e.name(of+name)+" = "+zero)
	}
}

// puts are the writes of entries.
func (s *Store) puts(entries []ledger.Entry) []types.TransactWriteItem {
	writes := make([]types.TransactWriteItem, len(entries))
	for i, entry := range entries {
		writes[i] = s.Ledger.Put(entry)
	}
	return writes
}

// transact writes all or nothing. The SDK's token lets a lost answer be asked for
// again without a second write.
func (s *Store) transact(ctx context.Context, writes []types.TransactWriteItem) error {
	return raced(dynamo.Transact(ctx, s.Client, writes...))
}

// raced gives the store's word for a condition that did not hold the name that
// it has here.
func raced(err error) error {
	if errors.Is(err, dynamo.ErrCondition) {
		return ErrRaced
	}
	if err != nil {
		return fmt.Errorf("writing an account: %w", err)
	}
	return nil
}
