// Connect gives a connector what it signs in with, for a grant and at the moment
// of connecting. It is all that a connector may call.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"safekeep/shared/credential"
	"safekeep/shared/dynamo"
	"safekeep/shared/envelope"
	"safekeep/shared/function"
	"safekeep/shared/grant"
	"safekeep/shared/keyservice"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/snowflake"
	"safekeep/shared/web"
)

type config struct {
	Stack       string `env:"STACK_NAME,required,notEmpty"`
	Credentials string `env:"CREDENTIALS_TABLE,required,notEmpty"`
	Ephemera    string `env:"EPHEMERA_TABLE,required,notEmpty"`
	Ledger      string `env:"LEDGER_TABLE,required,notEmpty"`
	LedgerDays  int    `env:"LEDGER_DAYS,required"`
	VaultKey    string `env:"VAULT_KEY,required,notEmpty"` // ARN
	GrantKey    string `env:"GRANT_KEY,required,notEmpty"` // ARN
	Snowflake   string `env:"SNOWFLAKE_URL,required,notEmpty"`
}

func main() { function.Main(run) }

func run(ctx context.Context, environment map[string]string) error {
	c, err := function.Config[config](environment)
	if err != nil {
		return err
	}
	aws, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("loading the AWS configuration: %w", err)
	}
	keys := keyservice.NewClient(aws)
	vault, err := envelope.New(ctx, keys, c.VaultKey)
	if err != nil {
		return err
	}
	client := dynamo.NewClient(aws)
	story := &ledger.Store{Client: client, Table: c.Ledger, Retention: function.Days(c.LedgerDays)}
	connector := &credential.Connector{
		Vault: &credential.GrantedStore{
			Store:  &credential.Store{Client: client, Table: c.Credentials, Ledger: story},
			Grants: &grant.Store{Table: c.Ephemera},
		},
		Opener:    vault,
		Verifier:  grant.NewVerifier(&grant.KMS{Client: keys, Key: c.GrantKey}, grant.PartiesOf(c.Stack)),
		Snowflake: snowflake.NewClient(c.Snowflake, time.Now),
		Metrics:   metrics.NewRecorder(os.Stdout, c.Stack),
		Now:       time.Now,
	}
	web.Start(web.Private(connector.Routes()))
	return nil
}
