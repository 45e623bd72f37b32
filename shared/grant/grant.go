// Package grant issues and checks grants. A grant lets a connector open certain
// warehouse credentials of one workspace, once each, within five minutes; the
// rest of the company's systems never see more than a credential's reference.
//
// On the wire a grant is a JWT (RFC 7519) signed by a key that never leaves
// KMS. It follows RFC 8725, the best current practice: one algorithm, a type of
// its own, one audience, and no key but the one we know.
package grant

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"safekeep/shared/identity"
	"safekeep/shared/ledger"
	"safekeep/shared/problem"
)

// Lifetime is how long a grant is good: enough to start a connector, too short
// for one to be worth collecting.
const Lifetime = 5 * time.Minute

// The limits of a grant. With all of them reached its JWT is still shorter than
// MaxLength.
const (
	MaxCredentials = 20
	MaxRun         = 128 // characters
)

// Purpose is what a connector opens credentials for. It limits nothing; the
// ledger tells it to whoever asks why a credential was opened.
type Purpose string

// The purposes.
const (
	Extract Purpose = "extract" // read from the warehouse
	Write   Purpose = "write"   // load into it
	Test    Purpose = "test"    // only sign in
	Rotate  Purpose = "rotate"  // put a new key in place
)

var purposes = []Purpose{Extract, Write, Test, Rotate}

// Grant is what a connector may do. It is no secret, its [Token] is. Who asked
// for it stands in the ledger under its ID, not in the token, which travels
// further than a name or a mail address should.
type Grant struct {
	ID          string // a ULID, the claim jti: a credential is opened once under it
	Workspace   string
	Credentials []string // 1 to MaxCredentials ids, distinct
	Purpose     Purpose
	Run         string // what the company calls the run that the grant is for
	// IssuedAt and ExpiresAt are whole seconds in UTC, as JWTs have them.
	IssuedAt, ExpiresAt time.Time
}

// New returns a grant that is good from now on, or a problem that names the
// field of the request. Whether the credentials are there, and the workspace's,
// is for the caller to find out.
func New(workspace string, credentials []string, purpose Purpose, run string, now time.Time) (Grant, error) {
	issued := now.UTC().Truncate(time.Second)
	g := Grant{
		ID: ledger.NewSeq(), Workspace: workspace, Credentials: slices.Clone(credentials), Purpose: purpose, Run: run,
		IssuedAt: issued, ExpiresAt: issued.Add(Lifetime),
	}
	if err := g.check(); err != nil {
		return Grant{}, err
	}
	return g, nil
}

// Covers says whether the grant is for a credential.
func (g Grant) Covers(credential string) bool { return slices.Contains(g.Credentials, credential) }

// check holds a grant against the rules, the one that is asked for as well as
// the one that comes back. Times are not among them.
func (g Grant) check() error {
	if !isULID(g.ID) {
		return problem.Field("id", "must be a ULID")
	}
	if err := identity.Check("workspace", g.Workspace); err != nil {
		return err
	}
	if err := checkCredentials(g.Credentials); err != nil {
		return err
	}
	if !slices.Contains(purposes, g.Purpose) {
		return problem.Field("purpose", "must be extract, write, test or rotate")
	}
	return checkRun(g.Run)
}

func checkCredentials(ids []string) error {
	if len(ids) == 0 {
		return problem.Field("credentials", "is missing; name the credentials that the run needs")
	}
	if len(ids) > MaxCredentials {
		return problem.Field("credentials", fmt.Sprintf("holds more than %d credentials; ask for another grant for the rest", MaxCredentials))
	}
	for i, id := range ids {
		if !identity.IsUUID(id) {
			return problem.Field(fmt.Sprintf("credentials[%d]", i), "must be the id or the reference of a credential")
		}
		if slices.Contains(ids[:i], id) {
			return problem.Field(fmt.Sprintf("credentials[%d]", i), "stands there twice")
		}
	}
	return nil
}

// checkRun takes what can stand in every log and ledger as it is.
func checkRun(run string) error {
	if run == "" {
		return problem.Field("run", "is missing; give the id that your own logs know the run by")
	}
	if len(run) > MaxRun {
		return problem.Field("run", fmt.Sprintf("is longer than %d characters", MaxRun))
	}
	for i := range len(run) {
		if run[i] < ' ' || run[i] > '~' {
			return problem.Field("run", "may hold only printable ASCII characters")
		}
	}
	if strings.TrimSpace(run) != run {
		return problem.Field("run", "must not begin or end with a space")
	}
	return nil
}

// isULID takes the one spelling that we write. The id is part of a key in the
// table, where a second spelling would be a second grant.
func isULID(s string) bool {
	id, err := ulid.ParseStrict(s)
	return err == nil && id.String() == s
}
