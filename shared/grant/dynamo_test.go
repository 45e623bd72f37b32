package grant_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/grant"
	"safekeep/shared/ledger"
)

// Of 100 at once one uses the grant, and leaves one line in the ledger; each
// other credential of the grant is a use of its own.
func TestUsedOnce(t *testing.T) {
	client := dynamotest.New(t)
	store, book := &grant.Store{Table: dynamotest.Ephemera}, &ledger.Store{Client: client, Table: dynamotest.Ledger}
	g, next := newGrant(t), newGrant(t)
	use := func(g grant.Grant, credential string) error {
		entry := ledger.New(g.Workspace, noon, "credential.opened", "connector", credential, struct{}{})
		return dynamo.Transact(t.Context(), client, store.Use(g, credential, noon), book.Put(entry))
	}
	for i, c := range []struct {
		g          grant.Grant
		credential string
	}{{g, mainID}, {g, otherID}, {next, mainID}} {
		var all sync.WaitGroup
		results := make([]error, 100)
		for n := range results {
			all.Go(func() { results[n] = use(c.g, c.credential) })
		}
		all.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else if !errors.Is(err, dynamo.ErrCondition) {
				t.Error(err)
			}
		}
		entries, _, err := book.List(t.Context(), "acme", "", 200)
		if won != 1 || err != nil || len(entries) != i+1 {
			t.Errorf("%d of 100 won, %d entries, %v", won, len(entries), err)
		}
	}
	// The keys are those that IAM holds the function to, and end by themselves.
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &store.Table})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, item := range out.Items {
		keys[dynamo.Text(item, "key")] = true
		if got, want := dynamo.Number(item, "expires_at"), g.ExpiresAt.Unix()+3600; got != want {
			t.Errorf("ends at %d, want %d", got, want)
		}
	}
	for _, key := range []string{"grant#" + g.ID + "#" + mainID, "grant#" + g.ID + "#" + otherID, "grant#" + next.ID + "#" + mainID} {
		if !keys[key] {
			t.Errorf("no %s among %v", key, keys)
		}
	}
	if len(keys) != 3 {
		t.Errorf("%d items", len(keys))
	}
}

// A use that TTL should have taken away and did not is still a use.
func TestLateTTL(t *testing.T) {
	client := dynamotest.New(t)
	store, g := &grant.Store{Table: dynamotest.Ephemera}, newGrant(t)
	use := store.Use(g, mainID, noon)
	use.Put.Item["expires_at"] = &types.AttributeValueMemberN{Value: strconv.Itoa(1)}
	if err := dynamo.Transact(t.Context(), client, use); err != nil {
		t.Fatal(err)
	}
	if err := dynamo.Transact(t.Context(), client, store.Use(g, mainID, noon)); !errors.Is(err, dynamo.ErrCondition) {
		t.Errorf("%v, want ErrCondition", err)
	}
}
