package credential

import (
	"context"
	"errors"
	"net/http"
	"time"

	"safekeep/shared/problem"
	"safekeep/shared/warehouse"
	"safekeep/shared/web"
)

// tested is how a sign-in went that somebody asked for.
type tested struct {
	OK          bool      `json:"ok"`
	At          time.Time `json:"at"`
	Version     int64     `json:"version"`
	Fingerprint *string   `json:"fingerprint"`
	User        *string   `json:"user"`
	Role        *string   `json:"role"`
	Warehouse   *string   `json:"warehouse"`
	Reason      *string   `json:"reason"`
	Explanation *string   `json:"explanation"`
	SQL         *string   `json:"sql"`
	// Promoted says that a key which was awaited signs in, and is now in use.
	Promoted bool `json:"promoted"`
}

var (
	errNotTried = problem.New(problem.Conflict, "Sign-ins are tried for snowflake credentials only.")
	errNoAnswer = problem.New(problem.Unavailable, "Snowflake did not answer in time; send the same request again.")
)

// test signs in with a credential, at any time. A key that waits for the
// customer's SQL is tried first: when it signs in, it takes the place of the one
// in use.
func (s *Service) test(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*tryTime-5*time.Second)
	defer cancel()
	for range maxRaces {
		c, err := s.named(r)
		if err != nil {
			return err
		}
		if c.Warehouse != warehouse.Snowflake {
			return errNotTried
		}
		answer, err := s.testBoth(ctx, c, actor)
		if errors.Is(err, ErrRaced) {
			continue
		}
		if err != nil {
			return err
		}
		return web.WriteJSON(w, http.StatusOK, answer)
	}
	return errBusy
}

// testBoth tries the awaited key and then the one in use.
func (s *Service) testBoth(ctx context.Context, c Credential, actor string) (tested, error) {
	if c.Pending.Number > 0 {
		tried, err := s.tryVersion(ctx, c, c.Pending)
		if err != nil {
			return tested{}, err
		}
		if tried.State == Connected {
			_, err := s.Store.Promote(ctx, c, tried, c.Rotation.Policy.Overlap(s.Defaults), actor)
			return testedOf(tried, c.Pending, true), err
		}
		if len(c.Current.Sealed) == 0 {
			return testedOf(tried, c.Pending, false), s.Store.NoteConnection(ctx, c, tried)
		}
	}
	if len(c.Current.Sealed) == 0 {
		return tested{}, errEmpty
	}
	tried, err := s.tryVersion(ctx, c, c.Current)
	if err != nil {
		return tested{}, err
	}
	return testedOf(tried, c.Current, false), s.Store.NoteConnection(ctx, c, tried)
}

// tryVersion opens a version and signs in with it. That Snowflake cannot be
// reached is noted, too.
func (s *Service) tryVersion(ctx context.Context, c Credential, v Version) (Connection, error) {
	secret, err := s.Opener.Open(ctx, SealContext(c.Workspace, c.ID, v.Number), v.Sealed)
	if err != nil {
		return Connection{}, unavailable(err)
	}
	defer clear(secret)
	proof, err := ParseProof(secret)
	if err != nil {
		return Connection{}, err
	}
	tried, err := Try(ctx, s.Snowflake, v, proof, s.Now().UTC())
	s.countSignIn(tried)
	if err != nil {
		return tried, errors.Join(errNoAnswer, err, s.Store.NoteConnection(context.WithoutCancel(ctx), c, tried))
	}
	return tried, nil
}

func testedOf(c Connection, v Version, promoted bool) tested {
	return tested{
		OK: c.State == Connected, At: c.At, Version: c.Version, Fingerprint: known(v.Fingerprint),
		User: known(c.User), Role: known(c.Role), Warehouse: known(c.Warehouse),
		Reason: known(c.Reason), Explanation: known(c.Explanation), SQL: known(c.SQL), Promoted: promoted,
	}
}

// known is a text for JSON, null when there is none.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
