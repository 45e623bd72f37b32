// Command connector-go is a connector in its smallest form: it trades a grant
// for a warehouse credential at the moment of connecting, and forgets it.
//
//	CONNECT_URL=https://….lambda-url.us-east-1.on.aws/ GRANT=eyJ… CREDENTIAL=safekeep:credential/… connector-go
//
// Its IAM role needs the stack's ConnectorCallersPolicy and nothing else.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// credential is what the connector needs of the answer.
type credential struct {
	Settings struct{ Account, User string }
	Secret   struct {
		PrivateKey string `json:"private_key"`
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "connector:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := open(ctx, os.Getenv("CONNECT_URL"), os.Getenv("GRANT"), os.Getenv("CREDENTIAL"))
	if err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(c.Secret.PrivateKey))
	if block == nil {
		return fmt.Errorf("the credential holds no private key")
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		return fmt.Errorf("reading the private key: %w", err)
	}
	// Here a real one connects: gosnowflake takes the key as Config.PrivateKey.
	fmt.Printf("connecting to %s as %s\n", c.Settings.Account, c.Settings.User)
	return nil
}

// open makes the one call, signed for IAM.
func open(ctx context.Context, url, grant, reference string) (c credential, err error) {
	body, err := json.Marshal(map[string]string{"grant": grant, "credential": reference})
	if err != nil {
		return c, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(url, "/")+"/credentials/open", bytes.NewReader(body))
	if err != nil {
		return c, err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := sign(ctx, r, body); err != nil {
		return c, err
	}
	// A grant is not sent on to wherever somebody points.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		return c, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return c, err
	}
	if answer.StatusCode != http.StatusOK { // a problem document; it holds no secret
		return c, fmt.Errorf("the credential was not opened: %s", text)
	}
	return c, json.Unmarshal(text, &c)
}

func sign(ctx context.Context, r *http.Request, body []byte) error {
	aws, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	keys, err := aws.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	return v4.NewSigner().SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), "lambda", aws.Region, time.Now())
}
