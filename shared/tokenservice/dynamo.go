package tokenservice

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
	"safekeep/shared/problem"
	"safekeep/shared/token"
)

// Store has the company's service end tokens and tells the ledger of it. What
// the two do cannot be one transaction. So the ledger notes what is about to be
// done, the service does it, and the ledger tells of it once: with a marker in
// the same transaction that lets it through only once. Wherever a process dies,
// the report delivered again takes up what it left.
type Store struct {
	Remote *Remote
	Client *dynamodb.Client
	Ledger *ledger.Store
}

// maxRaces bounds how often a report is decided on anew because another about
// the same token came first; see package token.
const maxRaces = 2 * token.MaxSightings

var errBusy = problem.New(problem.Unavailable, "This token is being reported by many at once; send the same report again.")

// Find returns the tokens among hashes that the service knows, with what the
// ledger remembers of them. The hashes must be distinct.
func (s *Store) Find(ctx context.Context, hashes []token.Hash) (map[token.Hash]token.Token, error) {
	found, err := s.Remote.Lookup(ctx, hashes)
	if err != nil {
		return nil, err
	}
	var tokens []token.Token
	for _, t := range found {
		tokens = append(tokens, t)
	}
	// So that a report is known to owe no mail for what was told before, and
	// its mail does not wait for it.
	memories, err := s.recall(ctx, tokens...)
	if err != nil {
		return nil, err
	}
	for i, t := range tokens {
		t.ExposedAt, t.Places, t.MorePlaces = memories[i].exposed(), memories[i].places, memories[i].more
		found[t.Hash] = t
	}
	return found, nil
}

// Expose does what a report asks for. The service is asked first: a leaked token
// must be dead before anybody is told so.
func (s *Store) Expose(ctx context.Context, t token.Token, f token.Finding, policy token.Policy) (token.Outcome, error) {
	if t.ExpiresAt.After(f.At) { // the service has said that it is past
		t.ExpiresAt = f.At
	}
	ended := t.GoodAt(f.At) && policy.Revoke
	if ended {
		// Before the service is asked, because afterwards may be too late.
		if err := s.Ledger.Mark(ctx, t.Workspace, endingMarker+string(t.Hash), f.At); err != nil {
			return "", err
		}
		if err := s.Remote.Revoke(ctx, t.Hash, f.Report); err != nil {
			return "", err
		}
	}
	// What is remembered is read only now: while the service was busy, another
	// delivery of the same report may have told.
	for race := 1; race <= maxRaces; race++ {
		memories, err := s.recall(ctx, t)
		if err != nil {
			return "", err
		}
		if ended && !memories[0].told.IsZero() {
			slog.InfoContext(ctx, "a token whose leak was told before was revoked at the token service", "token", t.ID, "workspace", t.Workspace)
		}
		was, policy, step := memories[0].decide(t, f, policy, ended)
		if step.Empty() {
			return step.Outcome, nil
		}
		err = dynamo.Transact(ctx, s.Client, s.writes(&was, f, policy, step)...)
		if !errors.Is(err, dynamo.ErrCondition) {
			return step.Outcome, err
		}
		if err := dynamo.Pause(ctx, min(race, 5)); err != nil {
			return "", err
		}
	}
	return "", errBusy
}

// writes are a step's transaction: the entries, the marker that lets an exposure
// through once, and what is remembered of the token.
func (s *Store) writes(t *token.Token, f token.Finding, policy token.Policy, step token.Step) []types.TransactWriteItem {
	version := t.Version
	var items []types.TransactWriteItem
	for _, entry := range step.Entries(t, f, policy) {
		version++
		entry.Version = version
		items = append(items, s.Ledger.Put(entry))
	}
	if step.Expose {
		marker := toldMarker
		if step.Outcome == token.OutcomeReportedOnly {
			marker = reportedMarker
		}
		items = append(items, s.Ledger.Once(t.Workspace, marker+string(t.Hash), f.At))
	}
	if step.Counted > 0 && version == t.Version {
		version++ // no entry tells of it, and two reports must not count as one
	}
	note := dynamo.Item{"more_places": dynamo.N(t.MorePlaces + int64(step.Counted))}
	if places := slices.Concat(t.Places, step.NewPlaces(t, f)); len(places) > 0 {
		note["places"] = &types.AttributeValueMemberSS{Value: places}
	}
	return append(items, s.Ledger.Note(t.Workspace, placesMarker+string(t.Hash), f.At, t.Version, version, note))
}

// recall reads what the ledger remembers of tokens, consistently and in order.
func (s *Store) recall(ctx context.Context, tokens ...token.Token) ([]memory, error) {
	markers := make([]ledger.Marker, 0, 4*len(tokens))
	for _, t := range tokens {
		for _, name := range []string{toldMarker, reportedMarker, endingMarker, placesMarker} {
			markers = append(markers, ledger.Marker{Workspace: t.Workspace, Name: name + string(t.Hash)})
		}
	}
	set, err := s.Ledger.Markers(ctx, markers)
	if err != nil {
		return nil, err
	}
	memories := make([]memory, len(tokens))
	for i := range tokens {
		at := func(n int) dynamo.Item { return set[markers[4*i+n]] }
		memories[i] = memory{
			told: dynamo.TimeOf(at(0), "at"), reported: dynamo.TimeOf(at(1), "at"), ending: dynamo.TimeOf(at(2), "at"),
			more: dynamo.Number(at(3), "more_places"), version: dynamo.Number(at(3), "version"),
		}
		if places, ok := at(3)["places"].(*types.AttributeValueMemberSS); ok {
			memories[i].places = places.Value
		}
	}
	return memories, nil
}
