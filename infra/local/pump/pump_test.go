package pump_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra"
	"safekeep/infra/local/internal/engine"
	"safekeep/infra/local/pump"
)

func TestMain(m *testing.M) {
	code := m.Run()
	engine.Close()
	os.Exit(code)
}

// A bench is a table with a stream and a function that remembers what it got.
type bench struct {
	t      *testing.T
	config pump.Config
	client *dynamodb.Client

	mu      sync.Mutex
	batches [][]string // keys of each batch, failed ones included
	fail    func(keys []string) bool
	log     bytes.Buffer
}

func (b *bench) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.Write(p)
}

func setUp(t *testing.T, stream infra.Stream) *bench {
	t.Helper()
	endpoint, who := engine.Endpoint(t), engine.Credentials()
	b := &bench{t: t, client: engine.Client(endpoint, who)}
	stream.Table = "Ledger"
	if stream.BatchSize == 0 {
		stream.BatchSize = 100
	}
	if stream.StartingPosition == "" {
		stream.StartingPosition = "TRIM_HORIZON"
	}
	_, err := b.client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &stream.Table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("key"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("key"), KeyType: types.KeyTypeHash}},
		StreamSpecification:  &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.config = pump.Config{Endpoint: endpoint, Region: "us-east-1", Credentials: who, Stream: stream, Log: b, Invoke: b.invoke}
	return b
}

func (b *bench) invoke(_ context.Context, event []byte) error {
	var e events.DynamoDBEvent // it must read as the real one
	if err := json.Unmarshal(event, &e); err != nil {
		b.t.Errorf("the event is not Lambda's: %v in %s", err, event)
	}
	var keys []string
	for _, r := range e.Records {
		keys = append(keys, r.Change.NewImage["key"].String())
		if r.EventSourceArn == "" || r.Change.SequenceNumber == "" || r.Change.ApproximateCreationDateTime.IsZero() ||
			r.AWSRegion != "us-east-1" || r.Change.NewImage["n"].Number() != "1.5" {
			b.t.Errorf("the record lacks something: %s", event)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.batches = append(b.batches, keys)
	if b.fail != nil && b.fail(keys) {
		return errors.New("as asked")
	}
	return nil
}

func (b *bench) start() *pump.Pump {
	b.t.Helper()
	p, err := pump.Start(b.t.Context(), b.config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(p.Close)
	return p
}

func (b *bench) put(key string, owes bool) {
	b.t.Helper()
	empty := &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}
	item := map[string]types.AttributeValue{
		"key": &types.AttributeValueMemberS{Value: key}, "n": &types.AttributeValueMemberN{Value: "1.50"},
		// What DynamoDB Local gets wrong in streams.
		"empty": empty, "list": &types.AttributeValueMemberL{Value: []types.AttributeValue{empty}},
	}
	if owes {
		item["owes"] = &types.AttributeValueMemberS{Value: "0"}
	}
	if _, err := b.client.PutItem(b.t.Context(), &dynamodb.PutItemInput{TableName: aws.String("Ledger"), Item: item}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) drained(p *pump.Pump) [][]string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	if err := p.Drain(ctx); err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.batches)
}

const owing = `{"eventName":["INSERT"],"dynamodb":{"NewImage":{"owes":{"S":[{"exists":true}]}}}}`

// Inserts that owe arrive, in order; updates and those that owe nothing do not.
func TestFiltersAndKeepsOrder(t *testing.T) {
	b := setUp(t, infra.Stream{Filters: []string{owing}, BatchSize: 7})
	b.put("early", true) // TRIM_HORIZON: from the beginning
	p := b.start()
	var want []string
	for n := range 30 {
		b.put(fmt.Sprintf("silent%02d", n), false)
		b.put(fmt.Sprintf("owing%02d", n), true)
		want = append(want, fmt.Sprintf("owing%02d", n))
	}
	b.put("owing00", true) // the same again is no INSERT
	var got []string
	for _, batch := range b.drained(p) {
		if len(batch) > 7 {
			t.Errorf("a batch of %d", len(batch))
		}
		got = append(got, batch...)
	}
	if want = append([]string{"early"}, want...); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// What is written together comes in one batch when there is a window, and does
// not wait the window out.
func TestWindow(t *testing.T) {
	b := setUp(t, infra.Stream{BatchingWindow: 5 * time.Second})
	p := b.start()
	began := time.Now()
	var wg sync.WaitGroup
	for n := range 10 {
		wg.Go(func() { b.put(fmt.Sprint(n), true) })
	}
	wg.Wait()
	if batches := b.drained(p); len(batches) != 1 || len(batches[0]) != 10 {
		t.Errorf("%v", batches)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
}

// A failing batch is split until the bad record stands alone; it alone is tried
// again and given up, with a word about it.
func TestSplitsAndGivesUp(t *testing.T) {
	b := setUp(t, infra.Stream{MaxAttempts: 3})
	b.fail = func(keys []string) bool { return slices.Contains(keys, "poison") }
	for _, key := range []string{"a", "b", "poison", "c", "d"} {
		b.put(key, true)
	}
	p := b.start()
	b.drained(p)
	b.put("after", true)
	var alone int
	var good []string
	for _, batch := range b.drained(p) {
		if slices.Equal(batch, []string{"poison"}) {
			alone++
		} else if !slices.Contains(batch, "poison") {
			good = append(good, batch...)
		}
	}
	if alone != 3 || !slices.Equal(good, []string{"a", "b", "c", "d", "after"}) {
		t.Errorf("poison was tried %d times; good: %v", alone, good)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !strings.Contains(b.log.String(), "gave up on the record") {
		t.Errorf("log: %s", b.log.String())
	}
}

// LATEST begins now; with a state file a second pump goes on where the first
// stopped.
func TestLatestAndRestart(t *testing.T) {
	b := setUp(t, infra.Stream{StartingPosition: "LATEST"})
	b.config.State = filepath.Join(t.TempDir(), "stream.json")
	b.put("before", true)
	p := b.start()
	b.put("one", true)
	b.drained(p)
	p.Close()
	b.put("two", true)
	if batches := b.drained(b.start()); fmt.Sprint(batches) != "[[one] [two]]" {
		t.Errorf("%v", batches)
	}
}

// An operator that is not known is refused at the start.
func TestUnknownOperator(t *testing.T) {
	b := setUp(t, infra.Stream{Filters: []string{`{"eventName":[{"cidr":"10.0.0.0/8"}]}`}})
	if _, err := pump.Start(t.Context(), b.config); err == nil || !strings.Contains(err.Error(), "cidr") {
		t.Errorf("%v", err)
	}
}
