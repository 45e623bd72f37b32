// Sweep finds orphaned and unused tokens, once a day, and has their admins told.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"safekeep/shared/dynamo"
	"safekeep/shared/function"
	"safekeep/shared/hygiene"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/token"
	"safekeep/shared/workspace"
)

type config struct {
	Stack         string `env:"STACK_NAME,required,notEmpty"`
	Tokens        string `env:"TOKENS_TABLE,required,notEmpty"`
	Workspaces    string `env:"WORKSPACES_TABLE,required,notEmpty"`
	Ledger        string `env:"LEDGER_TABLE,required,notEmpty"`
	TombstoneDays int    `env:"TOMBSTONE_DAYS,required"`
	LedgerDays    int    `env:"LEDGER_DAYS,required"`
	UnusedDays    int    `env:"UNUSED_DAYS,required"`
	FollowUpDays  int    `env:"FOLLOW_UP_DAYS,required"`
	TimeTravel    bool   `env:"TIME_TRAVEL,required"`
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
	client := dynamo.NewClient(aws)
	story := &ledger.Store{Client: client, Table: c.Ledger, Retention: function.Days(c.LedgerDays)}
	store := &hygiene.Store{
		Ledger:     story,
		Workspaces: &workspace.Store{Client: client, Table: c.Workspaces, Ledger: story},
		Tokens:     &token.Store{Client: client, Table: c.Tokens, Ledger: story, Tombstone: function.Days(c.TombstoneDays)},
	}
	sweep := &hygiene.Sweep{
		Directory: store, Tokens: store, Book: store,
		Rules:   hygiene.Rules{Unused: function.Days(c.UnusedDays), FollowUp: function.Days(c.FollowUpDays)},
		Metrics: metrics.NewRecorder(os.Stdout, c.Stack),
		Now:     time.Now, TimeTravel: c.TimeTravel,
	}
	lambda.Start(sweep.Handle)
	return nil
}
