package mfa_test

import (
	"bytes"
	"testing"

	"safekeep/shared/envelope/kmstest"
	"safekeep/shared/keyservice"
	"safekeep/shared/mfa"
)

// What is sealed opens for its user and purpose, under its key, and as nothing
// else.
func TestSealedFor(t *testing.T) {
	k := kmstest.New(t, factorKey)
	client := keyservice.NewClient(k.Config())
	ours, other := &mfa.KMS{Client: client, Key: factorKey}, &mfa.KMS{Client: client, Key: kmstest.Key}
	seed := []byte("12345678901234567890")
	sealed, err := ours.Seal(t.Context(), "ann", mfa.TOTP, seed)
	if err != nil || bytes.Contains(sealed, seed) {
		t.Fatalf("sealing: %v", err)
	}
	if got, err := ours.Open(t.Context(), "ann", mfa.TOTP, sealed); err != nil || !bytes.Equal(got, seed) {
		t.Errorf("opening: %v", err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another user":    func() ([]byte, error) { return ours.Open(t.Context(), "bob", mfa.TOTP, sealed) },
		"another purpose": func() ([]byte, error) { return ours.Open(t.Context(), "ann", mfa.SMS, sealed) },
		"another key":     func() ([]byte, error) { return other.Open(t.Context(), "ann", mfa.TOTP, sealed) },
		"changed":         func() ([]byte, error) { return ours.Open(t.Context(), "ann", mfa.TOTP, append([]byte{1}, sealed...)) },
	} {
		if got, err := open(); err == nil || got != nil {
			t.Errorf("%s: it opens", name)
		}
	}
	for _, call := range k.Calls() {
		if len(call.Context) != 2 || call.Context["user"] == "" || call.Context["purpose"] == "" {
			t.Errorf("%s with the context %v", call.Operation, call.Context)
		}
	}
}
