package codehost

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// kept is a key as the file has it. The keys sign nothing but reports to this
// machine, so a file that only its owner reads is protection enough.
type kept struct {
	PKCS8     []byte `json:"pkcs8"`
	Withdrawn bool   `json:"withdrawn"`
}

// save writes the keys down. h.mu is held, or nobody else knows h yet.
func (h *Host) save() error {
	if h.path == "" {
		return nil
	}
	var list []kept
	for _, k := range h.keys {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return fmt.Errorf("keeping the keys of %s: %w", h.name, err)
		}
		list = append(list, kept{der, k.withdrawn})
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("keeping the keys of %s: %w", h.name, err)
	}
	if err := os.WriteFile(h.path, text, 0o600); err != nil {
		return fmt.Errorf("keeping the keys of %s: %w", h.name, err)
	}
	return nil
}

// load reads the keys back; found is false when there are none.
func (h *Host) load() (found bool, err error) {
	if h.path == "" {
		return false, nil
	}
	text, err := os.ReadFile(h.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	var list []kept
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return false, fmt.Errorf("reading the keys of %s (remove %s to make new ones): %w", h.name, h.path, err)
	}
	for _, l := range list {
		private, err := x509.ParsePKCS8PrivateKey(l.PKCS8)
		if err != nil {
			return false, fmt.Errorf("reading the keys of %s: %w", h.name, err)
		}
		ec, ok := private.(*ecdsa.PrivateKey)
		if !ok {
			return false, fmt.Errorf("reading the keys of %s: a key is of type %T", h.name, private)
		}
		k, err := h.publish(ec)
		if err != nil {
			return false, err
		}
		k.withdrawn = l.Withdrawn
		h.keys = append(h.keys, k)
	}
	return len(h.keys) > 0, nil
}
