// Rotate exchanges Snowflake key pairs that have become old, once a day.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"safekeep/shared/credential"
	"safekeep/shared/dynamo"
	"safekeep/shared/envelope"
	"safekeep/shared/function"
	"safekeep/shared/keyservice"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/rotation"
	"safekeep/shared/snowflake"
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
	Snowflake   string `env:"SNOWFLAKE_URL,required,notEmpty"`
	Days        int    `env:"ROTATION_DAYS,required"`
	Overlap     int    `env:"OVERLAP_HOURS,required"`
	TimeTravel  bool   `env:"TIME_TRAVEL,required"`
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
	vault, err := envelope.New(ctx, keyservice.NewClient(aws), c.VaultKey)
	if err != nil {
		return err
	}
	client := dynamo.NewClient(aws)
	story := &ledger.Store{Client: client, Table: c.Ledger, Retention: function.Days(c.LedgerDays)}
	rotator := &rotation.Rotator{
		Credentials: &credential.Store{Client: client, Table: c.Credentials, Ledger: story},
		Directory:   &workspace.Store{Client: client, Table: c.Workspaces, Ledger: story},
		Vault:       vault,
		Snowflake:   snowflake.NewClient(c.Snowflake, time.Now),
		Leases:      &rotation.LeaseStore{Client: client, Table: c.Ephemera},
		Defaults:    credential.Defaults{Interval: function.Days(c.Days), Overlap: time.Duration(c.Overlap) * time.Hour},
		Metrics:     metrics.NewRecorder(os.Stdout, c.Stack),
		Now:         time.Now, Random: rand.Reader, TimeTravel: c.TimeTravel,
	}
	lambda.Start(rotator.Handle)
	return nil
}
