package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The tables of a stack, under the names they have here.
const (
	tokensTable     = "Tokens"
	workspacesTable = "Workspaces"
	ledgerTable     = "Ledger"
)

// issued is when all the tokens here were made.
const issued = "2026-01-15T09:30:00.123456789Z"

type item = map[string]types.AttributeValue

// leaked is a token that reports are about. Names, ids and the place it was found
// at are about as long as real ones: the bytes are part of the work.
type leaked struct{ token, id, workspace, url string }

// hash is the key that the token is stored under.
func (l leaked) hash() string {
	sum := sha256.Sum256([]byte(l.token))
	return hex.EncodeToString(sum[:])
}

// leak makes n tokens, spread evenly over the workspaces.
func leak(n, workspaces int) []leaked {
	leaks := make([]leaked, n)
	for i := range leaks {
		body := make([]byte, 30)
		for j, b := range random(30) {
			body[j] = base62[b%62]
		}
		commit := hex.EncodeToString(random(20))
		leaks[i] = leaked{
			token: "skp_" + string(body) + checksum(body), id: "tok_" + rand.Text(),
			workspace: workspace(i % workspaces),
			url:       fmt.Sprintf("https://github.com/octo-org/service-%d/blob/%s/config/production.yaml#L%d", i, commit, i%90+1),
		}
	}
	return leaks
}

func workspace(n int) string { return fmt.Sprintf("workspace-%04d", n) }

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// checksum is that of Safekeep's tokens: CRC-32 in base 62. The function does not
// need it to be right, but a wrong one could take another way through the code.
func checksum(body []byte) string {
	var text [6]byte
	sum := crc32.ChecksumIEEE(body)
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = base62[sum%62]
		sum /= 62
	}
	return string(text[:])
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // cannot fail
	return b
}

// putWorkspaces stores workspaces that want their leaked tokens revoked.
func putWorkspaces(ctx context.Context, client *dynamodb.Client, n int) error {
	var puts []types.WriteRequest
	for i := range n {
		puts = append(puts, put(item{
			"workspace": text(workspace(i)), "item": text("workspace"), "name": text(fmt.Sprintf("Customer %d", i)),
			"auto_revoke": &types.AttributeValueMemberBOOL{Value: true}, "sso": &types.AttributeValueMemberBOOL{Value: false},
			"created_at": text(issued), "version": number("1"),
		}))
	}
	return write(ctx, client, workspacesTable, puts)
}

// putTokens stores the tokens as they are when they were just issued, over
// whatever became of them since. The attributes are those that issuing writes,
// but for the pointer from the id, which reports never look at.
func putTokens(ctx context.Context, client *dynamodb.Client, leaks []leaked) error {
	puts := make([]types.WriteRequest, len(leaks))
	for i, l := range leaks {
		puts[i] = put(item{
			"hash": text(l.hash()), "id": text(l.id), "workspace": text(l.workspace),
			"creator": text(l.workspace + "#user-1"), "name": text(fmt.Sprintf("CI deploy %d", i)),
			"hint": text("skp_…" + l.token[len(l.token)-4:]), "created_by": text("user-1"), "created_at": text(issued),
			"status": text("active"), "version": number("1"),
			"scopes": &types.AttributeValueMemberL{Value: []types.AttributeValue{text("read"), text("write")}},
		})
	}
	return write(ctx, client, tokensTable, puts)
}

// clearLedger takes the entries out again.
func clearLedger(ctx context.Context, client *dynamodb.Client, entries []item) error {
	deletes := make([]types.WriteRequest, len(entries))
	for i, e := range entries {
		deletes[i] = types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: item{"workspace": e["workspace"], "seq": e["seq"]}}}
	}
	return write(ctx, client, ledgerTable, deletes)
}

// write works requests off, 25 a call, which is as many as a call takes. What
// DynamoDB leaves unprocessed is sent again.
func write(ctx context.Context, client *dynamodb.Client, table string, requests []types.WriteRequest) error {
	return chunks(requests, 25, func(part []types.WriteRequest) error {
		for left := map[string][]types.WriteRequest{table: part}; len(left) > 0; {
			out, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: left})
			if err != nil {
				return fmt.Errorf("filling %s: %w", table, err)
			}
			left = out.UnprocessedItems
		}
		return nil
	})
}

// written is what a report left behind.
type written struct {
	revoked                       int // tokens
	exposures, revocations, owing int // entries
	entries                       []item
	// bytes and attributes are those of tokens and entries together.
	bytes, attributes int
}

// readBack reads the tokens and the whole ledgers of their workspaces, so that an
// entry too many shows as well as one too few.
func readBack(ctx context.Context, client *dynamodb.Client, leaks []leaked) (written, error) {
	var w written
	var mu sync.Mutex
	err := chunks(leaks, 100, func(part []leaked) error {
		keys := make([]item, len(part))
		for i, l := range part {
			keys[i] = item{"hash": text(l.hash())}
		}
		out, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			tokensTable: {Keys: keys, ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return fmt.Errorf("reading the tokens back: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, t := range out.Responses[tokensTable] {
			w.weigh(t)
			if is(t, "status", "revoked") && is(t, "revoked_reason", "leaked") {
				w.revoked++
			}
		}
		return nil
	})
	if err != nil {
		return w, err
	}
	names := make(map[string]bool)
	for _, l := range leaks {
		names[l.workspace] = true
	}
	for name := range names {
		pages := dynamodb.NewQueryPaginator(client, &dynamodb.QueryInput{
			TableName: aws.String(ledgerTable), KeyConditionExpression: aws.String("workspace = :w"),
			ExpressionAttributeValues: item{":w": text(name)}, ConsistentRead: aws.Bool(true),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return w, fmt.Errorf("reading the ledger back: %w", err)
			}
			for _, e := range page.Items {
				w.entry(e)
			}
		}
	}
	return w, nil
}

// entry counts one entry of the ledger.
func (w *written) entry(e item) {
	w.weigh(e)
	w.entries = append(w.entries, e)
	switch {
	case is(e, "kind", "token.exposed"):
		w.exposures++
	case is(e, "kind", "token.revoked"):
		w.revocations++
	}
	if e["owes"] != nil {
		w.owing++
	}
}

// weigh adds an item up, roughly as DynamoDB counts its size.
func (w *written) weigh(i item) {
	for name, value := range i {
		w.attributes++
		w.bytes += len(name)
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			w.bytes += len(v.Value)
		case *types.AttributeValueMemberN:
			w.bytes += len(v.Value)
		case *types.AttributeValueMemberSS:
			for _, s := range v.Value {
				w.bytes += len(s)
			}
		}
	}
}

// chunks hands the parts of a list to do, eight at once, and returns what went
// wrong with any.
func chunks[T any](list []T, size int, do func([]T) error) error {
	parts := slices.Collect(slices.Chunk(list, size))
	errs := make([]error, len(parts))
	permits := make(chan struct{}, 8)
	var all sync.WaitGroup
	for i, part := range parts {
		permits <- struct{}{}
		all.Go(func() {
			errs[i] = do(part)
			<-permits
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func put(i item) types.WriteRequest {
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: i}}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

func is(i item, name, value string) bool {
	s, ok := i[name].(*types.AttributeValueMemberS)
	return ok && s.Value == value
}
