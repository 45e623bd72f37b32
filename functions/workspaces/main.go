// Workspaces keeps the company's customers, who is in them, what they chose,
// and shows each its ledger.
package main

import (
	"context"
	"fmt"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"safekeep/shared/dynamo"
	"safekeep/shared/function"
	"safekeep/shared/ledger"
	"safekeep/shared/token"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

type config struct {
	Workspaces    string `env:"WORKSPACES_TABLE,required,notEmpty"`
	Ledger        string `env:"LEDGER_TABLE,required,notEmpty"`
	Tokens        string `env:"TOKENS_TABLE,required,notEmpty"`
	TombstoneDays int    `env:"TOMBSTONE_DAYS,required"`
	LedgerDays    int    `env:"LEDGER_DAYS,required"`
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
	service := &workspace.Service{
		Store:  &workspace.Store{Client: client, Table: c.Workspaces, Ledger: story},
		Ledger: story,
		Tokens: &token.Store{Client: client, Table: c.Tokens, Ledger: story, Tombstone: function.Days(c.TombstoneDays)},
		Now:    time.Now,
	}
	web.Start(web.Private(service.Routes()))
	return nil
}
