// Mfa enrols people's second factors and checks them at sign-in.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"safekeep/shared/dynamo"
	"safekeep/shared/function"
	"safekeep/shared/keyservice"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/mfa"
	"safekeep/shared/secret"
	"safekeep/shared/sms"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

type config struct {
	Stack      string `env:"STACK_NAME,required,notEmpty"`
	Accounts   string `env:"ACCOUNTS_TABLE,required,notEmpty"`
	Workspaces string `env:"WORKSPACES_TABLE,required,notEmpty"`
	Ledger     string `env:"LEDGER_TABLE,required,notEmpty"`
	LedgerDays int    `env:"LEDGER_DAYS,required"`
	Key        string `env:"FACTOR_KEY,required,notEmpty"` // ARN
	Issuer     string `env:"MFA_ISSUER,required,notEmpty"`
	Tries      int    `env:"MFA_TRIES,required"`
	Window     int    `env:"MFA_WINDOW_MINUTES,required"`
	Failures   int    `env:"WATCH_FAILURES,required"`
	Within     int    `env:"WATCH_MINUTES,required"`
	Texts      texts
	Domain     string `env:"PASSKEY_RP_ID"`
	Origins    string `env:"PASSKEY_ORIGINS"` // joined by commas
}

// texts are read only where a sender is named.
type texts struct {
	Sender      string `env:"SMS_SENDER"` // "", "aws" or "twilio"
	Origination string `env:"SMS_ORIGINATION"`
	Regions     string `env:"SMS_REGIONS"`
	Secret      string `env:"SMS_SECRET_ARN"`
	Twilio      string `env:"TWILIO_SECRET_ARN"`
	TwilioURL   string `env:"TWILIO_URL"`
	Daily       int    `env:"SMS_DAILY_LIMIT"`
}

func main() { function.Main(run) }

func run(ctx context.Context, environment map[string]string) error {
	c, err := function.Config[config](environment)
	if err != nil {
		return err
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("loading the AWS configuration: %w", err)
	}
	client := dynamo.NewClient(cfg)
	story := &ledger.Store{Client: client, Table: c.Ledger, Retention: function.Days(c.LedgerDays)}
	s := mfa.Service{
		Accounts: &mfa.Store{Client: client, Table: c.Accounts, Ledger: story},
		Sealer:   &mfa.KMS{Client: keyservice.NewClient(cfg), Key: c.Key},
		Places:   &workspace.Store{Client: client, Table: c.Workspaces, Ledger: story},
		Issuer:   c.Issuer, Metrics: metrics.NewRecorder(os.Stdout, c.Stack),
		Limits:    mfa.Limits{Tries: c.Tries, Window: time.Duration(c.Window) * time.Minute},
		Vigilance: mfa.Vigilance{Failures: c.Failures, Within: time.Duration(c.Within) * time.Minute},
	}
	if err := c.Texts.send(&s, cfg, client, c.Accounts, c.Issuer, c.Domain); err != nil {
		return err
	}
	if c.Domain != "" {
		if s.Passkeys, err = mfa.NewPasskeys(c.Domain, c.Issuer, strings.Split(c.Origins, ",")); err != nil {
			return err
		}
	}
	service, err := mfa.NewService(s)
	if err != nil {
		return err
	}
	web.Start(web.Private(service.Routes()))
	return nil
}

// send gives the service what sends texts.
func (t texts) send(s *mfa.Service, cfg aws.Config, client *dynamodb.Client, table, product, host string) (err error) {
	if t.Sender == "" {
		return nil
	}
	if s.Regions, err = sms.ParseRegions(t.Regions); err != nil {
		return err
	}
	secrets := secretsmanager.NewFromConfig(cfg)
	keys := &secret.Manager{Client: secrets, ID: t.Secret, Now: time.Now}
	s.Meter = &sms.Meter{
		Limits: sms.DefaultLimits(t.Daily), Limiter: &sms.Counters{Client: client, Table: table}, Secret: keys.Read, Now: time.Now,
	}
	switch t.Sender {
	case "aws":
		text, err := sms.NewText(product, host)
		s.Texts = &sms.Codes{
			Sender: &sms.Pinpoint{Client: sms.NewPinpointClient(cfg), Origination: t.Origination},
			Text:   text, Secret: keys.Read, Now: time.Now, Random: rand.Reader,
		}
		return err
	case "twilio":
		account := &secret.Manager{Client: secrets, ID: t.Twilio, Now: time.Now}
		s.Texts, err = sms.NewTwilio(t.TwilioURL, account.Read, time.Now)
		return err
	default:
		return fmt.Errorf("SMS_SENDER is %q, and must be aws or twilio, or empty for no texts", t.Sender)
	}
}
