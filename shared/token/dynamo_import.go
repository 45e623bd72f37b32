package token

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// How an import is written.
const (
	// importChunk tokens of three items each fit a transaction of 100 items.
	importChunk  = 33
	importAtOnce = 8
)

// Import stores those of the tokens whose hash is not stored yet, by whichever
// workspace, and returns what is stored under every hash then: what is there
// stays as it is, so an ended token is never brought back and the same import
// can be repeated. When it fails half-way, the chunks that were written stay.
func (s *Store) Import(ctx context.Context, tokens []Token, actor string, now time.Time) (map[Hash]Token, error) {
	stored := map[Hash]Token{}
	for range maxRaces {
		left := missing(tokens, stored)
		hashes := make([]Hash, len(left))
		for i, t := range left {
			hashes[i] = t.Hash
		}
		found, err := s.Find(ctx, hashes)
		if err != nil {
			return nil, err
		}
		maps.Copy(stored, found)
		left = missing(left, found)
		if len(left) == 0 {
			return stored, nil
		}
		raced, err := s.importChunks(ctx, left, actor, now)
		if err != nil {
			return nil, err
		}
		if !raced {
			for _, t := range left {
				stored[t.Hash] = t
			}
			return stored, nil
		}
	}
	return nil, errImportRaced
}

// importChunks writes the tokens and reports whether one of them came to be in
// between, so that its whole chunk was left out.
func (s *Store) importChunks(ctx context.Context, tokens []Token, actor string, now time.Time) (raced bool, err error) {
	chunks := slices.Collect(slices.Chunk(tokens, importChunk))
	lost := make([]bool, len(chunks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(importAtOnce)
	for i, chunk := range chunks {
		group.Go(func() error {
			var items []types.TransactWriteItem
			for _, t := range chunk {
				items = append(items, s.birth(t, birthEntry(t, ledger.TokenImported, now, actor))...)
			}
			err := dynamo.Transact(ctx, s.Client, items...)
			lost[i] = errors.Is(err, dynamo.ErrCondition)
			if lost[i] {
				return nil
			}
			return err
		})
	}
	err = group.Wait()
	return slices.Contains(lost, true), err
}
