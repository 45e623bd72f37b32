// Package envelope seals a customer's secret so that it opens only as what it
// was sealed as: the same workspace, credential and version. A message that is
// copied to another row of the table stays shut.
//
// The key that seals never leaves KMS. Each message has a data key of its own,
// which only KMS can unwrap, so opening one is one call that CloudTrail sees,
// with the ids of whose secret it was.
package envelope

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// MaxPlaintext is the longest secret in bytes that is sealed. A service account
// of Google's has 2.4 kB and an RSA key of 4096 bits 3.3 kB; the limit bounds
// what a hostile one can cost, as time grows with length.
const MaxPlaintext = 32 << 10

// Kind is what every context says of itself. Another kind of secret that ever
// uses the same key is thereby another context, and a policy can tell them apart.
const Kind = "warehouse-credential"

var (
	// ErrSealed means that a message does not open here and never will: it was
	// sealed for another context or under another key, was changed, cut off or is
	// none of ours. Which of these is not told.
	ErrSealed = errors.New("envelope: the message does not open in this context")
	// ErrUnavailable means that KMS did not do its part: it was unreachable, slow,
	// throttling, refused us, or the caller's context ended. It says nothing of the
	// message. It wraps KMS's error or the context's, which hold no secrets and are
	// for the log.
	ErrUnavailable = errors.New("envelope: KMS did not do its part")
	// ErrInvalid means that Seal was asked for what cannot be sealed: nothing, more
	// than MaxPlaintext, or a context that names no workspace, credential or
	// version. That is a mistake in the calling code.
	ErrInvalid = errors.New("envelope: this cannot be sealed")
)

// Context is whose secret a message holds. It is no secret itself: CloudTrail
// and the policies of the key see it in clear, so it is made of ids and nothing
// that names a person.
type Context struct {
	Workspace  string // its id, 1 to 128 bytes
	Credential string // its id, 1 to 128 bytes
	Version    int64  // from 1
}

// The names in the encryption context. The key's policy in infra/data.yaml
// insists on these four and on no fifth.
const (
	keyWorkspace  = "workspace"
	keyCredential = "credential"
	keyVersion    = "version"
	keyKind       = "kind"
)

// required are all of them: none may be missing when a message is opened.
var required = []string{keyWorkspace, keyCredential, keyVersion, keyKind}

// pairs is the context as KMS gets it.
func (c Context) pairs() map[string]string {
	return map[string]string{
		keyWorkspace: c.Workspace, keyCredential: c.Credential, keyVersion: strconv.FormatInt(c.Version, 10), keyKind: Kind,
	}
}

// check refuses a context that is not filled in: it would be one that all who
// forgot to fill it in share. The reason names no value.
func (c Context) check() error {
	for name, id := range map[string]string{keyWorkspace: c.Workspace, keyCredential: c.Credential} {
		if id == "" || len(id) > 128 || !utf8.ValidString(id) {
			return fmt.Errorf("%w: the context's %s is no id", ErrInvalid, name)
		}
	}
	if c.Version < 1 {
		return fmt.Errorf("%w: the context's version is not from 1", ErrInvalid)
	}
	return nil
}

// format is the first byte of a message. It says what the rest is, so that the
// library, which has no stable release yet, can be exchanged without touching
// what is stored: a second format is a second value here, and both open.
const format = 1

// overhead is more than what sealing adds: the format, the header with the
// wrapped data key and the key's ARN, and 32 bytes for every 4096.
const overhead = 4 << 10

// pack puts the format before a message.
func pack(message []byte) []byte {
	return append([]byte{format}, message...)
}

// unpack takes it off. What is too short, too long or of another format is
// refused here, before anything is parsed or KMS is asked.
func unpack(packed []byte) ([]byte, error) {
	if len(packed) < 2 || len(packed) > MaxPlaintext+overhead || packed[0] != format {
		return nil, ErrSealed
	}
	return packed[1:], nil
}
