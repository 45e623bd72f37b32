package alert

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"safekeep/shared/token"
	"safekeep/shared/workspace"
)

// Tokens is what a report needs of the token service.
type Tokens interface {
	// Find returns those that exist, consistently. An error beside tokens says
	// that there may be more.
	Find(ctx context.Context, hashes []token.Hash) (map[token.Hash]token.Token, error)
	// Expose does what the report asks for, whoever else is at the token.
	Expose(ctx context.Context, t token.Token, f token.Finding, policy token.Policy) (token.Outcome, error)
}

// Workspaces knows what the workspaces have chosen.
type Workspaces interface {
	Choices(ctx context.Context, ids []string) (map[string]workspace.Workspace, error)
}

// maxAtOnce is how many tokens of a report are changed at once.
const maxAtOnce = 16

// Receiver acts on the reports that a host has signed.
type Receiver struct {
	Tokens     Tokens
	Workspaces Workspaces
	Format     token.Format
	// DryRun says that the whole stack reports and revokes nothing.
	DryRun bool
}

// Receive acts on a report's items and returns the outcome of each, in order.
// An error means that at least one token could not be decided on; what was
// done stays done, and the same report can be received again.
func (r *Receiver) Receive(ctx context.Context, host, report string, items []item, now time.Time) ([]token.Outcome, error) {
	leads := r.leads(items)
	var hashes []token.Hash
	places := map[token.Hash][]token.Place{} // in the order of the report
	for i, candidates := range leads {
		for _, hash := range candidates {
			if _, seen := places[hash]; !seen {
				hashes = append(hashes, hash)
			}
			places[hash] = append(places[hash], items[i].place)
		}
	}
	// One token that cannot be made sense of must not keep the others alive, so
	// what was found is dealt with before the error is returned.
	found, odd := r.Tokens.Find(ctx, hashes)
	if odd != nil && len(found) == 0 {
		return nil, odd
	}
	r.tidy(items, leads, found, places)
	outcomes, err := r.decide(ctx, host, report, hashes, found, places, now)
	if err := errors.Join(odd, err); err != nil {
		return nil, err
	}
	results := make([]token.Outcome, len(items))
	for i := range items {
		results[i] = r.missed(items[i].received)
		for _, hash := range leads[i] {
			if rank[outcomes[hash]] > rank[results[i]] {
				results[i] = outcomes[hash]
			}
		}
	}
	return results, nil
}

// tidy makes the places of the found tokens fit to be kept: an imported token
// may have any shape, so what it looks like is only known now, and it may stand
// in the URL of another. The first place that has a URL goes first, because it
// is the one that the mail names.
func (r *Receiver) tidy(items []item, leads [][]token.Hash, found map[token.Hash]token.Token, places map[token.Hash][]token.Place) {
	var odd []string
	for i, it := range items {
		if _, ok := found[leads[i][0]]; ok && len(r.Format.Within(it.received.Reveal())) == 0 {
			odd = append(odd, it.received.Reveal())
		}
	}
	slices.Sort(odd)
	odd = slices.Compact(odd)
	for hash := range found {
		of := places[hash]
		if len(odd) > 0 {
			for i := range of {
				of[i].URL = redactURL(of[i].URL, r.Format, odd...)
			}
		}
		if i := slices.IndexFunc(of, func(p token.Place) bool { return p.URL != "" }); i > 0 {
			of[0], of[i] = of[i], of[0]
		}
	}
}

// rank orders outcomes for an item that holds several tokens: the most serious
// one is the item's.
var rank = map[token.Outcome]int{
	"": 0, token.OutcomeMalformed: 1, token.OutcomeUnknown: 2,
	token.OutcomeAlreadyRevoked: 3, token.OutcomeReportedOnly: 4, token.OutcomeRevoked: 5,
}

// leads returns the hashes that each item may be known under: that of the
// whole string, for imported tokens have any shape, and those of every token
// of ours inside it.
func (r *Receiver) leads(items []item) [][]token.Hash {
	leads := make([][]token.Hash, len(items))
	for i, it := range items {
		leads[i] = r.lead(it.received.Reveal())
	}
	return leads
}

// lead returns the leads of one string.
func (r *Receiver) lead(text string) []token.Hash {
	text = strings.TrimSpace(text)
	hashes := []token.Hash{token.HashOf(text)}
	for _, part := range r.Format.Within(text) {
		if part != text {
			hashes = append(hashes, token.HashOf(part))
		}
	}
	return hashes
}

// maxToken is the longest string that could be a token of any shape: what an
// HTTP header can carry.
const maxToken = 8 << 10

// missed explains a string that led to no token.
func (r *Receiver) missed(received token.Secret) token.Outcome {
	text := strings.TrimSpace(received.Reveal())
	if text == "" || len(text) > maxToken || strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '\uFFFD' }) {
		return token.OutcomeMalformed
	}
	if parts := r.Format.Within(text); len(parts) == 1 && parts[0] == text && !r.Format.Valid(text) {
		return token.OutcomeMalformed // our prefix, and not our checksum
	}
	return token.OutcomeUnknown
}

// decide exposes every token that was found and returns the outcomes.
func (r *Receiver) decide(ctx context.Context, host, report string, hashes []token.Hash, found map[token.Hash]token.Token, places map[token.Hash][]token.Place, now time.Time) (map[token.Hash]token.Outcome, error) {
	if len(found) == 0 {
		return nil, nil
	}
	choices, err := r.Workspaces.Choices(ctx, workspacesOf(found))
	if err != nil {
		return nil, err
	}
	finding := func(t token.Token) token.Finding {
		return token.Finding{Host: host, At: now, Report: report, Places: places[t.Hash]}
	}
	owing := map[string]int{}
	for _, t := range found {
		// Those that an earlier delivery of the same report got through count
		// too: their mail waits for the rest.
		if t.ExposedBy == report || token.Decide(&t, finding(t), r.policy(choices, t.Workspace)).Expose {
			owing[t.Workspace]++
		}
	}
	outcomes := make([]token.Outcome, len(hashes))
	errs := make([]error, len(hashes))
	var group errgroup.Group
	group.SetLimit(maxAtOnce)
	for i, hash := range hashes {
		t, ok := found[hash]
		if !ok {
			continue
		}
		f := finding(t)
		f.ReportSize = owing[t.Workspace]
		// One token's failure must not stop the others, so no error is
		// returned to the group.
		group.Go(func() error {
			outcomes[i], errs[i] = r.Tokens.Expose(ctx, t, f, r.policy(choices, t.Workspace))
			if errs[i] != nil {
				slog.ErrorContext(ctx, "token not decided on", "token", t.ID, "workspace", t.Workspace, "error", errs[i].Error())
			}
			return nil
		})
	}
	_ = group.Wait()
	byHash := make(map[token.Hash]token.Outcome, len(found))
	for i, hash := range hashes {
		byHash[hash] = outcomes[i]
	}
	return byHash, errors.Join(errs...)
}

// policy is what a workspace wants done. One that has ended or never was can
// want nothing else than to be safe.
func (r *Receiver) policy(choices map[string]workspace.Workspace, id string) token.Policy {
	if r.DryRun {
		return token.Policy{Why: "dry_run"}
	}
	if w, ok := choices[id]; ok && !w.AutoRevoke && w.EndedAt.IsZero() {
		return token.Policy{Why: "auto_revoke_off"}
	}
	return token.Policy{Revoke: true}
}

func workspacesOf(found map[token.Hash]token.Token) []string {
	seen := map[string]bool{}
	var ids []string
	for _, t := range found {
		if !seen[t.Workspace] {
			seen[t.Workspace] = true
			ids = append(ids, t.Workspace)
		}
	}
	return ids
}
