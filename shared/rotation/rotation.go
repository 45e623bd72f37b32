// Package rotation exchanges the key pairs that connectors sign in to Snowflake
// with, so that nobody notices.
//
// A rotation is a few steps, each written to the credential and the ledger in one
// transaction before or after the one thing that it changes in Snowflake:
//
//	a new key is made and stored            credential.rotation_started
//	its public half is put into a free place        credential.key_placed
//	it signs in, and is in use from now on          credential.rotated
//	the old key is removed after the overlap        credential.key_retired
//
// Whoever dies in between leaves a credential that the next run takes up where it
// was, because what Snowflake knows is asked, not remembered: whether a key signs
// in says whether it was put in place. At every moment a key that is stored here
// signs in, and the one that connectors are given does.
//
// No key is replaced or removed there that was not made here, unless its owner
// has allowed it. Where Snowflake does not let us, the customer's admins are sent
// the SQL, and the rotation goes on when they have run it.
package rotation

import (
	"context"
	"crypto/rsa"
	"errors"
	"io"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/envelope"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/problem"
	"safekeep/shared/snowflake"
)

// Credentials are where key pairs stand. Begin, Promote and Advance write nothing
// and return credential.ErrRaced when the credential is not the one that was read
// any more.
type Credentials interface {
	Get(ctx context.Context, workspace, id string) (credential.Credential, error)
	EachKeyPair(ctx context.Context, yield func(credential.Credential) error) error
	// OtherKeys are the fingerprints of the keys that other credentials of the
	// workspace sign in with as the same user.
	OtherKeys(ctx context.Context, c credential.Credential, now time.Time) (map[string]bool, error)
	Begin(ctx context.Context, c credential.Credential, next credential.Version, at time.Time, actor string) (credential.Credential, error)
	Promote(ctx context.Context, c credential.Credential, tried credential.Connection, overlap time.Duration, actor string) (credential.Credential, error)
	Advance(ctx context.Context, c credential.Credential, entry ledger.Entry) (credential.Credential, error)
}

// Vault seals and opens secrets, each in its context alone.
type Vault interface {
	Seal(ctx context.Context, c envelope.Context, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, c envelope.Context, message []byte) ([]byte, error)
}

// Snowflake is where keys are put in place. Errors are those of
// [snowflake.Client].
type Snowflake interface {
	WhoAmI(ctx context.Context, p snowflake.Place, proof snowflake.Proof) (snowflake.Identity, error)
	Run(ctx context.Context, p snowflake.Place, key *rsa.PrivateKey, sql string) (snowflake.Rows, error)
}

// Leases keep two rotators from one credential.
type Leases interface {
	// Take returns how to give the lease back, or ok false when somebody has it.
	Take(ctx context.Context, name string, now, until time.Time) (release func(context.Context), ok bool, err error)
}

// Directory knows the workspaces.
type Directory interface {
	// CheckWorkspace returns a problem unless the workspace exists.
	CheckWorkspace(ctx context.Context, id string) error
}

// Rotator rotates key pairs: on request, and those that are due once a day.
type Rotator struct {
	Credentials Credentials
	Directory   Directory
	Vault       Vault
	Snowflake   Snowflake
	Leases      Leases
	Defaults    credential.Defaults
	Metrics     *metrics.Recorder
	// Now is the wall clock, which leases and the time that is left go by. What is
	// due is judged by a run's own time.
	Now    func() time.Time
	Random io.Reader
	// TimeTravel lets runs of any time through.
	TimeTravel bool
}

const (
	// visitTime bounds the work at one credential in one run. A rotation makes
	// some ten calls, each answered within a second.
	visitTime = 60 * time.Second
	// leaseTime is longer, so that nobody works at a credential under a lease
	// that has ended.
	leaseTime = visitTime + 15*time.Second
)

// The problems of somebody who asks for a rotation.
var (
	errNoKeyPair = problem.New(problem.Conflict, "Only a Snowflake key pair that is in use can be rotated. Make one with POST …/keypair.")
	errOverlap   = problem.New(problem.Conflict, "The key was rotated a moment ago, and the old one still signs in until the overlap ends (rotation.retire_at). Rotate again after that.")
	errTaken     = problem.New(problem.Conflict, "This key is being rotated at this moment; look again in a minute.")
	errVault     = problem.New(problem.Unavailable, "The key service did not answer in time; send the same request again.")
)

// Rotate implements credential.Rotator: it takes a rotation as far as it goes, from
// the start or from where it was held up.
func (r *Rotator) Rotate(ctx context.Context, workspace, id string, ask credential.RotationRequest) (credential.Credential, error) {
	c, err := r.Credentials.Get(ctx, workspace, id)
	if err != nil {
		return c, err
	}
	if !c.HasKeyPair() {
		return c, errNoKeyPair
	}
	v := &visit{rotator: r, c: c, at: r.Now().UTC(), actor: ask.Actor, asked: true, retireSupplied: ask.RetireSuppliedKey}
	err = r.visit(ctx, v)
	return v.c, err
}

// visit works at one credential, with its user to itself.
func (r *Rotator) visit(ctx context.Context, v *visit) error {
	now := r.Now()
	// The lease is on the user, not the credential: two credentials may share one,
	// and would each take the other's place to be free.
	c, err := r.Credentials.Get(ctx, v.c.Workspace, v.c.ID)
	if err != nil {
		return err
	}
	user := c.Current.Place().Whereabouts()
	release, ok, err := r.Leases.Take(ctx, user, now, now.Add(leaseTime))
	if err != nil {
		return err
	}
	if !ok {
		return errTaken
	}
	defer release(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, visitTime)
	defer cancel()
	// What was read before the lease may have been somebody's work in progress.
	if v.c, err = r.Credentials.Get(ctx, v.c.Workspace, v.c.ID); err != nil {
		return err
	}
	if !v.c.HasKeyPair() {
		return errNoKeyPair
	}
	if v.c.Current.Place().Whereabouts() != user {
		return errTaken
	}
	if err := v.keepPolicy(ctx); err != nil {
		return err
	}
	err = v.run(ctx)
	if errors.Is(err, credential.ErrRaced) {
		return errTaken
	}
	if errors.Is(err, envelope.ErrUnavailable) {
		return errors.Join(errVault, err)
	}
	return err
}
