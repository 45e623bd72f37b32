package pump

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// An api talks to DynamoDB and its streams. It keeps records as the JSON they
// come in: that is, but for the envelope, the JSON of the Lambda event, while
// the SDK's types would have to be turned back into it.
type api struct {
	endpoint    string
	region      string
	credentials aws.CredentialsProvider
	client      http.Client
	signer      *v4.Signer
}

// An apiError is an error that the service gave, by its short name, such as
// ExpiredIteratorException.
type apiError struct{ kind, message string }

func (e *apiError) Error() string { return e.kind + ": " + e.message }

const (
	tables  = "DynamoDB_20120810."
	streams = "DynamoDBStreams_20120810."
)

func (a *api) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, a.endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	q.Header.Set("Content-Type", "application/x-amz-json-1.0")
	q.Header.Set("X-Amz-Target", operation)
	who, err := a.credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("finding credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	if err := a.signer.SignHTTP(ctx, who, q, hex.EncodeToString(sum[:]), "dynamodb", a.region, time.Now()); err != nil {
		return fmt.Errorf("signing a request: %w", err)
	}
	answer, err := a.client.Do(q)
	if err != nil {
		return fmt.Errorf("calling %s: %w", operation, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("calling %s: %w", operation, err)
	}
	if answer.StatusCode != http.StatusOK {
		// "com.amazonaws.dynamodb.v20120810#ExpiredIteratorException": what comes
		// before the # differs between services and engines.
		var e struct {
			Type    string `json:"__type"`
			Message string
		}
		_ = json.Unmarshal(text, &e) // what is no JSON leaves the kind empty
		_, kind, _ := strings.Cut(e.Type, "#")
		return fmt.Errorf("calling %s: %w", operation, &apiError{kind, e.Message})
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("calling %s: reading the answer: %w", operation, err)
	}
	return nil
}

// streamOf is the ARN of a table's newest stream.
func (a *api) streamOf(ctx context.Context, table string) (string, error) {
	var out struct {
		Table struct{ LatestStreamArn string }
	}
	if err := a.call(ctx, tables+"DescribeTable", map[string]any{"TableName": table}, &out); err != nil {
		return "", err
	}
	if out.Table.LatestStreamArn == "" {
		return "", fmt.Errorf("the table %s has no stream", table)
	}
	return out.Table.LatestStreamArn, nil
}

type shardInfo struct {
	ID     string `json:"ShardId"`
	Parent string `json:"ParentShardId"`
}

func (a *api) shards(ctx context.Context, stream string) ([]shardInfo, error) {
	var all []shardInfo
	in := map[string]any{"StreamArn": stream}
	for {
		var out struct {
			StreamDescription struct {
				Shards               []shardInfo
				LastEvaluatedShardID string `json:"LastEvaluatedShardId"`
			}
		}
		if err := a.call(ctx, streams+"DescribeStream", in, &out); err != nil {
			return nil, err
		}
		all = append(all, out.StreamDescription.Shards...)
		if out.StreamDescription.LastEvaluatedShardID == "" {
			return all, nil
		}
		in["ExclusiveStartShardId"] = out.StreamDescription.LastEvaluatedShardID
	}
}

// iterator opens a shard after the record with that sequence number or, when it
// is empty, at position: TRIM_HORIZON or LATEST.
func (a *api) iterator(ctx context.Context, stream, shard, after, position string) (string, error) {
	in := map[string]any{"StreamArn": stream, "ShardId": shard, "ShardIteratorType": position}
	if after != "" {
		in["ShardIteratorType"], in["SequenceNumber"] = "AFTER_SEQUENCE_NUMBER", after
	}
	var out struct{ ShardIterator string }
	err := a.call(ctx, streams+"GetShardIterator", in, &out)
	return out.ShardIterator, err
}

// records reads on. An empty next says that the shard is closed and read out.
func (a *api) records(ctx context.Context, iterator string) (records []json.RawMessage, next string, err error) {
	var out struct {
		Records           []json.RawMessage
		NextShardIterator string
	}
	err = a.call(ctx, streams+"GetRecords", map[string]any{"ShardIterator": iterator, "Limit": 1000}, &out)
	return out.Records, out.NextShardIterator, err
}
