// Package kms stands in for AWS KMS: local-kms by Neil Smith (MIT), which does
// the cryptography and speaks the protocol, over the keys that the template
// makes. What it has no notion of is who calls: policies of keys and roles are
// held against the template by a Go test, not here.
package kms

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"

	"github.com/nsmithuk/local-kms/src/cmk"
	"github.com/nsmithuk/local-kms/src/data"
	"github.com/nsmithuk/local-kms/src/handler"
	"github.com/sirupsen/logrus"

	"safekeep/infra"
)

// A Service is a KMS with its keys. It may be called from many goroutines.
type Service struct {
	database *data.Database
	log      *logrus.Logger
}

// kept is a key as the file has it. The keys guard nothing but what is stored on
// this machine, so a file that only its owner reads is protection enough.
type kept struct {
	ARN string          `json:"arn"`
	Key json.RawMessage `json:"key"` // as local-kms stores it
}

// Open returns a KMS with those keys. They are read from the file at path; those
// that are not in it are made and written there. An empty path keeps none.
//
// Nothing has to be closed: the memory goes when the service is not used any
// more, and no file stays but the one at path.
func Open(path string, keys []infra.Key) (_ *Service, err error) {
	known, err := load(path)
	if err != nil {
		return nil, err
	}
	s := &Service{log: logrus.New()}
	s.log.SetOutput(io.Discard) // it would print each call, and what was wrong with it
	if s.database, err = memory(); err != nil {
		return nil, fmt.Errorf("opening the local KMS: %w", err)
	}
	runtime.AddCleanup(s, (*data.Database).Close, s.database)
	for _, key := range keys {
		made, err := revive(key, known[key.ARN])
		if err == nil {
			known[key.ARN], err = json.Marshal(made)
		}
		if err == nil {
			err = s.database.SaveKey(made)
		}
		if err != nil {
			return nil, fmt.Errorf("making the key %s: %w", key.Name, err)
		}
	}
	return s, save(path, known)
}

// memory opens local-kms's database, which knows only files. A few keys never
// fill what it holds in memory, so it does without them from the start.
func memory() (_ *data.Database, err error) {
	dir, err := os.MkdirTemp("", "safekeep-kms-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%v", reason) // the library's way to report one
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	return data.NewDatabase(dir), nil
}

// revive makes a key from what was kept of it, or a new one from nothing.
func revive(key infra.Key, kept json.RawMessage) (cmk.Key, error) {
	metadata := cmk.KeyMetadata{
		Arn: key.ARN, KeyId: key.Name, AWSAccountId: strings.Split(key.ARN+"::::", ":")[4],
		Enabled: true, KeyManager: "CUSTOMER", KeyState: cmk.KeyStateEnabled, Origin: cmk.KeyOriginAwsKms,
	}
	switch spec := cmk.KeySpec(key.Spec); {
	case spec == cmk.SpecSymmetricDefault && key.Usage == string(cmk.UsageEncryptDecrypt):
		made := cmk.NewAesKey(metadata, "", metadata.Origin)
		if kept == nil {
			return made, nil
		}
		// Into an empty one, as backing keys would be added.
		made = &cmk.AesKey{}
		return made, json.Unmarshal(kept, made)
	case spec == cmk.SpecEccNistP256 && key.Usage == string(cmk.UsageSignVerify):
		if kept == nil {
			return cmk.NewEccKey(spec, metadata, "")
		}
		made := &cmk.EccKey{}
		return made, json.Unmarshal(kept, made)
	}
	return nil, fmt.Errorf("the local stack makes no keys of %s for %s", key.Spec, key.Usage)
}

func load(path string) (map[string]json.RawMessage, error) {
	known := map[string]json.RawMessage{}
	if path == "" {
		return known, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return known, nil
	}
	var list []kept
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		// New keys in their place would make all that is stored unreadable.
		return nil, fmt.Errorf("reading the keys of the local KMS: %w; remove the folder to start anew", err)
	}
	for _, k := range list {
		known[k.ARN] = k.Key
	}
	return known, nil
}

func save(path string, known map[string]json.RawMessage) error {
	if path == "" {
		return nil
	}
	var list []kept
	for arn, key := range known {
		list = append(list, kept{arn, key})
	}
	text, err := json.Marshal(list)
	if err == nil {
		// Beside it and then in its place: half a file would be no keys at all.
		if err = os.WriteFile(path+".new", text, 0o600); err == nil {
			err = os.Rename(path+".new", path)
		}
	}
	if err != nil {
		return fmt.Errorf("keeping the keys of the local KMS: %w", err)
	}
	return nil
}

// operations are those that Safekeep asks for, and their counterparts.
var operations = map[string]func(*handler.RequestHandler) handler.Response{
	"Decrypt":         (*handler.RequestHandler).Decrypt,
	"DescribeKey":     (*handler.RequestHandler).DescribeKey,
	"Encrypt":         (*handler.RequestHandler).Encrypt,
	"GenerateDataKey": (*handler.RequestHandler).GenerateDataKey,
	"GetPublicKey":    (*handler.RequestHandler).GetPublicKey,
	"Sign":            (*handler.RequestHandler).Sign,
	"Verify":          (*handler.RequestHandler).Verify,
}

// ServeHTTP answers one call.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := s.answer(r)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(answer.Code)
	_, _ = io.WriteString(w, answer.Body)
	// The service must outlive its database's last use.
	runtime.KeepAlive(s)
}

func (s *Service) answer(r *http.Request) (answer handler.Response) {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	operation := operations[name]
	switch {
	case operation == nil:
		return handler.New400ExceptionResponse("UnknownOperationException", "the local stack does not know "+name)
	case r.Header.Get("Authorization") == "":
		return handler.New400ExceptionResponse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	// local-kms reckons with lengths in single bytes, and so reads past the end of
	// some forged ciphertexts.
	defer func() {
		if recover() == nil {
			return
		}
		answer = handler.NewInternalFailureExceptionResponse("local-kms failed")
		if name == "Decrypt" {
			answer = handler.NewInvalidCiphertextExceptionResponse("")
		}
	}()
	return operation(handler.NewRequestHandler(r, s.log, s.database))
}
