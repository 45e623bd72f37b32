package main

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-jose/go-jose/v4"
)

var client = &http.Client{Timeout: 10 * time.Second}

// login signs in to Snowflake with the key that was opened: one token, one
// request.
func login(ctx context.Context, secret []byte) (none events.LambdaFunctionURLResponse, err error) {
	var q struct {
		PrivateKey string `json:"private_key"`
	}
	if err := json.Unmarshal(secret, &q); err != nil {
		return none, err
	}
	block, _ := pem.Decode([]byte(q.PrivateKey))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return none, err
	}
	key := parsed.(*rsa.PrivateKey)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return none, err
	}
	sum := sha256.Sum256(public)
	now := time.Now().Unix()
	claims, err := json.Marshal(map[string]any{
		"iss": "MYORG-MYACCOUNT.LOADER.SHA256:" + base64.StdEncoding.EncodeToString(sum[:]), "sub": "MYORG-MYACCOUNT.LOADER", "iat": now, "exp": now + 60,
	})
	if err != nil {
		return none, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		return none, err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return none, err
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return none, err
	}
	body, err := json.Marshal(map[string]any{"data": map[string]any{"ACCOUNT_NAME": "myorg-myaccount", "AUTHENTICATOR": "SNOWFLAKE_JWT", "TOKEN": token}})
	if err != nil {
		return none, err
	}
	address := strings.ReplaceAll(os.Getenv("SNOWFLAKE_URL"), "{account}", "myorg-myaccount") + "/session/v1/login-request"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return none, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return none, err
	}
	defer answer.Body.Close()
	var reply struct {
		Data struct {
			Token    string `json:"token"`
			Validity int64  `json:"validityInSeconds"`
		} `json:"data"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&reply); err != nil {
		return none, err
	}
	if reply.Data.Token == "" {
		return none, fmt.Errorf("no session: HTTP status %d", answer.StatusCode)
	}
	out, err := json.Marshal(map[string]any{"warehouse": "snowflake", "version": 1, "session": map[string]any{
		"token": reply.Data.Token, "expires_at": time.Now().Add(time.Duration(reply.Data.Validity) * time.Second),
	}})
	return events.LambdaFunctionURLResponse{
		StatusCode: http.StatusOK, Body: string(out),
		Headers: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"},
	}, err
}
