package rotation

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/ledger"
	"safekeep/shared/snowflake"
)

// visit is the work of one run at one credential.
type visit struct {
	rotator *Rotator
	c       credential.Credential
	at      time.Time // the run's time
	actor   string
	// asked says that somebody wants it done now, due or not, and retireSupplied
	// what they said about a key of the customer's own.
	asked          bool
	again          bool // asked for while the old key of the last one is still there
	retireSupplied *bool
	rotated        bool // a new key was put in use
	gone           bool // an old one was removed, or is left to its owner
	made           bool // the awaited key was made in this visit, so Snowflake cannot know it
}

// keepPolicy keeps what somebody has said about a key of the customer's own, before
// anything goes by it.
func (v *visit) keepPolicy(ctx context.Context) error {
	if v.retireSupplied == nil || *v.retireSupplied == v.c.Rotation.Policy.RetiresSupplied() {
		return nil
	}
	v.c.Rotation.Policy.RetireSuppliedKey = v.retireSupplied
	return v.advance(ctx, ledger.CredentialRotationChanged, v.c.Rotation.Policy, false)
}

// bits is the size of the keys that are made. It is the least that Snowflake takes
// and what its own pages make; a key lives for some months.
const bits = 2048

// maxSteps is more than a rotation and the end of the one before take.
const maxSteps = 6

// run takes steps until there is nothing to do, or something is in the way.
func (v *visit) run(ctx context.Context) error {
	for range maxSteps {
		moved, err := v.step(ctx)
		var held *held
		if errors.As(err, &held) {
			return v.note(context.WithoutCancel(ctx), held)
		}
		if err != nil || !moved {
			return err
		}
	}
	return fmt.Errorf("the rotation of %s comes to no end", v.c.ID)
}

// step takes one step and says whether there may be another.
func (v *visit) step(ctx context.Context) (moved bool, err error) {
	switch v.c.Rotation.Step {
	case credential.Placing:
		return true, v.place(ctx)
	case credential.Retiring:
		if v.asked && v.rotated {
			return false, nil // done, as far as it goes today
		}
		if v.present().Before(v.c.Rotation.RetireAt) {
			if v.asked {
				err = errOverlap
			}
			return false, err
		}
		// Whoever asks while the old key is still to go wants that first.
		v.asked, v.again = false, v.asked
		return true, v.retire(ctx)
	default:
		if !v.asked && !v.due() {
			return false, nil
		}
		return true, v.begin(ctx)
	}
}

// present is the run's time but, where time does not travel, none that is still to
// come: what was opened a moment ago must get through its overlap.
func (v *visit) present() time.Time {
	if now := v.rotator.Now().UTC(); !v.rotator.TimeTravel && now.Before(v.at) {
		return now
	}
	return v.at
}

// switching is when a key is put in use, from which the overlap counts: by the
// wall's clock where the run is late.
func (v *visit) switching() time.Time {
	if now := v.rotator.Now().UTC(); now.After(v.at) {
		return now
	}
	return v.at
}

func (v *visit) due() bool {
	due := v.c.DueAt(v.rotator.Defaults)
	return !due.IsZero() && !v.at.Before(due)
}

// begin makes a key and stores it, before anything is changed in the warehouse. A
// key that waits for the customer's SQL already is taken instead.
func (v *visit) begin(ctx context.Context) (err error) {
	next := v.c.Pending
	if next.Number == 0 {
		if next, err = v.newVersion(ctx); err != nil {
			return err
		}
		v.made = true
	}
	v.c, err = v.rotator.Credentials.Begin(ctx, v.c, next, v.at, v.actor)
	return err
}

// newVersion makes a key and seals it.
func (v *visit) newVersion(ctx context.Context) (credential.Version, error) {
	private, err := snowflake.GenerateKey(v.rotator.Random, bits)
	if err != nil {
		return credential.Version{}, err
	}
	secret, err := json.Marshal(map[string]string{"private_key": string(snowflake.MarshalPrivateKey(private))})
	if err != nil {
		return credential.Version{}, err
	}
	defer clear(secret)
	next := credential.Version{
		Number: v.c.Numbers + 1, Settings: v.c.Current.Settings, CreatedAt: v.at, Fingerprint: snowflake.Fingerprint(&private.PublicKey),
	}
	next.Sealed, err = v.rotator.Vault.Seal(ctx, credential.SealContext(v.c.Workspace, v.c.ID, next.Number), secret)
	return next, err
}

// key opens the key of a version.
func (v *visit) key(ctx context.Context, version credential.Version) (*rsa.PrivateKey, error) {
	secret, err := v.rotator.Vault.Open(ctx, credential.SealContext(v.c.Workspace, v.c.ID, version.Number), version.Sealed)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	proof, err := credential.ParseProof(secret)
	if err == nil && proof.Key == nil {
		err = errors.New("the credential holds no key")
	}
	return proof.Key, err
}

// place has the awaited key sign in, put in place by us or by the customer, and
// puts it in use.
func (v *visit) place(ctx context.Context) error {
	next, err := v.key(ctx, v.c.Pending)
	if err != nil {
		return err
	}
	// First it is tried: somebody may have run the SQL, or a run before this one
	// may have got this far.
	if !v.made {
		known, err := v.prove(ctx, next)
		if err != nil || known {
			return err
		}
	}
	if err := v.put(ctx, next); err != nil {
		return err
	}
	// Snowflake's own parts may take a moment to hear of a new key.
	for try := range proofTries {
		known, err := v.prove(ctx, next)
		if err != nil || known {
			return err
		}
		select {
		case <-time.After(time.Duration(try+1) * proofPause):
		case <-ctx.Done():
			return failing("unreachable", "", ctx.Err())
		}
	}
	return failing("not_accepted", "Snowflake shows the new key with the user and does not let it sign in yet. It is tried again every day; the old key stays in use.", nil)
}

const (
	proofTries = 4
	proofPause = 500 * time.Millisecond
)

// prove signs in with the awaited key and, when that works, puts it in use. Known
// is false when Snowflake does not know the key.
func (v *visit) prove(ctx context.Context, next *rsa.PrivateKey) (known bool, err error) {
	tried, err := credential.Try(ctx, v.rotator.Snowflake, v.c.Pending, snowflake.Proof{Key: next}, v.switching())
	if err != nil {
		return false, failing("unreachable", "", err)
	}
	reason := snowflake.Reason(tried.Reason)
	switch {
	case tried.State == credential.Connected:
		v.c, err = v.rotator.Credentials.Promote(ctx, v.c, tried, v.c.Rotation.Policy.Overlap(v.rotator.Defaults), v.actor)
		v.rotated = err == nil
		return true, err
	case reason == snowflake.ReasonKey || reason == snowflake.ReasonFingerprint:
		return false, nil
	}
	return false, failingSQL(tried.Reason, tried.Explanation, tried.SQL)
}

// advance writes the credential with an entry that tells what was done.
func (v *visit) advance(ctx context.Context, kind ledger.Kind, detail any, owes bool) error {
	entry := ledger.New(v.c.Workspace, v.at, kind, v.actor, v.c.ID, detail)
	entry.Owes = owes
	c, err := v.rotator.Credentials.Advance(ctx, v.c, entry)
	if err == nil {
		v.c = c
	}
	return err
}
