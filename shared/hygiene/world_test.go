package hygiene_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/hygiene"
	"safekeep/shared/ledger"
	"safekeep/shared/metrics"
	"safekeep/shared/token"
	"safekeep/shared/workspace"
)

// start is when the tests begin; ledger entries are written at the wall clock,
// so runs of these times are runs of the past, as on AWS.
var start = time.Date(2026, 1, 5, 6, 0, 0, 0, time.UTC)

func day(n int) time.Time { return start.AddDate(0, 0, n) }

// world is tables of its own on the real engine, and the stores over them.
type world struct {
	t       testing.TB
	client  *dynamodb.Client
	store   *hygiene.Store
	metrics bytes.Buffer
}

func newWorld(t testing.TB) *world {
	client := dynamotest.New(t)
	story := &ledger.Store{Client: client, Table: dynamotest.Ledger}
	return &world{t: t, client: client, store: &hygiene.Store{
		Ledger:     story,
		Workspaces: &workspace.Store{Client: client, Table: dynamotest.Workspaces, Ledger: story},
		Tokens:     &token.Store{Client: client, Table: dynamotest.Tokens, Ledger: story, Tombstone: 400 * 24 * time.Hour},
	}}
}

var rules = hygiene.Rules{Unused: 90 * 24 * time.Hour, FollowUp: 7 * 24 * time.Hour}

func (w *world) sweep() *hygiene.Sweep {
	return &hygiene.Sweep{
		Directory: w.store, Tokens: w.store, Book: w.store, Rules: rules,
		Metrics: metrics.NewRecorder(&w.metrics, "test"), Now: time.Now, TimeTravel: true,
	}
}

// run runs the sweep as of a time and expects that every workspace is done.
func (w *world) run(at time.Time) hygiene.Report {
	w.t.Helper()
	report, err := w.sweep().Handle(w.t.Context(), hygiene.Event{Scheduled: at})
	if err != nil || report.Failed > 0 {
		w.t.Fatalf("sweeping as of %s: %+v, %v", at, report, err)
	}
	return report
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// workspace makes one with members, "ann" being an owner with an address.
func (w *world) workspace(id string, users ...string) {
	w.t.Helper()
	_, err := w.store.Workspaces.Put(w.t.Context(), workspace.Workspace{ID: id, Name: id, AutoRevoke: true}, "test", start)
	w.must(err)
	for _, user := range users {
		w.join(id, user, start)
	}
}

func (w *world) join(id, user string, at time.Time) {
	w.t.Helper()
	_, err := w.store.Workspaces.PutMember(w.t.Context(), workspace.Member{Workspace: id, User: user, Email: user + "@acme.example", Role: workspace.Owner}, "test", at)
	w.must(err)
}

func (w *world) leave(id, user string, at time.Time) {
	w.t.Helper()
	w.must(w.store.Workspaces.RemoveMember(w.t.Context(), id, user, "test", at))
}

// issue makes a token and returns its id.
func (w *world) issue(id, user string, at time.Time) string {
	w.t.Helper()
	t := token.Token{
		ID: "tok_" + ledger.NewSeq(), Workspace: id, Name: "CI deploy", Hint: "skp_…a1B2",
		CreatedBy: user, CreatedAt: at, Status: token.Active, Version: 1,
	}
	t.Hash = token.HashOf(t.ID)
	w.must(w.store.Tokens.Create(w.t.Context(), t, "test"))
	return t.ID
}

func (w *world) token(id, tokenID string) token.Token {
	w.t.Helper()
	t, err := w.store.Tokens.Get(w.t.Context(), id, tokenID)
	w.must(err)
	return t
}

func (w *world) use(id, tokenID string, at time.Time) {
	w.t.Helper()
	w.must(w.store.Tokens.Touch(w.t.Context(), w.token(id, tokenID), token.Use{}, at))
}

func (w *world) keep(id, tokenID string, at, until time.Time) {
	w.t.Helper()
	w.must(w.store.Tokens.Keep(w.t.Context(), w.token(id, tokenID), token.Keep{Until: until, Reason: "the nightly job", By: "ann", At: at}))
}

func (w *world) revoke(id, tokenID string, at time.Time) {
	w.t.Helper()
	w.must(w.store.Tokens.Revoke(w.t.Context(), w.token(id, tokenID), token.Requested, "ann", at))
}

// rotate gives a token a successor, whose id it returns.
func (w *world) rotate(id, tokenID string, at, until time.Time) string {
	w.t.Helper()
	old := w.token(id, tokenID)
	next := old
	next.ID, next.CreatedAt, next.Version = "tok_"+ledger.NewSeq(), at, 1
	next.Hash, next.Orphaned, next.Unused, next.SweptAt = token.HashOf(next.ID), token.Mark{}, token.Mark{}, time.Time{}
	next.LastUsedOn, next.Kept = "", token.Keep{}
	w.must(w.store.Tokens.Rotate(w.t.Context(), old, next, until, "ann"))
	return next.ID
}

// entries returns a workspace's ledger, oldest first.
func (w *world) entries(id string) []ledger.Entry {
	w.t.Helper()
	var all []ledger.Entry
	for cursor := ""; ; {
		page, next, err := w.store.Ledger.List(w.t.Context(), id, cursor, 200)
		w.must(err)
		all = append(all, page...)
		if cursor = next; cursor == "" {
			break
		}
	}
	slices.Reverse(all) // a listing is newest first
	return all
}

// kinds counts the ledger's entries about a subject, cleared ones by cause.
func (w *world) kinds(id, subject string) map[string]int {
	w.t.Helper()
	counts := map[string]int{}
	for _, e := range w.entries(id) {
		if e.Subject != subject {
			continue
		}
		name := strings.TrimPrefix(string(e.Kind), "token.")
		var d hygiene.FindingDetail
		if e.Kind == ledger.TokenCleared {
			w.must(json.Unmarshal(e.Detail, &d))
			name += ":" + string(d.Reason) + ":" + string(d.Cause) + ":" + string(d.Outcome)
		}
		if e.Kind == ledger.TokenReminded {
			w.must(json.Unmarshal(e.Detail, &d))
			name += ":" + string(d.Reason)
		}
		counts[name]++
	}
	return counts
}

// digests returns the digests of a workspace, oldest first.
func (w *world) digests(id string) []hygiene.Digest {
	w.t.Helper()
	var all []hygiene.Digest
	for _, e := range w.entries(id) {
		if e.Kind == ledger.HygieneDigested {
			if !e.Owes {
				w.t.Errorf("a digest that owes no mail: %+v", e)
			}
			var d hygiene.Digest
			w.must(json.Unmarshal(e.Detail, &d))
			all = append(all, d)
		}
	}
	return all
}

func (w *world) account(id string) hygiene.Account {
	w.t.Helper()
	account, err := w.store.Account(w.t.Context(), id)
	w.must(err)
	return account
}

// stage is a mark in short: "warned day 3".
func stage(m token.Mark) string {
	if m.Stage == "" {
		return ""
	}
	return fmt.Sprintf("%s day %d", m.Stage, int(m.Since.Sub(start)/(24*time.Hour)))
}

func (w *world) stages(id, tokenID string) [2]string {
	w.t.Helper()
	t := w.token(id, tokenID)
	return [2]string{stage(t.Orphaned), stage(t.Unused)}
}

// only is a directory of one workspace.
type only struct {
	*hygiene.Store
	id string
}

func (o only) IDs(_ context.Context, _, _ int, yield func([]string) error) error {
	return yield([]string{o.id})
}

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("rapid.checks").Value.String() == flag.Lookup("rapid.checks").DefValue {
		_ = flag.Set("rapid.checks", "30") // each is a history of some 30 steps on the real engine
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // every run says what it did
	os.Exit(m.Run())
}
