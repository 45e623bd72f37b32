// Alerts takes the reports of leaked tokens that GitHub and GitLab send. It is
// the one public function: what lets a report in is its host's signature.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"safekeep/shared/alert"
	"safekeep/shared/dynamo"
	"safekeep/shared/function"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/secret"
	"safekeep/shared/token"
	"safekeep/shared/tokenservice"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

type config struct {
	Stack         string `env:"STACK_NAME,required,notEmpty"`
	Tokens        string `env:"TOKENS_TABLE,required,notEmpty"`
	Workspaces    string `env:"WORKSPACES_TABLE,required,notEmpty"`
	Ledger        string `env:"LEDGER_TABLE,required,notEmpty"`
	Ephemera      string `env:"EPHEMERA_TABLE,required,notEmpty"`
	Prefix        string `env:"TOKEN_PREFIX,required,notEmpty"`
	DryRun        bool   `env:"DRY_RUN,required"`
	GitHubKeys    string `env:"GITHUB_KEYS_URL"`     // empty: off
	GitHubToken   string `env:"GITHUB_TOKEN_SECRET"` // empty: keys are fetched unauthenticated
	GitLabKeys    string `env:"GITLAB_KEYS_URL"`     // empty: off
	VerifySecret  string `env:"VERIFY_SECRET"`       // empty: scanners may not ask
	TokenService  string `env:"TOKEN_SERVICE_URL"`   // empty: tokens are in our own table
	TokenSecret   string `env:"TOKEN_SERVICE_SECRET"`
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
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("loading the AWS configuration: %w", err)
	}
	client := dynamo.NewClient(cfg)
	recorder := metrics.NewRecorder(os.Stdout, c.Stack)
	story := &ledger.Store{Client: client, Table: c.Ledger, Retention: function.Days(c.LedgerDays)}
	tokens, err := tokensOf(c, cfg, client, story)
	if err != nil {
		return err
	}
	keyring := func(host, url string, bearer func(context.Context) (string, error)) *alert.Keyring {
		if url == "" {
			return nil
		}
		shelf := &alert.EphemeraShelf{Client: client, Table: c.Ephemera, Host: host, URL: url}
		return alert.NewKeyring(host, alert.NewEndpoint(url, bearer), shelf, recorder)
	}
	service := &alert.Service{
		Receiver: &alert.Receiver{
			Tokens:     tokens,
			Workspaces: &workspace.Store{Client: client, Table: c.Workspaces, Ledger: story},
			Format:     format, DryRun: c.DryRun,
		},
		GitHub: keyring("github", c.GitHubKeys, fromManager(cfg, c.GitHubToken)),
		GitLab: keyring("gitlab", c.GitLabKeys, nil),
		Format: format, Metrics: recorder, Now: time.Now,
	}
	if secret := fromManager(cfg, c.VerifySecret); secret != nil {
		service.Verifier = &alert.Verifier{Secret: secret, Budget: &alert.EphemeraBudget{Client: client, Table: c.Ephemera}}
	}
	web.Start(service.Routes())
	return nil
}

// tokensOf returns the company's own token service or, without one, our table.
func tokensOf(c config, cfg aws.Config, client *dynamodb.Client, story *ledger.Store) (alert.Tokens, error) {
	if c.TokenService == "" {
		return &token.Store{Client: client, Table: c.Tokens, Ledger: story, Tombstone: function.Days(c.TombstoneDays)}, nil
	}
	keys := fromManager(cfg, c.TokenSecret)
	if keys == nil {
		return nil, errors.New("TOKEN_SERVICE_URL is set and TOKEN_SERVICE_SECRET is not: name the secret that holds the keys")
	}
	remote, err := tokenservice.New(c.TokenService, keys, time.Now, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("TOKEN_SERVICE_URL: %w", err)
	}
	return &tokenservice.Store{Remote: remote, Client: client, Ledger: story}, nil
}

// fromManager reads the secret of that name or ARN; nil when none is given.
func fromManager(cfg aws.Config, id string) func(context.Context) (string, error) {
	if id == "" {
		return nil
	}
	manager := &secret.Manager{Client: secretsmanager.NewFromConfig(cfg), ID: id, Now: time.Now}
	return manager.Read
}
