package password

import (
	"crypto/sha256"
	"encoding/binary"
)

// Variant says whether somebody is given guidance.
type Variant string

// The variants.
const (
	// Guidance is the whole of it.
	Guidance Variant = "guidance"
	// Control is what a page does without: passwords are assessed and
	// measured, but only the rules are told and enforced, which are the length
	// and a workspace's block of breached ones.
	Control Variant = "control"
)

// Rollout is the share of people who are given guidance, in percent, 0 to 100.
type Rollout int

// VariantOf puts a subject, any stable id of a person, into a variant: always
// the same at one percentage, and once guided also at every higher one. Who has
// no id is guided, unless nobody is.
func (r Rollout) VariantOf(subject string) Variant {
	if r <= 0 {
		return Control
	}
	if subject == "" {
		return Guidance
	}
	// The label keeps the split apart from others that hash the same ids.
	sum := sha256.Sum256([]byte("safekeep password guidance\x00" + subject))
	if place := binary.BigEndian.Uint64(sum[:]) % 100; place < uint64(r) {
		return Guidance
	}
	return Control
}
