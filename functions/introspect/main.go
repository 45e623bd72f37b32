// Introspect answers whether a token is good. It is on the path of every call
// to the company's own API, so it does nothing else.
package main

import (
	"context"
	"fmt"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"safekeep/shared/dynamo"
	"safekeep/shared/function"
	"safekeep/shared/token"
	"safekeep/shared/web"
)

type config struct {
	Tokens string `env:"TOKENS_TABLE,required,notEmpty"`
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
	service := &token.Introspector{
		Store: &token.Store{Client: dynamo.NewClient(aws), Table: c.Tokens},
		Now:   time.Now,
	}
	web.Start(web.Private(service.Routes()))
	return nil
}
