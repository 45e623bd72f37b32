// Tokens issues, lists and revokes API tokens.
package main

import (
	"context"
	"fmt"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"safekeep/shared/dynamo"
	"safekeep/shared/function"
	"safekeep/shared/hygiene"
	"safekeep/shared/ledger"
	"safekeep/shared/token"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

type config struct {
	Tokens        string `env:"TOKENS_TABLE,required,notEmpty"`
	Workspaces    string `env:"WORKSPACES_TABLE,required,notEmpty"`
	Ledger        string `env:"LEDGER_TABLE,required,notEmpty"`
	Prefix        string `env:"TOKEN_PREFIX,required,notEmpty"`
	TombstoneDays int    `env:"TOMBSTONE_DAYS,required"`
	LedgerDays    int    `env:"LEDGER_DAYS,required"`
}

func main() { function.Main(run) }

func run(ctx context.Context, environment map[string]string) error {
	c, err := function.Config[config](environment)
	if err != nil {
		return err
	}
	format, err := token.NewFormat(c.Prefix)
	if err != nil {
		return err
	}
	aws, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("loading the AWS configuration: %w", err)
	}
	client := dynamo.NewClient(aws)
	story := &ledger.Store{Client: client, Table: c.Ledger, Retention: function.Days(c.LedgerDays)}
	store := &token.Store{Client: client, Table: c.Tokens, Ledger: story, Tombstone: function.Days(c.TombstoneDays)}
	workspaces := &workspace.Store{Client: client, Table: c.Workspaces, Ledger: story}
	routes := token.NewService(store, workspaces, format).Routes()
	(&hygiene.Service{
		Tokens: store, Book: &hygiene.Store{Workspaces: workspaces, Tokens: store, Ledger: story}, Directory: workspaces, Now: time.Now,
	}).AddTo(routes)
	web.Start(web.Private(routes))
	return nil
}
