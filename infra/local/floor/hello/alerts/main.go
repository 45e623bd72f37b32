// The floor of a cold start of function alerts: a bootstrap that makes the same
// SDK clients in the same way and gives one fixed answer. `make bench` tells it
// what the real function answers to its first event (HELLO_STATUS, HELLO_BODY),
// and times both.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"safekeep/infra/local/floor/hello/answer"
)

// As in the real function, where a call needs them.
var (
	cfg     = answer.Config()
	tables  = answer.Tables(cfg)
	secrets = secretsmanager.NewFromConfig(cfg)
)

func main() { answer.Start(keep) }

func keep(ctx context.Context, event events.LambdaFunctionURLRequest) error {
	if event.Headers["github-public-key-signature"] == "" {
		return nil
	}
	if _, err := tables.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{}); err != nil {
		return err
	}
	if _, err := tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{}); err != nil {
		return err
	}
	if _, err := tables.GetItem(ctx, &dynamodb.GetItemInput{}); err != nil {
		return err
	}
	if _, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{}); err != nil {
		return err
	}
	_, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{})
	return err
}
