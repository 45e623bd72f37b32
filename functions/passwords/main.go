// Passwords says whether a password will hold, while it is typed and when it is
// sent.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"safekeep/shared/dynamo"
	"safekeep/shared/function"
	"safekeep/shared/metrics"
	"safekeep/shared/password"
	"safekeep/shared/password/strength"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

type config struct {
	Stack      string `env:"STACK_NAME,required,notEmpty"`
	Workspaces string `env:"WORKSPACES_TABLE,required,notEmpty"`
	Ephemera   string `env:"EPHEMERA_TABLE,required,notEmpty"`
	Hibp       string `env:"HIBP_URL,required,notEmpty"` // without /range/
	Percent    int    `env:"GUIDANCE_PERCENT,required"`
	MinLength  int    `env:"MIN_LENGTH,required"`
	WithMFA    int    `env:"MIN_LENGTH_WITH_MFA,required"`
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
	service := &password.Service{
		Assessor: &password.Assessor{
			Meter: strength.NewMeter(),
			Breaches: password.NewCorpus(password.Corpus{
				URL: c.Hibp, Shelf: &password.EphemeraShelf{Client: client, Table: c.Ephemera}, Now: time.Now,
			}),
			Metrics: metrics.NewRecorder(os.Stdout, c.Stack),
			Now:     time.Now,
		},
		Directory: &workspace.Store{Client: client, Table: c.Workspaces},
		Lengths:   password.Lengths{Alone: c.MinLength, WithMFA: c.WithMFA},
		Rollout:   password.Rollout(c.Percent),
	}
	web.Start(web.Private(service.Routes()))
	return nil
}
