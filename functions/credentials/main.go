// Credentials stores what customers hand over to sign in to their warehouses,
// tries it, rotates it on request, and issues the grants that open it.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
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
	"safekeep/shared/rotation"
	"safekeep/shared/snowflake"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

type config struct {
	Stack       string `env:"STACK_NAME,required,notEmpty"`
	Credentials string `env:"CREDENTIALS_TABLE,required,notEmpty"`
	Workspaces  string `env:"WORKSPACES_TABLE,required,notEmpty"`
	Ephemera    string `env:"EPHEMERA_TABLE,required,notEmpty"`
	Ledger      string `env:"LEDGER_TABLE,required,notEmpty"`
	LedgerDays  int    `env:"LEDGER_DAYS,required"`
	VaultKey    string `env:"VAULT_KEY,required,notEmpty"` // ARN
	GrantKey    string `env:"GRANT_KEY,required,notEmpty"` // ARN
	GraceHours  int    `env:"GRACE_HOURS,required"`
	Snowflake   string `env:"SNOWFLAKE_URL,required,notEmpty"`
	Days        int    `env:"ROTATION_DAYS,required"`
	Overlap     int    `env:"OVERLAP_HOURS,required"`
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
	store := &credential.Store{
		Client: client, Table: c.Credentials, Ledger: story, Grace: time.Duration(c.GraceHours) * time.Hour,
	}
	directory := &workspace.Store{Client: client, Table: c.Workspaces, Ledger: story}
	warehouses := snowflake.NewClient(c.Snowflake, time.Now)
	defaults := credential.Defaults{Interval: function.Days(c.Days), Overlap: time.Duration(c.Overlap) * time.Hour}
	recorder := metrics.NewRecorder(os.Stdout, c.Stack)
	service := credential.NewService(credential.Service{
		Store: store, Directory: directory, Sealer: vault, Opener: vault, Snowflake: warehouses, Defaults: defaults,
		Rotator: &rotation.Rotator{
			Credentials: store, Directory: directory, Vault: vault, Snowflake: warehouses, Defaults: defaults,
			Leases: &rotation.LeaseStore{Client: client, Table: c.Ephemera}, Metrics: recorder, Now: time.Now, Random: rand.Reader,
		},
		Issuer: grant.NewIssuer(&grant.KMS{Client: keys, Key: c.GrantKey}, grant.PartiesOf(c.Stack)),
		Grants: story, Resolver: net.DefaultResolver, Metrics: recorder,
	})
	web.Start(web.Private(service.Routes()))
	return nil
}
