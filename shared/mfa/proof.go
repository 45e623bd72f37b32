package mfa

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// proofLife is how long what a fresh verify proved may be used for a change.
const proofLife = 5 * time.Minute

// proofBytes is the length of a proof before it is encoded.
const proofBytes = 32

// maxProofs bounds how many proofs an account has at once; the oldest go first.
const maxProofs = 8

// newProof returns a proof and the digest that it is known by.
func newProof(random io.Reader) (Secret, string, error) {
	bytes := make([]byte, proofBytes)
	if _, err := io.ReadFull(random, bytes); err != nil {
		return Secret{}, "", fmt.Errorf("making a proof: %w", err)
	}
	proof := NewSecret(base64.RawURLEncoding.EncodeToString(bytes))
	return proof, digest(proof), nil
}

// digest is what is kept of a proof. It has 256 random bits, so a plain hash does.
func digest(proof Secret) string {
	sum := sha256.Sum256([]byte(proof.Reveal()))
	return hex.EncodeToString(sum[:])
}

// authorize uses up a proof on what will be an account, and says whether one was
// needed. An account without a factor has nothing to prove; any other takes a
// proof of its own that is neither used nor too old.
func (a *Account) authorize(proof Secret, now time.Time) (proved bool, err error) {
	if len(a.Factors) == 0 {
		return false, nil
	}
	name := digest(proof)
	if !now.Before(a.Proofs[name]) {
		return false, errProof
	}
	delete(a.Proofs, name)
	return true, nil
}

// unprove ends what was proved about the account as it was: proofs, and the
// enrolments that were begun by one. Somebody who got in for a moment could else
// finish theirs after the owner has thrown them out.
func (a *Account) unprove() {
	clear(a.Proofs)
	clear(a.Enrolling)
}

// provenBy says whether authorize would take a proof, before anything that costs
// is done for it.
func (a Account) provenBy(proof Secret, now time.Time) error {
	tried := a.clone()
	_, err := tried.authorize(proof, now)
	return err
}

// stale are the proofs that a new one takes the place of: those that are too old,
// and the oldest where there are many.
func (a Account) stale(now time.Time) []string {
	var stale []string
	oldest := ""
	for name, until := range a.Proofs {
		if !now.Before(until) {
			stale = append(stale, name)
		} else if oldest == "" || until.Before(a.Proofs[oldest]) {
			oldest = name
		}
	}
	if len(a.Proofs)-len(stale) >= maxProofs {
		stale = append(stale, oldest)
	}
	return stale
}
