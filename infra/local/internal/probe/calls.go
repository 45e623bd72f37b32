package probe

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	ses "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// A call is one request to a backend, made with the SDK as it comes, so that
// endpoints, retries and errors are those of a real function.
type call struct {
	Op    string `json:"op"`
	Table string `json:"table"`
	Key   string `json:"key"`
	Index string `json:"index"`
	Tries int    `json:"tries"` // 0 is the SDK's own
	To    string `json:"to"`
	From  string `json:"from"`
}

func callAll(ctx context.Context, calls []call) []string {
	// A call that hangs must still hang when Lambda ends the process: answering
	// at the deadline would race with that.
	ctx = context.WithoutCancel(ctx)
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	var answers []string
	for _, c := range calls {
		cfg.RetryMaxAttempts = c.Tries
		answer, err := c.make(ctx, cfg)
		if err != nil {
			answer = "error: " + err.Error()
		}
		answers = append(answers, answer)
	}
	return answers
}

func (c call) make(ctx context.Context, cfg aws.Config) (string, error) {
	db := dynamodb.NewFromConfig(cfg)
	item := map[string]types.AttributeValue{
		"key":  &types.AttributeValueMemberS{Value: c.Key},
		"kind": &types.AttributeValueMemberS{Value: "probe"},
	}
	switch c.Op {
	case "put":
		_, err := db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &c.Table, Item: item})
		return "put", err
	case "get":
		out, err := db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &c.Table, Key: map[string]types.AttributeValue{"key": item["key"]}})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("got %t", out.Item != nil), nil
	case "transact":
		_, err := db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			{Put: &types.Put{TableName: &c.Table, Item: item}},
			{Put: &types.Put{TableName: &c.Table, Item: map[string]types.AttributeValue{"key": &types.AttributeValueMemberS{Value: c.Key + "#2"}}}},
		}})
		return "transacted", err
	case "batch":
		var puts []types.WriteRequest
		for n := range 4 {
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: map[string]types.AttributeValue{
				"key": &types.AttributeValueMemberS{Value: fmt.Sprint(c.Key, n)},
			}}})
		}
		out, err := db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{c.Table: puts}})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("unprocessed %d", len(out.UnprocessedItems[c.Table])), nil
	case "query":
		out, err := db.Query(ctx, &dynamodb.QueryInput{TableName: &c.Table, IndexName: aws.String(c.Index),
			KeyConditionExpression: aws.String("kind = :k"), ExpressionAttributeValues: map[string]types.AttributeValue{":k": item["kind"]}})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("found %d", out.Count), nil
	case "mail":
		out, err := sesv2.NewFromConfig(cfg).SendEmail(ctx, &sesv2.SendEmailInput{
			FromEmailAddress: aws.String(c.From),
			Destination:      &ses.Destination{ToAddresses: []string{c.To}},
			Content: &ses.EmailContent{Simple: &ses.Message{
				Subject: &ses.Content{Data: aws.String("Probe " + c.Key)},
				Body:    &ses.Body{Text: &ses.Content{Data: aws.String("text")}, Html: &ses.Content{Data: aws.String("<p>html</p>")}},
				Headers: []ses.MessageHeader{{Name: aws.String("X-Probe"), Value: aws.String("yes")}},
			}},
			EmailTags: []ses.MessageTag{{Name: aws.String("kind"), Value: aws.String("probe")}},
		})
		if err != nil {
			return "", err
		}
		return "sent " + aws.ToString(out.MessageId), nil
	case "secret":
		out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &c.Key})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.SecretString), nil
	case "keys":
		return fetch(ctx, os.Getenv(c.Key))
	}
	return "", fmt.Errorf("the probe knows no call %q", c.Op)
}

func fetch(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	return fmt.Sprint(a.StatusCode, " ", string(b)), err
}
