package pump

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"safekeep/infra"
)

// A script is a stream that splits while it is read: shard "a" closes, its child
// "b" comes to light only then, and an iterator expires in between. DynamoDB
// Local does none of this within a test's time.
type script struct {
	mu      sync.Mutex
	closed  bool // a has been read out
	expired bool
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var q map[string]any
	_ = json.NewDecoder(r.Body).Decode(&q)
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	record := func(n int) any {
		return map[string]any{"eventName": "INSERT", "dynamodb": map[string]any{"SequenceNumber": fmt.Sprint(n)}}
	}
	switch operation {
	case "DescribeTable":
		answer(map[string]any{"Table": map[string]any{"LatestStreamArn": "arn"}})
	case "DescribeStream":
		shards := []any{map[string]any{"ShardId": "a", "ParentShardId": "trimmed"}}
		if s.closed {
			shards = append(shards, map[string]any{"ShardId": "b", "ParentShardId": "a"})
		}
		answer(map[string]any{"StreamDescription": map[string]any{"Shards": shards}})
	case "GetShardIterator":
		answer(map[string]any{"ShardIterator": fmt.Sprint(q["ShardId"], "/", q["SequenceNumber"])})
	case "GetRecords":
		switch q["ShardIterator"] {
		case "a/<nil>":
			answer(map[string]any{"Records": []any{record(1)}, "NextShardIterator": "a-stale"})
		case "a-stale":
			s.expired = true
			w.WriteHeader(http.StatusBadRequest)
			answer(map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#ExpiredIteratorException"})
		case "a/1":
			s.closed = true
			answer(map[string]any{"Records": []any{record(2)}})
		case "b/<nil>":
			answer(map[string]any{"Records": []any{record(3)}, "NextShardIterator": "b-end"})
		case "b-end":
			answer(map[string]any{"Records": []any{}, "NextShardIterator": "b-end"})
		}
	}
}

// Each record of a stream that splits comes once and in order.
func TestFollowsShards(t *testing.T) {
	s := &script{}
	server := httptest.NewServer(s)
	defer server.Close()
	var mu sync.Mutex
	var got []string
	p, err := Start(t.Context(), Config{
		Endpoint: server.URL, Region: "us-east-1", Log: t.Output(),
		Credentials: aws.CredentialsProvider(credentials.NewStaticCredentialsProvider("a", "b", "")),
		Stream:      infra.Stream{Table: "t", BatchSize: 10, StartingPosition: "TRIM_HORIZON"},
		Invoke: func(_ context.Context, event []byte) error {
			var e struct{ Records []json.RawMessage }
			_ = json.Unmarshal(event, &e)
			mu.Lock()
			defer mu.Unlock()
			for _, r := range e.Records {
				got = append(got, sequence(r))
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(got, []string{"1", "2", "3"}) || !s.expired {
		t.Errorf("got %v, expired=%t", got, s.expired)
	}
}
