// The floor of a cold start of the functions that need DynamoDB alone: tokens,
// workspaces and introspect. It makes the same SDK client in the same way and
// gives one fixed answer. `make bench` tells it what the real function answers
// to its first event (HELLO_STATUS, HELLO_BODY), and times both.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/infra/local/floor/hello/answer"
)

// As in the real functions, where a call needs it.
var tables = answer.Tables(answer.Config())

func main() { answer.Start(keep) }

func keep(ctx context.Context, event events.LambdaFunctionURLRequest) error {
	if event.Body == "" {
		return nil
	}
	if _, err := tables.GetItem(ctx, &dynamodb.GetItemInput{}); err != nil {
		return err
	}
	_, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{})
	return err
}
