package mfa

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// counterOf begins the names of the attributes that count tries by a method.
func counterOf(method Kind) string {
	if method == Recovery {
		return "recovery_"
	}
	return ""
}

// Reserve implements Accounts. Tries in the same window add up, so that a crowd
// needs no second attempt; the first in a window sets it.
func (s *Store) Reserve(ctx context.Context, user string, r Reservation) error {
	e, of := newExpression(), counterOf(r.Method)
	// The window and the tries before it are part of the condition, all in one item:
	// whoever is still on its way from the window before meets it here.
	e.is(of+"tries_window", dynamo.N(r.Was.Number))
	e.when(e.name(of+"streak") + " < " + e.value(dynamo.N(HardStop)))
	tries, one := e.name(of+"tries"), e.value(dynamo.N(1))
	if r.Next.Number == r.Was.Number {
		e.set = append(e.set, tries+" = "+tries+" + "+one)
		e.when(tries + " < " + e.value(dynamo.N(int64(r.Room))))
	} else {
		e.when(tries + " = " + e.value(dynamo.N(int64(r.Was.Count))))
		e.set = append(e.set, tries+" = "+one)
		e.put(of+"tries_window", dynamo.N(r.Next.Number))
		e.put(of+"tries_before", dynamo.N(int64(r.Next.Before)))
	}
	streak := e.name(of + "streak")
	e.set = append(e.set, streak+" = "+streak+" + "+one)
	e.put(of+"tried_at", dynamo.Time(r.Next.Last))
	return raced(dynamo.Update(ctx, s.Client, e.alone(&s.Table, s.key(user, profileItem))))
}

// GiveBack implements Accounts. A retry of the SDK's could give back two, and then
// somebody has one try too many; that takes a lost answer in an outage of KMS.
func (s *Store) GiveBack(ctx context.Context, user string, method Kind) error {
	e, of := newExpression(), counterOf(method)
	zero, one := e.value(dynamo.N(0)), e.value(dynamo.N(1))
	for _, name := range []string{e.name(of + "tries"), e.name(of + "streak")} {
		e.set = append(e.set, name+" = "+name+" - "+one)
		e.when(name + " > " + zero)
	}
	err := raced(dynamo.Update(ctx, s.Client, e.alone(&s.Table, s.key(user, profileItem))))
	if isRaced(err) {
		return nil
	}
	return err
}

// Spend implements Accounts.
func (s *Store) Spend(ctx context.Context, user, item string, p Pending, most int) error {
	e := newExpression()
	answers := e.name("answers")
	e.set = append(e.set, answers+" = "+answers+" + "+e.value(dynamo.N(1)))
	e.is("made", dynamo.S(p.Made))
	e.when(answers + " < " + e.value(dynamo.N(int64(most))))
	return raced(dynamo.Update(ctx, s.Client, e.alone(&s.Table, s.key(user, item))))
}

// Settle implements Accounts. For an app it is one write of one item.
func (s *Store) Settle(ctx context.Context, a Account, d Settlement, entries ...ledger.Entry) error {
	e := newExpression()
	if d.Method.counted() {
		e.start(counterOf(d.Method))
	}
	e.within("proofs", d.Proof, dynamo.Time(d.Until))
	for _, name := range d.Stale {
		e.drop("proofs", name)
	}
	if d.Factor != "" {
		e.within("used", d.Factor, dynamo.Time(d.At))
	}
	key := s.key(a.User, profileItem)
	var writes []types.TransactWriteItem
	switch d.Method {
	case TOTP:
		e.put("last_step", dynamo.N(d.Step))
		// The last clause is for a write of ours whose answer was lost: the SDK
		// asks again, and the step stands there by our own hand.
		e.when("(" + e.name("totp") + " = " + e.value(dynamo.S(d.Made)) + " AND " + e.name("last_step") + " < " + e.value(dynamo.N(d.Step)) +
			" OR attribute_exists(" + e.name("proofs") + "." + e.name(d.Proof) + "))")
		return raced(dynamo.Update(ctx, s.Client, e.alone(&s.Table, key)))
	// The others use up something that is an item of its own, so they are
	// transactions; people sign in by them less often.
	case Recovery:
		writes = append(writes, types.TransactWriteItem{Update: s.useCode(a, d)})
	case Passkey:
		writes = append(writes, types.TransactWriteItem{Update: s.signed(a, d)}, s.answered(a, d))
	case SMS:
		// A challenge may outlive its phone: whoever removed that has not seen it.
		e.when("contains(" + e.name("parts") + ", " + e.value(dynamo.S(d.Made)) + ")")
		writes = append(writes, s.answered(a, d))
	}
	// An update would make an account of one that is gone.
	e.when("attribute_exists(" + e.name("version") + ")")
	writes = append(writes, types.TransactWriteItem{Update: e.write(&s.Table, key)})
	return s.transact(ctx, append(writes, s.puts(entries)...))
}

// useCode marks a recovery code as used, once.
func (s *Store) useCode(a Account, d Settlement) *types.Update {
	return &types.Update{
		TableName: &s.Table, Key: s.key(a.User, recoveryItem),
		UpdateExpression:         aws.String("ADD used :one"),
		ConditionExpression:      aws.String("codes.#selector = :hash AND NOT contains(used, :selector)"),
		ExpressionAttributeNames: map[string]string{"#selector": d.Selector},
		ExpressionAttributeValues: dynamo.Item{
			":one": &types.AttributeValueMemberSS{Value: []string{d.Selector}}, ":selector": dynamo.S(d.Selector),
			":hash": &types.AttributeValueMemberB{Value: d.Hash},
		},
	}
}

// signed notes how often a passkey has signed, if nobody else did meanwhile.
func (s *Store) signed(a Account, d Settlement) *types.Update {
	e := newExpression()
	e.put("credential", dynamo.S(string(d.Key.Credential)))
	e.put("sign_count", dynamo.N(int64(d.Key.SignCount)))
	e.is("made", dynamo.S(d.Made))
	e.is("sign_count", dynamo.N(int64(d.Was)))
	return e.write(&s.Table, s.key(a.User, d.Key.key()))
}

// answered takes a challenge away that has been answered, once.
func (s *Store) answered(a Account, d Settlement) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName: &s.Table, Key: s.key(a.User, challengeItem(d.Method)),
		ConditionExpression: aws.String("made = :made"), ExpressionAttributeValues: dynamo.Item{":made": dynamo.S(d.Challenge)},
	}}
}

// Challenge implements Accounts. A user has one of a kind: a second page that asks
// takes the first one's place, and a crowd of them fills no table.
func (s *Store) Challenge(ctx context.Context, user string, p Pending) error {
	_, err := s.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.Table, Item: p.item(s.key(user, challengeItem(p.Kind)))})
	return raced(err)
}

// Watch implements Accounts. The version makes it the once-marker of its window
// too: of two that would tell the same, one is raced and looks again.
func (s *Store) Watch(ctx context.Context, user string, w Watch, purgeAt time.Time, entries ...ledger.Entry) error {
	failures, err := json.Marshal(w.Failures)
	if err != nil {
		return err
	}
	item := s.key(user, watchItem)
	item["failures"], item["version"], item["purge_at"] = dynamo.S(string(failures)), dynamo.N(w.Version+1), dynamo.N(purgeAt.Unix())
	if !w.ToldAt.IsZero() {
		item["told_at"] = dynamo.Time(w.ToldAt)
	}
	put := &types.Put{TableName: &s.Table, Item: item, ConditionExpression: aws.String("attribute_not_exists(#version)")}
	put.ExpressionAttributeNames = map[string]string{"#version": "version"}
	if w.Version > 0 {
		put.ConditionExpression = aws.String("#version = :version")
		put.ExpressionAttributeValues = dynamo.Item{":version": dynamo.N(w.Version)}
	}
	return s.transact(ctx, append([]types.TransactWriteItem{{Put: put}}, s.puts(entries)...))
}
