// Package alert takes the reports of leaked tokens that code hosts send.
//
// A report is signed by its host. Once the signature over the bytes as they
// arrived is good, every token of ours in it is found, ended or noted as the
// workspace's policy has it, and the workspace's ledger owes its admins a mail.
// Nothing in a report is dated, so any report may be a replay: receiving one
// again changes nothing that was done before.
package alert

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"safekeep/shared/metrics"
	"safekeep/shared/problem"
	"safekeep/shared/token"
	"safekeep/shared/web"
)

// answerWithin is when a report is answered at the latest. GitHub waits 30 s
// for partners that give feedback; the rest is the way there and back.
const answerWithin = 20 * time.Second

// Service answers the calls of function alerts.
type Service struct {
	Receiver *Receiver
	// GitHub and GitLab are nil while reports of that host are switched off.
	GitHub, GitLab *Keyring
	// Verifier is nil while scanners may not ask.
	Verifier *Verifier
	Format   token.Format
	Metrics  *metrics.Recorder
	Now      func() time.Time
}

// Routes lists what the service answers.
func (s *Service) Routes() *web.Router {
	r := web.NewRouter()
	r.Handle("POST /alerts/github", s.github)
	r.Handle("POST /alerts/gitlab", s.gitlab)
	r.Handle("POST /alerts/verify", s.scanner)
	return r
}

// The problems a host is told of.
var (
	errSwitchedOff = problem.New(problem.NotFound, "Reports of this host are switched off; set the URL of its keys to take them.")
	errUnsigned    = problem.New(problem.Unauthenticated, "The report's signature does not verify over its body as it arrived.")
	errNotNow      = problem.New(problem.Unavailable, "The report could not be dealt with in time; send it again.")
	errShape       = problem.New(problem.Unreadable, "The report is signed but is not a JSON array.")
)

// github takes a report of GitHub's secret scanning partner programme and
// answers with the feedback that the programme asks for.
func (s *Service) github(w http.ResponseWriter, r *http.Request) error {
	items, outcomes, err := s.take(r, s.GitHub, "Github-Public-Key-Identifier", "Github-Public-Key-Signature")
	if errors.Is(err, errNotAnArray) {
		return errShape
	}
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, feedback(items, outcomes))
}

// gitlab takes a report of GitLab's partner programme. GitLab sends again what
// is answered with any 4xx, so whatever it signed is accepted for good.
func (s *Service) gitlab(w http.ResponseWriter, r *http.Request) error {
	_, _, err := s.take(r, s.GitLab, "Gitlab-Public-Key-Identifier", "Gitlab-Public-Key-Signature")
	if errors.Is(err, errNotAnArray) {
		s.Metrics.Add(s.Now(), "ReportUnreadable", 1, [2]string{"Host", "gitlab"})
		slog.ErrorContext(r.Context(), "signed report of a shape we cannot read", "host", "gitlab")
		err = nil
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// take verifies a report, reads it and acts on it. The outcomes stand in the
// order of the items.
func (s *Service) take(r *http.Request, keys *Keyring, idHeader, signatureHeader string) ([]item, []token.Outcome, error) {
	arrived := s.Now()
	if keys == nil {
		return nil, nil, errSwitchedOff
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, problem.New(problem.Unreadable, "The body could not be read.")
	}
	if err := s.authenticate(ctx, keys, r.Header.Get(idHeader), r.Header.Get(signatureHeader), body, arrived); err != nil {
		return nil, nil, err
	}
	items, err := parseReport(body, s.Format)
	if err != nil {
		return nil, nil, err
	}
	outcomes, err := s.Receiver.Receive(ctx, keys.Host, digest(body), items, arrived.UTC())
	s.count(keys.Host, arrived, outcomes, err)
	if err != nil {
		slog.ErrorContext(ctx, "report not dealt with", "host", keys.Host, "items", len(items), "error", err.Error())
		return nil, nil, errNotNow
	}
	return items, outcomes, nil
}

// authenticate returns nil when the host signed exactly this body.
func (s *Service) authenticate(ctx context.Context, keys *Keyring, id, signature string, body []byte, arrived time.Time) error {
	der, ok := decodeSignature(signature)
	if !ok || !plausibleKeyID(id) {
		return errUnsigned
	}
	key, err := keys.Key(ctx, id, arrived)
	switch {
	case errors.Is(err, errUnknownKey):
		return errUnsigned
	case err != nil:
		// Not counted with the reports that are surely the host's: anybody can
		// send one that ends here.
		s.Metrics.Add(s.Now(), "ReportsUnproven", 1, [2]string{"Host", keys.Host})
		return errNotNow
	case !verify(key, body, der):
		return errUnsigned
	default:
		return nil
	}
}

// count records what came of a report and how long it took.
func (s *Service) count(host string, arrived time.Time, outcomes []token.Outcome, err error) {
	now := s.Now()
	values := []metrics.Value{
		{Name: "Reports", Unit: metrics.Count, Value: 1},
		{Name: "ReportTime", Unit: metrics.Milliseconds, Value: float64(now.Sub(arrived).Milliseconds())},
	}
	if err != nil {
		values = append(values, metrics.Value{Name: "ReportsUndecided", Unit: metrics.Count, Value: 1})
	}
	counts := map[token.Outcome]int{}
	for _, outcome := range outcomes {
		counts[outcome]++
	}
	for outcome, name := range outcomeMetrics {
		if counts[outcome] > 0 {
			values = append(values, metrics.Value{Name: name, Unit: metrics.Count, Value: float64(counts[outcome])})
		}
	}
	s.Metrics.Record(now, values, [2]string{"Host", host})
}

var outcomeMetrics = map[token.Outcome]string{
	token.OutcomeRevoked:        "TokensRevoked",
	token.OutcomeReportedOnly:   "TokensReportedOnly",
	token.OutcomeAlreadyRevoked: "TokensAlreadyRevoked",
	token.OutcomeUnknown:        "TokensUnknown",
	token.OutcomeMalformed:      "TokensMalformed",
}

// verdict is one element of GitHub's feedback. Source: "Secret scanning
// partner program", providing feedback for false positives.
type verdict struct {
	TokenHash string `json:"token_hash"` // SHA-256, hex, of the token as received
	TokenType string `json:"token_type"`
	Label     string `json:"label"`
}

// maxFeedback bounds the answer below the 6 MB that a Lambda may answer with.
// Feedback is optional, so a report that would need more goes without the rest.
const maxFeedback = 4 << 20 // bytes before encoding

func feedback(items []item, outcomes []token.Outcome) []verdict {
	verdicts := make([]verdict, 0, len(items))
	size := 0
	for i, it := range items {
		label := "false_positive"
		if outcomes[i].Known() {
			label = "true_positive"
		}
		if size += 150 + len(it.kind); size > maxFeedback {
			break
		}
		verdicts = append(verdicts, verdict{string(it.received.Hash()), it.kind, label})
	}
	return verdicts
}
