package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"safekeep/infra/local"
	"safekeep/infra/local/codehost"
)

// openBatch measures a signed report of n leaked tokens, spread over so many
// workspaces, on a warm instance that has the host's keys: from handing the
// event over to the answer.
func openBatch(n, workspaces int) func(context.Context, *bench) (pair, error) {
	return func(ctx context.Context, b *bench) (pair, error) {
		leaks := leak(n, workspaces) // the same on both sides
		ours, err := b.stack(ctx, "ours")
		if err != nil {
			return pair{}, err
		}
		floor, err := b.stack(ctx, "floor")
		if err != nil {
			return pair{}, err
		}
		reports := make([]*report, 2)
		for i, s := range []*local.Stack{ours, floor} {
			if reports[i], err = newReport(ctx, s, leaks, workspaces); err != nil {
				return pair{}, err
			}
		}
		return pair{
			ours: reports[0].deliver,
			floor: func(ctx context.Context) (time.Duration, error) {
				took, err := reports[1].deliver(ctx)
				if err == nil {
					err = alike(reports[0].written, reports[1].written)
				}
				return took, err
			},
		}, nil
	}
}

// A report is one that a side gets over and over, its tokens active each time.
type report struct {
	stack   *local.Stack
	leaks   []leaked
	event   []byte
	written written // what the last delivery left behind
}

// newReport signs a report with the key of the stack's own GitHub.
func newReport(ctx context.Context, s *local.Stack, leaks []leaked, workspaces int) (*report, error) {
	if err := putWorkspaces(ctx, s.DynamoDB, workspaces); err != nil {
		return nil, err
	}
	findings := make([]codehost.Finding, len(leaks))
	for i, l := range leaks {
		findings[i] = codehost.Finding{Token: l.token, URL: l.url, Type: "acme_api_token", Source: "commit"}
	}
	body := s.GitHub.Report(findings...)
	signed, err := s.GitHub.Sign(body)
	if err != nil {
		return nil, err
	}
	headers := map[string]string{}
	for name := range signed {
		headers[strings.ToLower(name)] = signed.Get(name)
	}
	event := request(http.MethodPost, "/alerts/github", string(body), headers)
	event.RequestContext.Authorizer = nil // the one public function
	text, err := json.Marshal(event)
	return &report{stack: s, leaks: leaks, event: text}, err
}

// deliver times one delivery, from handing the event to the process to its
// answer: the front with its HTTP is the same on both sides and would only thin
// the difference. Tokens are written anew before and entries taken out after, so
// every delivery finds the tables as the first one did.
func (r *report) deliver(ctx context.Context) (time.Duration, error) {
	if err := putTokens(ctx, r.stack.DynamoDB, r.leaks); err != nil {
		return 0, err
	}
	result, err := r.stack.Invoke(ctx, "alerts", r.event)
	if err != nil {
		return 0, err
	}
	if err := r.checkAnswer(result.Failed, result.Payload); err != nil {
		return 0, err
	}
	if r.written, err = r.checkTables(ctx); err != nil {
		return 0, err
	}
	r.stack.Faults.Forget() // or its record of calls grows for the whole run
	return result.Took, clearLedger(ctx, r.stack.DynamoDB, r.written.entries)
}

// checkAnswer holds the answer against what GitHub must be told.
func (r *report) checkAnswer(failed bool, payload []byte) error {
	var answer events.LambdaFunctionURLResponse
	if err := json.Unmarshal(payload, &answer); err != nil || failed || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the report was answered %.300s", payload)
	}
	var verdicts []struct {
		Hash  string `json:"token_hash"`
		Label string `json:"label"`
	}
	if err := json.Unmarshal([]byte(answer.Body), &verdicts); err != nil || len(verdicts) != len(r.leaks) {
		return fmt.Errorf("%d tokens were reported and %d answered", len(r.leaks), len(verdicts))
	}
	for i, v := range verdicts {
		sum := sha256.Sum256([]byte(r.leaks[i].token))
		if v.Label != "true_positive" || v.Hash != hex.EncodeToString(sum[:]) {
			return fmt.Errorf("token %d was answered %s %s", i, v.Hash, v.Label)
		}
	}
	return nil
}

// checkTables holds the tables against what a report must do: each token
// revoked, one entry of each kind told of it, the first owing a mail.
func (r *report) checkTables(ctx context.Context) (written, error) {
	w, err := readBack(ctx, r.stack.DynamoDB, r.leaks)
	if err != nil {
		return w, err
	}
	switch n := len(r.leaks); {
	case w.revoked != n:
		return w, fmt.Errorf("%d of %d tokens are revoked", w.revoked, n)
	case w.exposures != n || w.revocations != n || w.owing != n || len(w.entries) != 2*n:
		return w, fmt.Errorf("of %d tokens the ledger tells %d exposures (%d owing) and %d revocations in %d entries",
			n, w.exposures, w.owing, w.revocations, len(w.entries))
	}
	return w, nil
}

// alike says what is different between the work of the two sides: a floor that
// does less would not be one. A few bytes may differ, because times are stored
// without the zeros at their end.
func alike(ours, floor written) error {
	if d := float64(ours.bytes-floor.bytes) / float64(ours.bytes); d > 0.05 || d < -0.05 {
		return fmt.Errorf("it wrote %d bytes where ours wrote %d", floor.bytes, ours.bytes)
	}
	if floor.attributes != ours.attributes {
		return fmt.Errorf("it wrote %d attributes where ours wrote %d", floor.attributes, ours.attributes)
	}
	return nil
}
