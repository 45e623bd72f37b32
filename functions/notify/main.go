// Notify tells people what the ledger says they are owed: it is driven by the
// ledger's stream, and by a schedule for whatever the stream left behind.
package main

import (
	"context"
	"fmt"
	"net/mail"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"safekeep/shared/dynamo"
	"safekeep/shared/function"
	"safekeep/shared/letter"
	"safekeep/shared/metrics"
	"safekeep/shared/notice"
	"safekeep/shared/workspace"
)

type config struct {
	Stack            string `env:"STACK_NAME,required,notEmpty"`
	Ledger           string `env:"LEDGER_TABLE,required,notEmpty"`
	Ephemera         string `env:"EPHEMERA_TABLE,required,notEmpty"`
	Workspaces       string `env:"WORKSPACES_TABLE,required,notEmpty"`
	Accounts         string `env:"ACCOUNTS_TABLE,required,notEmpty"`
	Product          string `env:"PRODUCT_NAME,required,notEmpty"`
	From             string `env:"MAIL_FROM,required,notEmpty"`
	ConfigurationSet string `env:"MAIL_CONFIGURATION_SET"`
	SecurityContact  string `env:"SECURITY_CONTACT,required,notEmpty"`
	// Links that are empty are left out of the mails.
	TokensURL  string `env:"TOKENS_URL"`
	AuditURL   string `env:"AUDIT_URL"`
	DocsURL    string `env:"DOCS_URL"`
	SupportURL string `env:"SUPPORT_URL"`
	AccountURL string `env:"ACCOUNT_URL"`
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
	// Mails show the product's name; the address alone is what SES checks.
	from := (&mail.Address{Name: c.Product, Address: c.From}).String()
	courier := &notice.Courier{
		Debts:    &notice.LedgerDebts{Client: client, Ledger: c.Ledger, Ephemera: c.Ephemera},
		Rosters:  &workspace.Store{Client: client, Table: c.Workspaces},
		Profiles: &notice.AccountProfiles{Client: client, Table: c.Accounts},
		Sender:   &notice.SES{Client: notice.NewSESClient(aws), From: from, ConfigurationSet: c.ConfigurationSet},
		Brand: letter.Brand{
			Product: c.Product, From: from,
			TokensURL: c.TokensURL, AuditURL: c.AuditURL, DocsURL: c.DocsURL, SupportURL: c.SupportURL, AccountURL: c.AccountURL,
		},
		Fallback: c.SecurityContact,
		Metrics:  metrics.NewRecorder(os.Stdout, c.Stack),
		Now:      time.Now,
	}
	lambda.Start(courier.Handle)
	return nil
}
