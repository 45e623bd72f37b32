package hygiene

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
	"safekeep/shared/token"
	"safekeep/shared/workspace"
)

// Store is Directory, Tokens and Book on the tables, by the stores that own
// them. The account of a workspace stands among the ledger's markers.
type Store struct {
	*ledger.Store
	Workspaces *workspace.Store
	TokenStore *token.Store
}

// accountName is the marker that holds a workspace's account.
const accountName = "hygiene"

// IDs implements Directory.
func (s *Store) IDs(ctx context.Context, segment, segments int, yield func([]string) error) error {
	return s.Workspaces.IDs(ctx, segment, segments, yield)
}

// Everybody implements Directory.
func (s *Store) Everybody(ctx context.Context, id string) (map[string]Person, error) {
	people := map[string]Person{}
	err := s.Workspaces.Everybody(ctx, id, func(members []workspace.Member) {
		for _, m := range members {
			people[m.User] = personOf(m)
		}
	})
	return people, err
}

// Person implements Directory.
func (s *Store) Person(ctx context.Context, id, user string) (Person, error) {
	m, err := s.Workspaces.Member(ctx, id, user)
	if errors.Is(err, workspace.ErrMemberNotFound) {
		return Person{}, nil
	}
	return personOf(m), err
}

func personOf(m workspace.Member) Person {
	switch {
	case m.Present():
		return Person{State: Present}
	case !m.LeftAt.IsZero():
		return Person{State: Left, LeftAt: m.LeftAt}
	default:
		return Person{}
	}
}

// Each implements Tokens.
func (s *Store) Each(ctx context.Context, id string, since time.Time, yield func([]token.Token) error) error {
	return s.TokenStore.Each(ctx, id, since, yield)
}

// Lookup implements Tokens.
func (s *Store) Lookup(ctx context.Context, hash token.Hash) (token.Token, error) {
	return s.TokenStore.Lookup(ctx, hash)
}

// Mark implements Tokens.
func (s *Store) Mark(ctx context.Context, markings []token.Marking, p Premise) error {
	var guards []types.TransactWriteItem
	if p != (Premise{}) {
		guards = append(guards, s.Workspaces.Stays(p.Workspace, p.User, p.State == Left))
	}
	return raced(s.TokenStore.Mark(ctx, markings, guards...))
}

// Account implements Book.
func (s *Store) Account(ctx context.Context, id string) (Account, error) {
	marker := ledger.Marker{Workspace: id, Name: accountName}
	set, err := s.Markers(ctx, []ledger.Marker{marker})
	if err != nil {
		return Account{}, err
	}
	account := Account{Workspace: id}
	item, found := set[marker]
	if !found {
		return account, nil
	}
	if err := json.Unmarshal([]byte(dynamo.Text(item, "account")), &account); err != nil {
		return Account{}, fmt.Errorf("reading the hygiene account of workspace %s: %w", id, err)
	}
	account.Version = dynamo.Number(item, "version")
	return account, nil
}

// Settle implements Book.
func (s *Store) Settle(ctx context.Context, a Account, digest *ledger.Entry) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("writing the hygiene account of workspace %s: %w", a.Workspace, err)
	}
	writes := []types.TransactWriteItem{
		s.Note(a.Workspace, accountName, a.At, a.Version, a.Version+1, dynamo.Item{"account": dynamo.S(string(text))}),
	}
	if digest != nil {
		writes = append(writes, s.Put(*digest))
	}
	return raced(dynamo.Transact(ctx, s.Client, writes...))
}

// raced gives the store's word for a condition that did not hold the name that
// it has here.
func raced(err error) error {
	if errors.Is(err, dynamo.ErrCondition) {
		return ErrRaced
	}
	return err
}
