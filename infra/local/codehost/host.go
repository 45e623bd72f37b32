// Package codehost plays GitHub and GitLab as far as leaked tokens go: it has
// signing keys, publishes them, signs reports exactly as the real ones do and
// delivers them.
//
// The formats are those of GitHub's secret scanning partner program and of
// GitLab's automatic response to leaked secrets.
package codehost

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The hosts that are played.
const (
	GitHub = "github"
	GitLab = "gitlab"
)

// A Host is one code host. Its methods may be called at the same time.
type Host struct {
	name string
	path string // of the file that keeps the keys; empty keeps none

	mu      sync.Mutex
	keys    []key // oldest first; the last one is current and signs
	fetches []Fetch
	outage  int // HTTP status of the key document while it is out of order
}

// A key is one pair. Its private half stays known when it is withdrawn, so that
// a test can play a thief.
type key struct {
	id        string
	private   *ecdsa.PrivateKey
	pem       string
	withdrawn bool
}

// A Fetch is one request for the key document.
type Fetch struct {
	At time.Time
	// Bearer is the token of the Authorization header, empty without one.
	Bearer string
	// Status is what was answered: 200, 304, or the outage's.
	Status int
}

// New makes the named host with one key. When path is not empty, its keys are
// kept in that file and read from there.
func New(name, path string) (*Host, error) {
	h := &Host{name: name, path: path}
	found, err := h.load()
	if err != nil {
		return nil, err
	}
	if !found {
		if _, err := h.AddKey(); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Name is GitHub or GitLab.
func (h *Host) Name() string { return h.name }

// AddKey makes a new key the current one, as a rotation does, and returns its
// id. The older ones stay in the document until they are withdrawn.
func (h *Host) AddKey() (string, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", fmt.Errorf("making a key for %s: %w", h.name, err)
	}
	k, err := h.publish(private)
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys = append(h.keys, k)
	return k.id, h.save()
}

// Withdraw takes a key out of the document. Reports can still be signed with it
// through [Host.SignWith].
func (h *Host) Withdraw(id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.keys, func(k key) bool { return k.id == id })
	if i < 0 {
		return fmt.Errorf("withdrawing a key: %s has none with the id %s", h.name, id)
	}
	h.keys[i].withdrawn = true
	return h.save()
}

// KeyIDs are the ids of the published keys, oldest first.
func (h *Host) KeyIDs() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []string
	for _, k := range h.keys {
		if !k.withdrawn {
			ids = append(ids, k.id)
		}
	}
	return ids
}

// Outage answers requests for the key document with status until it is called
// with 0.
func (h *Host) Outage(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outage = status
}

// Fetches are the requests for the key document so far.
func (h *Host) Fetches() []Fetch {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.fetches)
}

// publish gives a key its public text and, as the hosts do, an id made from that
// text: GitHub's are SHA-256, GitLab's SHA-1.
func (h *Host) publish(private *ecdsa.PrivateKey) (key, error) {
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return key{}, fmt.Errorf("encoding a key of %s: %w", h.name, err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	// Nothing may depend on how ids are made; but they have the real ones' length
	// and alphabet, which do differ between the hosts.
	sum256, sum1 := sha256.Sum256(text), sha1.Sum(text)
	id := hex.EncodeToString(sum256[:])
	if h.name == GitLab {
		id = hex.EncodeToString(sum1[:])
	}
	return key{id: id, private: private, pem: string(text)}, nil
}

// header names the two headers of a signed report.
func (h *Host) headers(keyID, signature string) http.Header {
	prefix := "Github"
	if h.name == GitLab {
		prefix = "Gitlab"
	}
	return http.Header{
		"Accept":                          {"*/*"},
		"Content-Type":                    {"application/json"},
		prefix + "-Public-Key-Identifier": {keyID},
		prefix + "-Public-Key-Signature":  {signature},
	}
}
