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
	Workspaces *workspace.Store
	Tokens     *token.Store
	Ledger     *ledger.Store
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
	var odd error
	err := s.Workspaces.Everybody(ctx, id, func(members []workspace.Member) {
		for _, m := range members {
			people[m.User] = personOf(m)
			if err := m.Sound(); err != nil {
				odd = err
			}
		}
	})
	return people, errors.Join(err, odd)
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
func (s *Store) Each(ctx context.Context, id string, yield func([]token.Token) error) error {
	return s.Tokens.Each(ctx, id, yield)
}

// Find implements Tokens.
func (s *Store) Find(ctx context.Context, hashes []token.Hash) (map[token.Hash]token.Token, error) {
	return s.Tokens.Find(ctx, hashes)
}

// Mark implements Tokens.
func (s *Store) Mark(ctx context.Context, markings []token.Marking, p Premise, a Account) error {
	note, err := s.note(a)
	if err != nil {
		return err
	}
	writes := []types.TransactWriteItem{note}
	if p != (Premise{}) {
		writes = append(writes, s.Workspaces.Stays(p.Workspace, p.User, p.State == Left))
	}
	return raced(ctx, s.Tokens.Mark(ctx, markings, writes...))
}

// note is the write of an account over the one of its version.
func (s *Store) note(a Account) (types.TransactWriteItem, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("writing the hygiene account of workspace %s: %w", a.Workspace, err)
	}
	return s.Ledger.Note(a.Workspace, accountName, a.At, a.Version, a.Version+1, dynamo.Item{"account": dynamo.S(string(text))}), nil
}

// Account implements Book.
func (s *Store) Account(ctx context.Context, id string) (Account, error) {
	marker := ledger.Marker{Workspace: id, Name: accountName}
	set, err := s.Ledger.Markers(ctx, []ledger.Marker{marker})
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

// Since implements Book.
func (s *Store) Since(ctx context.Context, id string, from time.Time, kinds []ledger.Kind, yield func(ledger.Entry)) error {
	return s.Ledger.Since(ctx, id, from, kinds, yield)
}

// Tell implements Book.
func (s *Store) Tell(ctx context.Context, a Account, digest *ledger.Entry) error {
	note, err := s.note(a)
	if err != nil {
		return err
	}
	writes := []types.TransactWriteItem{note}
	if digest != nil {
		writes = append(writes, s.Ledger.Put(*digest))
	}
	return raced(ctx, dynamo.Transact(ctx, s.Ledger.Client, writes...))
}

// raced gives the store's word for a condition that did not hold the name that
// it has here, a random moment later, so that a crowd does not stay in step.
func raced(ctx context.Context, err error) error {
	if !errors.Is(err, dynamo.ErrCondition) {
		return err
	}
	if err := dynamo.Pause(ctx, 3); err != nil {
		return err
	}
	return ErrRaced
}
