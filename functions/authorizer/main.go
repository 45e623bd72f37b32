// Authorizer answers API Gateway whether a request to the company's own HTTP
// API carries a good token.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"safekeep/shared/dynamo"
	"safekeep/shared/function"
	"safekeep/shared/token"
)

type config struct {
	Tokens string `env:"TOKENS_TABLE,required,notEmpty"`
	// Without a default here: 0 is a choice, and the template has the default.
	CacheSeconds int `env:"CACHE_SECONDS,required,notEmpty"`
}

func main() { function.Main(run) }

func run(ctx context.Context, environment map[string]string) error {
	c, err := function.Config[config](environment)
	if err != nil {
		return err
	}
	age, err := token.CacheAge(c.CacheSeconds)
	if err != nil {
		return err
	}
	aws, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("loading the AWS configuration: %w", err)
	}
	authorizer := &token.Authorizer{
		Store:  &token.Store{Client: dynamo.NewClient(aws), Table: c.Tokens},
		Now:    time.Now,
		MaxAge: age,
	}
	lambda.Start(authorizer.Handle)
	return nil
}
