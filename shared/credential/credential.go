// Package credential keeps what customers hand over to sign in to their data
// warehouses. The secret is sealed as soon as it has been checked; everybody but
// a connector at the moment of connecting holds a reference,
// safekeep:credential/<id>.
package credential

import (
	"encoding/json"
	"strings"
	"time"

	"safekeep/shared/identity"
	"safekeep/shared/problem"
	"safekeep/shared/warehouse"
)

// Status says whether a credential is known to be set up.
type Status string

// A credential is ready unless it waits for the customer to put the public key
// that was made here into the warehouse.
const (
	Ready        Status = "ready"
	PendingSetup Status = "pending_setup"
)

// Credential is one warehouse credential, its secret sealed.
type Credential struct {
	Workspace string
	ID        string // a UUID in lower case
	Name      string
	Warehouse warehouse.Kind
	Status    Status
	CreatedAt time.Time
	UpdatedAt time.Time
	// DeletedAt is set on a tombstone, which has neither settings nor secret.
	DeletedAt time.Time
	// Current is what connectors are given; its Number is 0 while the customer
	// has handed nothing over yet.
	Current Version
	// Pending is a version whose key the warehouse may not know yet; Number 0
	// is none. Connectors are given it by its number, or where there is no
	// other.
	Pending Version
	// Numbers is the highest number that a version ever had.
	Numbers int64
	// Revision counts the changes, and the ledger entries that tell of them.
	Revision int64
	// Connection is the last sign-in that was tried here; its State is "" when
	// none was.
	Connection Connection
	Rotation   Rotation
}

// Version is settings and secret that belong together.
type Version struct {
	Number   int64
	Settings json.RawMessage
	// Sealed is the secret under the envelope, whose context names this very
	// version; empty when there is none.
	Sealed []byte
	// Fingerprint is that of the public key, "SHA256:…", or "".
	Fingerprint string
	CreatedAt   time.Time
	// Until is when a version that was replaced stops being openable.
	Until time.Time
}

// The problems a caller can have with a credential.
var (
	ErrNotFound = problem.New(problem.NotFound, "There is no such credential here.")
	errEmpty    = problem.New(problem.Conflict, "This credential has no secret yet. Put one, or make a key pair (POST …/keypair) and run its SQL.")
	errBusy     = problem.New(problem.Unavailable, "This credential is being changed by many at once; send the same request again.")
)

// referencePrefix begins a reference; the id follows.
const referencePrefix = "safekeep:credential/"

// Reference is how the rest of the company's systems name the credential.
func Reference(id string) string { return referencePrefix + id }

// ParseID returns the id that a text names, itself or as a reference, and
// whether it can be one.
func ParseID(text string) (id string, ok bool) {
	id = strings.TrimPrefix(text, referencePrefix)
	return id, identity.IsUUID(id)
}

// MaxName is the longest name of a credential in characters.
const MaxName = 100

func checkName(name string) error {
	return identity.CheckLine("name", name, MaxName, "say what the credential is for; names need not be unique")
}

// ChangeDetail is the detail of the entries about a credential's changes.
type ChangeDetail struct {
	Name        string         `json:"name"`
	Warehouse   warehouse.Kind `json:"warehouse"`
	Version     int64          `json:"version,omitempty"`
	Fingerprint string         `json:"fingerprint,omitempty"`
	// Until is when the version before stops being openable.
	Until time.Time `json:"until,omitzero"`
	// Replaced is the fingerprint of the key that was in use before.
	Replaced string `json:"replaced,omitempty"`
	// Account and User say where the key signs in, of a rotation.
	Account string `json:"account,omitempty"`
	User    string `json:"user,omitempty"`
	// Retires says that the replaced key will be removed from the warehouse.
	Retires bool `json:"retires,omitempty"`
}

func detailOf(c Credential, v Version) ChangeDetail {
	return ChangeDetail{Name: c.Name, Warehouse: c.Warehouse, Version: v.Number, Fingerprint: v.Fingerprint}
}
