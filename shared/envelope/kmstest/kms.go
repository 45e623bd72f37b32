// Package kmstest is KMS in memory, for tests: symmetric keys that bind a
// ciphertext to its encryption context as KMS does, a record of who asked what,
// and faults when a test wants them. A test in infra/local/kms holds it against
// local-kms, which others wrote.
package kmstest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Key is the ARN of the key that every KMS here has.
const Key = "arn:aws:kms:us-east-1:000000000000:key/VaultKey"

// A Call is one that KMS got, as it came in.
type Call struct {
	Operation string // "GenerateDataKey", "Decrypt" or "Encrypt"
	KeyID     string
	Context   map[string]string
}

// A Fault is how KMS answers a call. The zero value answers it rightly.
type Fault struct {
	Delay  time.Duration // before anything else
	Drop   bool          // the connection, without an answer
	Status int           // of an error; 0 for none
	Code   string        // of an error, such as "ThrottlingException"
	Body   string        // instead of what an error says
}

// KMS is a KMS. Its methods may be called at the same time.
type KMS struct {
	keys map[string]cipher.AEAD // by ARN
	url  string

	mu    sync.Mutex
	calls []Call
	rule  func(n int, c Call) Fault
}

// New returns a KMS with Key and further keys, which ends with the test.
func New(t testing.TB, further ...string) *KMS {
	k := &KMS{keys: map[string]cipher.AEAD{}}
	for _, arn := range append(further, Key) {
		material := make([]byte, 32)
		_, _ = rand.Read(material)            // never fails
		block, _ := aes.NewCipher(material)   // the length is right
		k.keys[arn], _ = cipher.NewGCM(block) // as is the block's
	}
	server := httptest.NewServer(k)
	t.Cleanup(func() {
		server.CloseClientConnections() // Close waits for calls that a test has made slow
		server.Close()
	})
	k.url = server.URL
	return k
}

// Config is how a client of AWS's SDK finds this KMS.
func (k *KMS) Config() aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &k.url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

// Set has rule decide how each call from now on is answered. n counts them from
// 1. Nil answers rightly. A rule is called by one call at a time.
func (k *KMS) Set(rule func(n int, c Call) Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rule, k.calls = rule, nil
}

// Calls returns the calls since New or the last Set, each try of a client.
func (k *KMS) Calls() []Call {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.calls)
}

// Count is the number of those calls of an operation.
func (k *KMS) Count(operation string) (n int) {
	for _, c := range k.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

func (k *KMS) judge(c Call) (fault Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls = append(k.calls, c)
	if k.rule != nil {
		fault = k.rule(len(k.calls), c)
	}
	return fault
}

type request struct {
	KeyID                     string `json:"KeyId"`
	EncryptionContext         map[string]string
	NumberOfBytes             int
	KeySpec                   string
	Plaintext, CiphertextBlob []byte
}

// ServeHTTP serves GenerateDataKey, Encrypt and Decrypt.
//
// Source: "AWS Key Management Service API reference".
func (k *KMS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the caller went away
	}
	var q request
	if err := json.Unmarshal(body, &q); err != nil {
		refuse(w, 400, "SerializationException")
		return
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	fault := k.judge(Call{operation, q.KeyID, maps.Clone(q.EncryptionContext)})
	select {
	case <-time.After(fault.Delay):
	case <-r.Context().Done():
	}
	switch {
	case fault.Drop:
		panic(http.ErrAbortHandler)
	case fault.Body != "":
		w.WriteHeader(max(fault.Status, 200))
		_, _ = io.WriteString(w, fault.Body)
	case fault.Status != 0:
		refuse(w, fault.Status, fault.Code)
	case r.Header.Get("Authorization") == "":
		refuse(w, 400, "MissingAuthenticationTokenException")
	default:
		k.answer(w, operation, q)
	}
}

func (k *KMS) answer(w http.ResponseWriter, operation string, q request) {
	switch operation {
	case "GenerateDataKey":
		if q.KeySpec == "AES_256" {
			q.NumberOfBytes = 32
		}
		q.Plaintext = make([]byte, max(0, q.NumberOfBytes))
		_, _ = rand.Read(q.Plaintext)
		fallthrough
	case "Encrypt":
		key, known := k.keys[q.KeyID]
		switch {
		case !known:
			refuse(w, 400, "NotFoundException")
		case len(q.Plaintext) == 0 || len(q.Plaintext) > 4096:
			refuse(w, 400, "ValidationException")
		default:
			answer := map[string]any{"KeyId": q.KeyID, "CiphertextBlob": wrap(key, q)}
			if operation == "GenerateDataKey" {
				answer["Plaintext"] = q.Plaintext
			}
			reply(w, 200, answer)
		}
	case "Decrypt":
		if len(q.CiphertextBlob) == 0 || len(q.CiphertextBlob) > 6144 {
			refuse(w, 400, "ValidationException")
			return
		}
		arn, plaintext, ok := k.unwrap(q)
		switch {
		case !ok:
			refuse(w, 400, "InvalidCiphertextException")
		case q.KeyID != "" && q.KeyID != arn:
			refuse(w, 400, "IncorrectKeyException")
		default:
			reply(w, 200, map[string]any{"KeyId": arn, "Plaintext": plaintext})
		}
	default:
		refuse(w, 400, "UnknownOperationException")
	}
}

// wrap makes a ciphertext: the length of the key's ARN, the ARN, a nonce, and
// the plaintext encrypted.
func wrap(key cipher.AEAD, q request) []byte {
	blob := append(binary.BigEndian.AppendUint16(nil, uint16(len(q.KeyID))), q.KeyID...)
	nonce := make([]byte, key.NonceSize())
	_, _ = rand.Read(nonce)
	return key.Seal(append(blob, nonce...), nonce, q.Plaintext, bound(blob, q.EncryptionContext))
}

func (k *KMS) unwrap(q request) (arn string, plaintext []byte, ok bool) {
	blob := q.CiphertextBlob
	if len(blob) < 2 {
		return "", nil, false
	}
	end := 2 + int(binary.BigEndian.Uint16(blob))
	if len(blob) < end {
		return "", nil, false
	}
	arn = string(blob[2:end])
	key, known := k.keys[arn]
	if !known || len(blob) < end+key.NonceSize() {
		return "", nil, false
	}
	nonce, text := blob[end:end+key.NonceSize()], blob[end+key.NonceSize():]
	plaintext, err := key.Open(nil, nonce, text, bound(blob[:end], q.EncryptionContext))
	return arn, plaintext, err == nil
}

// bound is what a ciphertext is bound to: its key and its context, whatever
// order the pairs came in. Lengths keep one pair from running into the next.
func bound(key []byte, context map[string]string) []byte {
	data := slices.Clone(key)
	for _, name := range slices.Sorted(maps.Keys(context)) {
		for _, text := range []string{name, context[name]} {
			data = append(binary.BigEndian.AppendUint32(data, uint32(len(text))), text...)
		}
	}
	return data
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Amzn-Errortype", code)
	reply(w, status, map[string]any{"__type": code, "message": "kmstest says " + code})
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
