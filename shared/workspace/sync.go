package workspace

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"safekeep/shared/identity"
	"safekeep/shared/problem"
	"safekeep/shared/web"
)

// syncAtOnce is how many members are written at once.
const syncAtOnce = 8

// MaxMembers is how many members one sync may hold.
const MaxMembers = 20_000

// Synced counts what a sync did.
type Synced struct {
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Removed   int `json:"removed"`
	Unchanged int `json:"unchanged"`
}

// Sync makes the members of a workspace those of the list, as a nightly job of
// the company's own directory sends it. It adds and changes before it removes,
// so nobody is missing in between, and what fails half-way is finished by
// sending the same list again. A list that would remove more than half of the
// members is most likely a mistake and must be confirmed.
func (s *Store) Sync(ctx context.Context, workspace string, want []Member, confirmed bool, actor string, now time.Time) (Synced, error) {
	_, have, err := s.Roster(ctx, workspace)
	if err != nil {
		return Synced{}, err
	}
	before := make(map[string]Member, len(have))
	for _, m := range have {
		before[m.User] = m
	}
	var done Synced
	var put, left []Member
	for _, m := range want {
		old, known := before[m.User]
		delete(before, m.User)
		switch {
		case known && old.Email == m.Email && old.Role == m.Role:
			done.Unchanged++
		case known:
			done.Changed++
			put = append(put, m)
		default:
			done.Added++
			put = append(put, m)
		}
	}
	for _, m := range before {
		left = append(left, m)
	}
	done.Removed = len(left)
	if 2*len(left) > len(have) && !confirmed {
		return Synced{}, problem.New(problem.Conflict, fmt.Sprintf(
			`This would remove %d of %d members. If that is right, send it again with "confirm": true.`, len(left), len(have)))
	}
	if err := inParallel(ctx, put, func(ctx context.Context, m Member) error {
		_, err := s.PutMember(ctx, m, actor, now)
		return err
	}); err != nil {
		return Synced{}, err
	}
	return done, inParallel(ctx, left, func(ctx context.Context, m Member) error {
		return s.RemoveMember(ctx, workspace, m.User, actor, now)
	})
}

func inParallel(ctx context.Context, members []Member, do func(context.Context, Member) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(syncAtOnce)
	for _, m := range members {
		group.Go(func() error { return do(ctx, m) })
	}
	return group.Wait()
}

// syncRequest is the whole list.
type syncRequest struct {
	Members []struct {
		User  string `json:"user"`
		Email string `json:"email"`
		Role  Role   `json:"role"`
	} `json:"members"`
	Confirm bool `json:"confirm"`
}

func (q *syncRequest) check(workspace string) ([]Member, error) {
	if q.Members == nil {
		return nil, problem.Field("members", "is missing; send the whole list, or [] to remove everybody")
	}
	if len(q.Members) > MaxMembers {
		return nil, problem.Field("members", fmt.Sprintf("holds more than %d members", MaxMembers))
	}
	seen := make(map[string]bool, len(q.Members))
	members := make([]Member, len(q.Members))
	for i, m := range q.Members {
		name := func(field string) string { return fmt.Sprintf("members[%d].%s", i, field) }
		if err := identity.Check(name("user"), m.User); err != nil {
			return nil, err
		}
		if seen[m.User] {
			return nil, problem.Field(name("user"), "stands there twice")
		}
		seen[m.User] = true
		if err := checkEmail(name("email"), m.Email); err != nil {
			return nil, err
		}
		if err := checkRole(name("role"), m.Role); err != nil {
			return nil, err
		}
		members[i] = Member{Workspace: workspace, User: m.User, Email: m.Email, Role: m.Role}
	}
	return members, nil
}

func (s *Service) sync(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	var q syncRequest
	if err := web.ReadLongJSON(r, &q); err != nil {
		return err
	}
	workspace := r.PathValue("workspace")
	members, err := q.check(workspace)
	if err != nil {
		return err
	}
	if err := s.Store.CheckWorkspace(r.Context(), workspace); err != nil {
		return err
	}
	done, err := s.Store.Sync(r.Context(), workspace, members, q.Confirm, actor, s.Now().UTC())
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, done)
}

// Tokens are what a workspace's end takes with it.
type Tokens interface {
	// RevokeAll revokes every token of the workspace that is still good and
	// returns how many there were. One of the last second may be missed.
	RevokeAll(ctx context.Context, workspace, actor string, now time.Time) (int, error)
}

// endPause is how long the index of tokens is given to show the newest.
const endPause = time.Second

// end ends a workspace for good: it is marked first, so that nothing new is
// made in it, then its tokens are revoked and its members leave. The call can
// be repeated until it succeeds.
func (s *Service) end(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	id, now := r.PathValue("workspace"), s.Now().UTC()
	if err := s.Store.End(r.Context(), id, actor, now); err != nil {
		return err
	}
	if err := s.revokeAll(r.Context(), id, actor, now); err != nil {
		return err
	}
	_, members, err := s.Store.Roster(r.Context(), id)
	if err != nil {
		return err
	}
	if err := inParallel(r.Context(), slices.Clone(members), func(ctx context.Context, m Member) error {
		return s.Store.RemoveMember(ctx, id, m.User, actor, now)
	}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// revokeAll goes over the tokens until it finds none that is good, at least
// twice: the first time the index may not show the newest yet.
func (s *Service) revokeAll(ctx context.Context, id, actor string, now time.Time) error {
	for pass := 1; ; pass++ {
		revoked, err := s.Tokens.RevokeAll(ctx, id, actor, now)
		if err != nil || pass > 1 && revoked == 0 {
			return err
		}
		select {
		case <-time.After(endPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
