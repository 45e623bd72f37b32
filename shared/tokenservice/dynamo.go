package tokenservice

import (
	"context"
	"errors"
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
// ledger remembers of them. The hashes must be distinct. An error beside tokens
// is about others; see Remote.Lookup.
func (s *Store) Find(ctx context.Context, hashes []token.Hash) (map[token.Hash]token.Token, error) {
	found, odd := s.Remote.Lookup(ctx, hashes)
	if found == nil {
		return nil, odd
	}
	var tokens []token.Token
	for _, t := range found {
		tokens = append(tokens, t)
	}
	// So that a report is known to owe no mail for what was told before, and
	// its mail does not wait for it.
	memories, err := s.recall(ctx, tokens...)
	if err != nil {
		return nil, errors.Join(odd, err)
	}
	for i, t := range tokens {
		t.ExposedAt, t.Places, t.MorePlaces = memories[i].exposed(&t), memories[i].places, memories[i].more
		found[t.Hash] = t
	}
	return found, odd
}

// Expose does what a report asks for. The service is asked first: a leaked token
// must be dead before anybody is told so.
func (s *Store) Expose(ctx context.Context, t token.Token, f token.Finding, policy token.Policy) (token.Outcome, error) {
	if t.ExpiresAt.After(f.At) { // the service has said that it is past
		t.ExpiresAt = f.At
	}
	ended := t.GoodAt(f.At) && policy.Revoke
	if ended && !t.ExposedAt.IsZero() {
		if err := s.revive(ctx, t, f); err != nil {
			return "", err
		}
	}
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
		was, policy, step := memories[0].decide(t, f, policy, ended)
		if step.Empty() {
			return step.Outcome, nil
		}
		err = dynamo.Transact(ctx, s.Client, s.writes(&memories[0], &was, f, policy, step)...)
		if !errors.Is(err, dynamo.ErrCondition) {
			return step.Outcome, err
		}
		if err := dynamo.Pause(ctx, min(race, 5)); err != nil {
			return "", err
		}
	}
	return "", errBusy
}

// revive notes that a token is alive which was told to be ended, so that its next
// end is told of too: once, and also when we die in between.
func (s *Store) revive(ctx context.Context, t token.Token, f token.Finding) error {
	memories, err := s.recall(ctx, t)
	if err != nil {
		return err
	}
	m := memories[0]
	if m.told.IsZero() || m.revivals > m.accounted {
		return nil
	}
	// What was looked up may be older than what was told: another delivery of
	// the same report may have ended it since. What is alive now was brought back.
	found, err := s.Remote.Lookup(ctx, []token.Hash{t.Hash})
	if err != nil {
		return err
	}
	if now := found[t.Hash]; !alive(&now) {
		return nil
	}
	err = dynamo.Transact(ctx, s.Client, s.Ledger.Note(t.Workspace, revivedMarker+string(t.Hash), f.At, m.revivals, m.revivals+1, nil))
	if errors.Is(err, dynamo.ErrCondition) {
		return nil // another delivery has noted the same
	}
	return err
}

// writes are a step's transaction: the entries, the marker that lets an exposure
// through once, and what is remembered of the token.
func (s *Store) writes(m *memory, t *token.Token, f token.Finding, policy token.Policy, step token.Step) []types.TransactWriteItem {
	version := t.Version
	var items []types.TransactWriteItem
	for _, entry := range step.Entries(t, f, policy) {
		version++
		entry.Version = version
		items = append(items, s.Ledger.Put(entry))
	}
	if step.Expose {
		marker := toldMarker
		switch step.Outcome {
		case token.OutcomeReportedOnly:
			marker = reportedMarker
		case token.OutcomeAlreadyRevoked:
			marker = endedBeforeMarker
		default: // revoked: the first choice stands
		}
		items = append(items, s.Ledger.Once(t.Workspace, marker+string(t.Hash), f.At))
	}
	if step.Counted > 0 && version == t.Version {
		version++ // no entry tells of it, and two reports must not count as one
	}
	accounted := m.accounted
	if step.Revoke {
		accounted = m.revivals
	}
	note := dynamo.Item{"more_places": dynamo.N(t.MorePlaces + int64(step.Counted)), "accounted": dynamo.N(accounted)}
	if places := slices.Concat(t.Places, step.NewPlaces(t, f)); len(places) > 0 {
		note["places"] = &types.AttributeValueMemberSS{Value: places}
	}
	return append(items, s.Ledger.Note(t.Workspace, placesMarker+string(t.Hash), f.At, t.Version, version, note))
}

// recall reads what the ledger remembers of tokens, consistently and in order.
func (s *Store) recall(ctx context.Context, tokens ...token.Token) ([]memory, error) {
	names := []string{toldMarker, reportedMarker, endedBeforeMarker, endingMarker, placesMarker, revivedMarker}
	markers := make([]ledger.Marker, 0, len(names)*len(tokens))
	for _, t := range tokens {
		for _, name := range names {
			markers = append(markers, ledger.Marker{Workspace: t.Workspace, Name: name + string(t.Hash)})
		}
	}
	set, err := s.Ledger.Markers(ctx, markers)
	if err != nil {
		return nil, err
	}
	memories := make([]memory, len(tokens))
	for i := range tokens {
		at := func(n int) dynamo.Item { return set[markers[len(names)*i+n]] }
		memories[i] = memory{
			told: dynamo.TimeOf(at(0), "at"), reported: dynamo.TimeOf(at(1), "at"), endedBefore: dynamo.TimeOf(at(2), "at"), ending: dynamo.TimeOf(at(3), "at"),
			more: dynamo.Number(at(4), "more_places"), version: dynamo.Number(at(4), "version"), accounted: dynamo.Number(at(4), "accounted"),
			revivals: dynamo.Number(at(5), "version"),
		}
		if places, ok := at(4)["places"].(*types.AttributeValueMemberSS); ok {
			memories[i].places = places.Value
		}
	}
	return memories, nil
}
