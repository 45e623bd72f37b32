package token_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"safekeep/shared/ledger"
	"safekeep/shared/token"
	"safekeep/shared/web"
)

// anywhere knows every workspace and everybody in it.
type anywhere struct{}

func (anywhere) CheckCreator(context.Context, string, string) error { return nil }
func (anywhere) CheckWorkspace(context.Context, string) error       { return nil }

// world is one run against the real tables: two workspaces of its own, a clock
// that only goes forward, and what the model knows of every token.
type world struct {
	store            *token.Store
	tokens, question *web.Router
	now              time.Time
	workspaces       []string
	known            []*known // by birth
	step             step
}

// known is what the model knows of one token.
type known struct {
	text, id, workspace string

	state  state       // the ledger, replayed
	told   int         // how many entries that were
	stored token.Token // as it was after the last step
	ended  bool
}

// GoString keeps what rapid prints of a failed run readable.
func (k *known) GoString() string {
	return fmt.Sprintf("%s v%d ended:%v", k.id, k.state.version, k.ended)
}

// step is what one step may change. Tokens that are not in it stay as they are.
type step struct {
	want    map[*known][]ledger.Kind // the entries it adds, in order
	crowd   map[*known]bool          // those at which several were at once: any entries
	counted map[*known]int           // places that are only counted
	used    map[*known][]string      // from which addresses
	// What the callers in a crowd were told, against the entries that are there.
	rotated, leaked int
}

func TestModel(t *testing.T) {
	// Every step is some calls to the engine; rapid's own default takes a minute.
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == "100" {
		_ = checks.Value.Set("25")
		t.Cleanup(func() { _ = checks.Value.Set("100") })
	}
	store, shape := newStore(t), format(t, "skp")
	rapid.Check(t, func(t *rapid.T) {
		// Not drawn: a run that is repeated must find its workspaces empty.
		run := ledger.NewSeq()
		w := &world{store: store, now: noon, workspaces: []string{"home-" + run, "away-" + run}}
		service := token.NewService(store, anywhere{}, shape)
		service.Now = func() time.Time { return w.now }
		w.tokens = service.Routes()
		w.question = (&token.Introspector{Store: store, Now: service.Now}).Routes()
		t.Repeat(map[string]func(*rapid.T){
			"":           w.audit,
			"issue":      w.issue,
			"import":     w.importSome,
			"pass time":  w.passTime,
			"rotate":     w.one("rotate"),
			"revoke":     w.one("revoke"),
			"report":     w.one("report"),
			"introspect": w.one("introspect"),
			"revoke all": w.one("revoke all"),
			"at once":    w.atOnce,
		})
	})
}

func (w *world) issue(t *rapid.T) {
	workspace := rapid.SampledFrom(w.workspaces).Draw(t, "workspace")
	r := w.send(w.tokens, "/workspaces/"+workspace+"/tokens", `{"name":"CI","created_by":"ann"`+w.expiry(t)+`}`)
	if r.Code != 201 {
		t.Fatalf("issue: %d %s", r.Code, r.Body)
	}
	w.born(w.made(workspace, r), ledger.TokenIssued)
}

func (w *world) expiry(t *rapid.T) string {
	if hours := rapid.IntRange(-48, 48).Draw(t, "expires in"); hours > 0 {
		return fmt.Sprintf(`,"expires_at":%q`, w.now.Add(time.Duration(hours)*time.Hour).Format(time.RFC3339Nano))
	}
	return ""
}

// importSome imports tokens that are new, and ones that are there: good or
// ended, this workspace's or the other's.
func (w *world) importSome(t *rapid.T) {
	workspace := rapid.SampledFrom(w.workspaces).Draw(t, "workspace")
	var body strings.Builder
	var all []*known
	for range rapid.IntRange(1, 4).Draw(t, "lines") {
		k := &known{text: "old " + ledger.NewSeq()}
		if len(w.known) > 0 && rapid.Bool().Draw(t, "known") {
			k = rapid.SampledFrom(w.known).Draw(t, "token")
		}
		if slices.Contains(all, k) {
			continue
		}
		all = append(all, k)
		used := rapid.SampledFrom([]string{"", token.Day(w.now.Add(-24 * time.Hour)), token.Day(w.now)}).Draw(t, "last used on")
		body.WriteString(strings.TrimSpace(line(k.text, fmt.Sprintf(`,"last_used_on":%q%s`, used, w.expiry(t)))) + "\n")
	}
	r := w.send(w.tokens, "/workspaces/"+workspace+"/tokens:import", body.String())
	answers := strings.Split(strings.TrimSpace(r.Body.String()), "\n")
	if r.Code != 200 || len(answers) != len(all) {
		t.Fatalf("import: %d %s", r.Code, r.Body)
	}
	for i, k := range all {
		var got struct{ Result, ID string }
		_ = json.Unmarshal([]byte(answers[i]), &got)
		want := got
		switch k.workspace {
		case "":
			want.Result = "created"
			k.id, k.workspace = got.ID, workspace
			w.born(k, ledger.TokenImported)
		case workspace:
			want.Result, want.ID = "unchanged", k.id
		default:
			want.Result, want.ID = "conflict", ""
		}
		if got != want {
			t.Errorf("import of %s: %v, want %v", k.id, got, want)
		}
	}
}

// passTime goes forward, often to the very end of a token.
func (w *world) passTime(t *rapid.T) {
	next := w.now.Add(rapid.SampledFrom([]time.Duration{1, time.Minute, time.Hour, 5 * time.Hour, 25 * time.Hour}).Draw(t, "by"))
	for _, k := range w.known {
		if end, _ := k.state.clockEnd(); end.After(w.now) && rapid.Bool().Draw(t, "to an end") {
			next = end
			break
		}
	}
	w.now = next
}

// one does one thing to one token, and says beforehand what must come of it.
func (w *world) one(name string) func(*rapid.T) {
	return func(t *rapid.T) {
		k := w.pick(t)
		o := drawOp(t, name, rapid.SampledFrom([]int{1, 3, 60}).Draw(t, "at most"))
		want := w.expect(o, k)
		got, next := w.do(o, k)
		if got != want {
			t.Errorf("%s of %s: %s, want %s", name, k.id, got, want)
		}
		if next != nil {
			w.born(next, ledger.TokenIssued)
		}
	}
}

// pick draws a token, often the latest, so that much happens to some.
func (w *world) pick(t *rapid.T) *known {
	if len(w.known) == 0 {
		t.Skip("there is no token")
	}
	if rapid.Bool().Draw(t, "the latest") {
		return w.known[len(w.known)-1]
	}
	return rapid.SampledFrom(w.known).Draw(t, "token")
}

// atOnce has several at one token in the same moment.
func (w *world) atOnce(t *rapid.T) {
	k := w.pick(t)
	names := rapid.SliceOfN(rapid.SampledFrom([]string{"rotate", "revoke", "report", "introspect", "import", "revoke all"}), 2, 6)
	if rapid.Bool().Draw(t, "all the same") {
		names = rapid.Map(rapid.SampledFrom([]string{"rotate", "revoke", "report"}), func(name string) []string { return slices.Repeat([]string{name}, 6) })
	}
	var ops []op
	for _, name := range names.Draw(t, "ops") {
		o := drawOp(t, name, 3)
		w.expect(o, k) // what it does to other tokens
		ops = append(ops, o)
	}
	w.step.crowd[k] = true
	answers, born := make([]string, len(ops)), make([]*known, len(ops))
	var wg sync.WaitGroup
	for i, o := range ops {
		wg.Go(func() { answers[i], born[i] = w.do(o, k) })
	}
	wg.Wait()
	for i, o := range ops {
		if !slices.Contains(possible[o.name], answers[i]) || k.ended && answers[i] != w.expect(o, k) {
			t.Errorf("%s among others of %s (ended: %v): %s", o.name, k.id, k.ended, answers[i])
		}
		if answers[i] == string(token.OutcomeRevoked) {
			w.step.leaked++
		}
		if born[i] != nil {
			w.step.rotated++
			w.known = append(w.known, born[i])
			w.step.crowd[born[i]] = true // the end of the workspace may have seen it
		}
	}
}

func (w *world) born(k *known, kind ledger.Kind) {
	w.known = append(w.known, k)
	w.step.want[k] = []ledger.Kind{kind}
}
