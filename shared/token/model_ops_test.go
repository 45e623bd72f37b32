package token_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"strings"

	"pgregory.net/rapid"

	"safekeep/shared/ledger"
	"safekeep/shared/token"
	"safekeep/shared/web"
)

// op is something that one caller does to one token.
type op struct {
	name   string
	hours  int
	revoke bool
	urls   []string
	ip     string
}

func drawOp(t *rapid.T, name string, mostURLs int) op {
	o := op{name: name}
	switch name {
	case "rotate":
		o.hours = rapid.SampledFrom([]int{0, 1, 24}).Draw(t, "overlap")
	case "report":
		o.revoke = rapid.Bool().Draw(t, "revoking")
		for range rapid.IntRange(mostURLs/2+1, mostURLs).Draw(t, "places") {
			o.urls = append(o.urls, fmt.Sprint("https://git.example/", rapid.IntRange(0, 20*mostURLs).Draw(t, "place")))
		}
	case "introspect":
		o.ip = rapid.SampledFrom([]string{"", "192.0.2.1", "192.0.2.2"}).Draw(t, "ip")
	}
	return o
}

// expect notes which entries an op adds and returns what its caller is told.
func (w *world) expect(o op, k *known) string {
	_, reason, ended := k.state.end(w.now)
	switch o.name {
	case "rotate":
		if ended || k.state.successor != "" {
			return "409"
		}
		w.step.want[k] = []ledger.Kind{ledger.TokenRotated}
		return "201"
	case "revoke":
		if !ended {
			w.step.want[k] = []ledger.Kind{ledger.TokenRevoked}
		}
		return "204"
	case "report":
		return w.expectReport(o, k, ended, reason)
	case "introspect":
		if !ended {
			w.step.used[k] = append(w.step.used[k], o.ip)
		}
		return fmt.Sprint(!ended)
	case "import":
		return "unchanged"
	default:
		for _, other := range w.known {
			if _, _, ended := other.state.end(w.now); !ended && other.workspace == k.workspace {
				w.step.want[other] = []ledger.Kind{ledger.TokenRevoked}
			}
		}
		return ""
	}
}

// expectReport knows what a report comes to: whoever was not told of the token
// is told once, and again when it is ended; every new place is noted, up to
// MaxSightings.
func (w *world) expectReport(o op, k *known, ended bool, reason token.Reason) string {
	outcome, tells := token.OutcomeAlreadyRevoked, reason == token.Expired && k.state.exposedAt.IsZero()
	if !ended {
		outcome, tells = token.OutcomeReportedOnly, o.revoke || k.state.exposedAt.IsZero()
	}
	var kinds []ledger.Kind
	seen, room, places := maps.Clone(k.state.places), token.MaxSightings-len(k.state.places), o.urls
	if tells {
		kinds = append(kinds, ledger.TokenExposed)
		if !seen[places[0]] {
			seen[places[0]] = true
			room--
		}
	}
	if !ended && o.revoke {
		outcome = token.OutcomeRevoked
		kinds = append(kinds, ledger.TokenRevoked)
	}
	for _, place := range places {
		if seen[place] {
			continue
		}
		seen[place] = true
		if room > 0 {
			room--
			kinds = append(kinds, ledger.TokenSighted)
		} else {
			w.step.counted[k]++
		}
	}
	w.step.want[k] = kinds
	return string(outcome)
}

// possible is what a caller among others can be told.
var possible = map[string][]string{
	"rotate":     {"201", "409"},
	"revoke":     {"204"},
	"report":     {string(token.OutcomeRevoked), string(token.OutcomeReportedOnly), string(token.OutcomeAlreadyRevoked)},
	"introspect": {"true", "false"},
	"import":     {"unchanged"},
	"revoke all": {""},
}

// do does it and returns what the caller is told, and the successor if there
// is one. It is called by many at once, so it only reads the world.
func (w *world) do(o op, k *known) (told string, next *known) {
	path := "/workspaces/" + k.workspace + "/tokens/" + k.id
	switch o.name {
	case "rotate":
		r := w.send(w.tokens, path+"/rotate", fmt.Sprintf(`{"overlap_hours":%d}`, o.hours))
		if r.Code == 201 {
			next = w.made(k.workspace, r)
		}
		return fmt.Sprint(r.Code), next
	case "revoke":
		r := httptest.NewRecorder()
		w.tokens.ServeHTTP(r, httptest.NewRequest("DELETE", path, nil))
		return fmt.Sprint(r.Code), nil
	case "report":
		f := token.Finding{Host: "github", At: w.now, Report: "r", ReportSize: 1}
		for _, u := range o.urls {
			f.Places = append(f.Places, token.Place{URL: u})
		}
		now, err := w.store.Lookup(context.Background(), token.HashOf(k.text))
		if err != nil {
			return err.Error(), nil
		}
		outcome, err := w.store.Expose(context.Background(), now, f, token.Policy{Revoke: o.revoke, Why: "dry_run"})
		if err != nil {
			return err.Error(), nil
		}
		return string(outcome), nil
	case "introspect":
		r := w.send(w.question, "/tokens/introspect", url.Values{"token": {k.text}, "ip": {o.ip}}.Encode())
		var answer struct{ Active bool }
		if err := json.Unmarshal(r.Body.Bytes(), &answer); err != nil {
			return err.Error(), nil
		}
		if answer.Active {
			// The introspector gives up on a note that takes long, as it does
			// on a busy machine; a second one changes nothing.
			now, err := w.store.Lookup(context.Background(), token.HashOf(k.text))
			if err == nil {
				err = w.store.Touch(context.Background(), now, token.Use{IP: o.ip}, w.now)
			}
			if err != nil {
				return err.Error(), nil
			}
		}
		return fmt.Sprint(answer.Active), nil
	case "import":
		r := w.send(w.tokens, "/workspaces/"+k.workspace+"/tokens:import", line(k.text, ""))
		var answer struct{ Result string }
		_ = json.Unmarshal(r.Body.Bytes(), &answer)
		return answer.Result, nil
	default:
		if _, err := w.store.RevokeAll(context.Background(), k.workspace, "zoe", w.now); err != nil {
			return err.Error(), nil
		}
		return "", nil
	}
}

func (w *world) send(to *web.Router, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	to.ServeHTTP(answer, r)
	return answer
}

// made is the token that an answer shows, this once.
func (w *world) made(workspace string, r *httptest.ResponseRecorder) *known {
	var got struct{ ID, Token string }
	_ = json.Unmarshal(r.Body.Bytes(), &got)
	return &known{text: got.Token, id: got.ID, workspace: workspace}
}
