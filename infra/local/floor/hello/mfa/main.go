// The floor of a cold start of function mfa: a bootstrap with the same SDK clients
// and the same package for phone numbers, which gives one fixed answer. `make
// bench` tells it what the real function answers to its first event (HELLO_STATUS,
// HELLO_BODY), and times both.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/nyaruka/phonenumbers"

	"safekeep/infra/local/floor/hello/answer"
)

// As in the real function, where a call needs them.
var (
	cfg     = answer.Config()
	tables  = answer.Tables(cfg)
	keys    = kms.NewFromConfig(cfg)
	secrets = secretsmanager.NewFromConfig(cfg)
	texts   = pinpointsmsvoicev2.NewFromConfig(cfg)
)

func main() { answer.Start(keep) }

func keep(ctx context.Context, event events.LambdaFunctionURLRequest) error {
	if event.Body == "" {
		return nil
	}
	if _, err := phonenumbers.Parse(event.Body, "US"); err != nil {
		return err
	}
	if _, err := tables.Query(ctx, &dynamodb.QueryInput{}); err != nil {
		return err
	}
	if _, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{}); err != nil {
		return err
	}
	if _, err := tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{}); err != nil {
		return err
	}
	if _, err := keys.Encrypt(ctx, &kms.EncryptInput{}); err != nil {
		return err
	}
	if _, err := keys.Decrypt(ctx, &kms.DecryptInput{}); err != nil {
		return err
	}
	if _, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{}); err != nil {
		return err
	}
	_, err := texts.SendTextMessage(ctx, &pinpointsmsvoicev2.SendTextMessageInput{})
	return err
}
