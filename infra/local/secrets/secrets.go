// Package secrets stands in for AWS Secrets Manager: GetSecretValue over secrets
// that the local stack puts in.
package secrets

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Vault holds secrets by name. Its zero value is empty and ready.
type Vault struct {
	mu      sync.Mutex
	secrets map[string]secret
}

type secret struct {
	value   string
	version string
	created time.Time
}

// arnPrefix is what the ARNs of this machine's secrets begin with.
const arnPrefix = "arn:aws:secretsmanager:us-east-1:000000000000:secret:"

// ARN is the ARN of the secret of that name, whether it exists or not. Like real
// ones it ends in six characters that the name does not have.
func ARN(name string) string { return arnPrefix + name + "-l0caL1" }

// Set stores a secret, or a new version of it, and returns its ARN.
func (v *Vault) Set(name, value string) string {
	sum := sha256.Sum256([]byte(time.Now().String() + value))
	id := hex.EncodeToString(sum[:16])
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.secrets == nil {
		v.secrets = make(map[string]secret)
	}
	v.secrets[name] = secret{
		value: value, created: time.Now(),
		version: id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:],
	}
	return ARN(name)
}

// Delete removes a secret.
func (v *Vault) Delete(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.secrets, name)
}

// ServeHTTP serves GetSecretValue, by name or ARN:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
func (v *Vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if r.Header.Get("Authorization") == "" {
		refuse(w, "MissingAuthenticationTokenException", "Missing Authentication Token")
		return
	}
	if op := r.Header.Get("X-Amz-Target"); op != "secretsmanager.GetSecretValue" {
		refuse(w, "UnknownOperationException", "the local stack knows only GetSecretValue, not "+op)
		return
	}
	var q struct{ SecretID, VersionID, VersionStage string }
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return // the caller went away
	}
	if err := json.Unmarshal(body, &q); err != nil || q.SecretID == "" {
		refuse(w, "ValidationException", "SecretId must have length greater than or equal to 1")
		return
	}
	name, s, ok := v.find(q.SecretID)
	// There is one version of each secret here, the current one.
	stage := q.VersionStage
	switch {
	case !ok:
		refuse(w, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		return
	case stage != "" && stage != "AWSCURRENT", q.VersionID != "" && q.VersionID != s.version:
		refuse(w, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label or version.")
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"ARN": ARN(name), "Name": name, "SecretString": s.value,
		"VersionId": s.version, "VersionStages": []string{"AWSCURRENT"},
		"CreatedDate": float64(s.created.UnixMilli()) / 1000,
	})
}

func (v *Vault) find(id string) (name string, s secret, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	name = id
	if strings.HasPrefix(id, arnPrefix) {
		name = strings.TrimSuffix(strings.TrimPrefix(id, arnPrefix), "-l0caL1")
	}
	s, ok = v.secrets[name]
	return name, s, ok
}

func refuse(w http.ResponseWriter, code, message string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}
