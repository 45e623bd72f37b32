// The floor of a cold start of function passwords: a bootstrap with the same SDK
// client and the same dictionaries, which gives one fixed answer. `make bench`
// tells it what the real function answers to its first event (HELLO_STATUS,
// HELLO_BODY), and times both.
package main

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/trustelem/zxcvbn/adjacency"
	"github.com/trustelem/zxcvbn/frequency"

	"safekeep/infra/local/floor/hello/answer"
)

// As in the real function, where a call needs it.
var tables = answer.Tables(answer.Config())

func main() { answer.Start(keep) }

func keep(ctx context.Context, event events.LambdaFunctionURLRequest) error {
	if event.Body == "" {
		return nil
	}
	if len(frequency.FrequencyLists) == 0 || len(adjacency.Graphs) == 0 {
		return errors.New("no dictionaries")
	}
	if _, err := tables.GetItem(ctx, &dynamodb.GetItemInput{}); err != nil {
		return err
	}
	_, err := tables.PutItem(ctx, &dynamodb.PutItemInput{})
	return err
}
