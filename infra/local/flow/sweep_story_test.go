package flow_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra/local"
)

// today is when the tests of the sweep begin: the wall clock, to the second, as
// schedules have it.
func today() time.Time { return time.Now().UTC().Truncate(time.Second) }

// A member leaves: the token is warned of, reminded of a week later, and then
// there is silence. The people who are told are the owners and admins, by one
// mail a day each, which names the token by its hint.
func TestSweepTellsOfAnOrphanTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	start := today()
	w.workspace("acme", "", "ann")
	w.member("acme", "adam", "admin")
	w.member("acme", "mia", "member")
	w.member("acme", "bob", "member")
	w.workspace("other", "", "eve")
	token, anns, eves := w.issueBy("acme", "bob", ""), w.issueBy("acme", "ann", ""), w.issueBy("other", "eve", "")
	w.schedule(start, 200)
	if got := w.token(token); got["kept"] != nil || w.hygiene(token, "orphaned") != "" || w.hygiene(token, "unused") != "" {
		t.Errorf("before anything happened: %v", got["hygiene"])
	}
	w.wantInventory("acme", map[string]int{"tokens": 2})

	w.leave("acme", "bob")
	first := start.Add(day)
	report := w.schedule(first, 200)
	if report["workspaces"] != 2.0 || report["failed"] != 0.0 || report["findings"] != 1.0 || report["digests"] != 1.0 || report["tokens"] != 3.0 {
		t.Errorf("the sweep reports %v", report)
	}
	if got := w.hygiene(token, "orphaned"); got != marked("warned", first) {
		t.Errorf("after the first day: %q, want %q", got, marked("warned", first))
	}
	w.settle()
	both := map[string]int{"ann@acme.example": 1, "adam@acme.example": 1}
	w.wantRecipients(both)
	for address := range both {
		if w.told(address, token) != 1 || w.told(address, anns) != 0 || w.told(address, eves) != 0 {
			t.Errorf("%s was told of other tokens than the orphan", address)
		}
		m := w.mailsTo(address)[0]
		if !strings.Contains(m.HTML, token.hint) || !strings.Contains(m.Subject, "CI of bob") || strings.Contains(m.Subject, "Reminder") {
			t.Errorf("the mail %q does not name the token", m.Subject)
		}
	}

	w.Outbox.Empty()
	for n := 2; n <= 7; n++ {
		w.sweep(start.Add(time.Duration(n) * day))
	}
	w.settle()
	w.wantRecipients(map[string]int{})
	if got := w.hygiene(token, "orphaned"); got != marked("warned", first) {
		t.Errorf("in the week after: %q", got)
	}

	second := first.Add(7 * day)
	w.schedule(second, 200)
	w.schedule(second, 200) // a schedule may fire twice
	w.settle()
	if got := w.hygiene(token, "orphaned"); got != marked("reminded", second) {
		t.Errorf("after a week: %q, want %q", got, marked("reminded", second))
	}
	w.wantRecipients(both)
	for address := range both {
		if m := w.mailsTo(address)[0]; w.told(address, token) != 1 || !strings.HasPrefix(m.Subject, "Reminder") {
			t.Errorf("the second mail to %s: %q", address, m.Subject)
		}
	}

	for _, n := range []int{9, 10, 15, 16, 40, 80} {
		w.sweep(start.Add(time.Duration(n) * day))
	}
	w.settle()
	w.wantRecipients(both) // those that were there already
	w.wantFindings(token, "orphaned", "reminded of orphaned")
	w.wantFindings(anns)
	w.wantFindings(eves)
	w.wantInventory("acme", map[string]int{
		"tokens": 2, "orphaned": 1,
		"funnel.orphaned.found": 1, "funnel.orphaned.reminded": 1, "funnel.orphaned.open": 1,
	})
	if got := w.call("GET", "/workspaces/acme/hygiene", "", 200)["digested_at"]; got != second.Format(time.RFC3339) {
		t.Errorf("the last digest is of %v, want %s", got, second.Format(time.RFC3339))
	}
	if !w.active(token.text) {
		t.Error("a sweep has ended a token")
	}
	w.assertQuiet(token, anns, eves)
}

// What people can do about a finding, and what happens by itself, ends it; the
// figures say which.
func TestSweepFindingsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	start := today()
	w.workspace("acme", "", "ann")
	w.member("acme", "bob", "member")
	w.member("acme", "ray", "member")
	kept, removed, rotated, late := w.issueBy("acme", "bob", ""), w.issueBy("acme", "bob", ""), w.issueBy("acme", "bob", `,"scopes":["read"]`), w.issueBy("acme", "bob", "")
	rays, leaked := w.issueBy("acme", "ray", ""), w.issueBy("acme", "bob", "")
	w.leave("acme", "bob")
	w.leave("acme", "ray")
	first := start.Add(day)
	w.sweep(first)
	for _, token := range []issued{kept, removed, rotated, late, rays, leaked} {
		if got := w.hygiene(token, "orphaned"); got != marked("warned", first) {
			t.Fatalf("%s: %q", token.hint, got)
		}
	}
	w.settle()

	// Keep: at once nothing shows any more, and the wish does.
	until := start.AddDate(1, 0, 0).Format(time.DateOnly)
	got := w.call("POST", kept.path()+"/keep", `{"reason":"the yearly audit","until":"`+until+`"}`, 200)
	for name, token := range map[string]map[string]any{"the answer": got, "GET": w.token(kept)} {
		if k, ok := token["kept"].(map[string]any); !ok || k["until"] != until || k["reason"] != "the yearly audit" || k["by"] == "" || k["at"] == nil {
			t.Errorf("%s shows kept %v", name, token["kept"])
		}
		if h := token["hygiene"].(map[string]any); h["orphaned"] != nil || h["unused"] != nil {
			t.Errorf("%s shows hygiene %v of a kept token", name, h)
		}
	}
	w.call("POST", kept.path()+"/keep", `{"reason":"the yearly audit","until":"`+until+`"}`, 200) // sent again

	// Remove.
	w.call("DELETE", removed.path(), "", 204)
	w.call("POST", removed.path()+"/keep", `{"reason":"the yearly audit","until":"`+until+`"}`, 409)

	// Rotate, to somebody who is there; to others it cannot go.
	for _, who := range []string{"bob", "nobody", "a b"} {
		refused := w.call("POST", rotated.path()+"/rotate", `{"created_by":"`+who+`"}`, 422)
		if refused["field"] != "created_by" {
			t.Errorf("rotating to %s: %v", who, refused)
		}
	}
	made := w.call("POST", rotated.path()+"/rotate", `{"created_by":"ann","overlap_hours":24}`, 201)
	next := issued{made["token"].(string), made["id"].(string), made["hint"].(string), "acme"}
	if made["created_by"] != "ann" || fmt.Sprint(made["scopes"]) != "[read]" || w.hygiene(rotated, "orphaned") != "" {
		t.Errorf("the successor: %v; the old one: %q", made, w.hygiene(rotated, "orphaned"))
	}

	// Come back; leak.
	w.member("acme", "ray", "member")
	w.insist(w.report(leaked))
	w.wantInventory("acme", map[string]int{
		"tokens": 5, "orphaned": 2, "kept": 1, "leaked": 1, // rays and late still bear the mark
		"funnel.orphaned.found": 6, "funnel.orphaned.open": 6,
	})
	w.settle()
	w.Outbox.Empty()

	second := first.Add(7 * day)
	w.sweep(second)
	w.settle()
	w.wantFindings(kept, "orphaned", "orphaned cleared: kept, kept")
	w.wantFindings(removed, "orphaned", "orphaned cleared: removed, after_first_mail")
	w.wantFindings(rotated, "orphaned", "orphaned cleared: rotated, after_first_mail")
	w.wantFindings(rays, "orphaned", "orphaned cleared: returned, by_itself")
	w.wantFindings(leaked, "orphaned", "orphaned cleared: other, by_itself")
	w.wantFindings(late, "orphaned", "reminded of orphaned")
	w.wantFindings(next)
	for _, token := range []issued{kept, removed, rotated, rays, leaked, next} {
		if got := w.hygiene(token, "orphaned"); got != "" {
			t.Errorf("%s is still %q", token.hint, got)
		}
	}
	w.wantRecipients(map[string]int{"ann@acme.example": 1})
	mail := w.mailsTo("ann@acme.example")[0]
	for _, want := range []string{late.hint, kept.hint, "the yearly audit", "2 have been cleaned up"} {
		if !strings.Contains(strings.Join(strings.Fields(mail.Text), " "), want) {
			t.Errorf("the second mail does not say %q:\n%s", want, mail.Text)
		}
	}
	for _, token := range []issued{removed, rotated, rays, leaked, next} {
		if strings.Contains(mail.Text, token.hint) {
			t.Errorf("the second mail names %s, of which nothing is left to say", token.hint)
		}
	}

	w.call("DELETE", late.path(), "", 204)
	w.sweep(second.Add(day))
	w.wantFindings(late, "orphaned", "reminded of orphaned", "orphaned cleared: removed, after_follow_up")
	w.wantInventory("acme", map[string]int{
		"tokens": 4, "kept": 1, "leaked": 1, // the rotated one works until its overlap ends
		"funnel.orphaned.found": 6, "funnel.orphaned.reminded": 1, "funnel.orphaned.after_first_mail": 2,
		"funnel.orphaned.after_follow_up": 1, "funnel.orphaned.by_itself": 2, "funnel.orphaned.kept": 1,
	})
	w.assertQuiet(kept, removed, rotated, late, rays, leaked, next)
}

// Keeping a token needs a reason and a day to come, and says what is wrong.
func TestKeepSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{Functions: []string{"tokens", "workspaces"}, NoPump: true})
	w.workspace("acme", "", "ann")
	token := w.issueBy("acme", "ann", "")
	future := today().AddDate(0, 0, 30).Format(time.DateOnly)
	for name, c := range map[string]struct {
		body   string
		status int
		field  string
	}{
		"a past day":       {`{"reason":"why","until":"` + today().AddDate(0, 0, -1).Format(time.DateOnly) + `"}`, 422, "until"},
		"today":            {`{"reason":"why","until":"` + today().Format(time.DateOnly) + `"}`, 422, "until"},
		"no day at all":    {`{"reason":"why"}`, 422, "until"},
		"no such day":      {`{"reason":"why","until":"2027-02-30"}`, 422, "until"},
		"a time":           {`{"reason":"why","until":"2100-01-01T00:00:00Z"}`, 422, "until"},
		"no reason":        {`{"until":"` + future + `"}`, 422, "reason"},
		"an empty reason":  {`{"reason":"  ","until":"` + future + `"}`, 422, "reason"},
		"a long reason":    {`{"reason":"` + strings.Repeat("x", 301) + `","until":"` + future + `"}`, 422, "reason"},
		"two lines":        {`{"reason":"a\nb","until":"` + future + `"}`, 422, "reason"},
		"a token in it":    {`{"reason":"see ` + token.text + `","until":"` + future + `"}`, 422, "reason"},
		"an unknown field": {`{"reason":"why","until":"` + future + `","from":"x"}`, 400, "from"},
		"no JSON":          {`keep it`, 400, ""},
		"fine":             {`{"reason":"` + strings.Repeat("ü", 300) + `","until":"` + future + `"}`, 200, ""},
	} {
		got := w.call("POST", token.path()+"/keep", c.body, c.status)
		if field, _ := got["field"].(string); field != c.field {
			t.Errorf("%s: field %q, want %q: %v", name, field, c.field, got)
		}
		if strings.Contains(fmt.Sprint(got), token.text) {
			t.Errorf("%s: the answer shows the token", name)
		}
	}
	w.call("POST", "/workspaces/acme/tokens/tok_01ARZ3NDEKTSV4RRFFQ69G5FAV/keep", `{"reason":"why","until":"`+future+`"}`, 404)
	w.call("POST", "/workspaces/other/tokens/"+token.id+"/keep", `{"reason":"why","until":"`+future+`"}`, 404)
	w.call("GET", "/workspaces/nowhere/hygiene", "", 404)
}

// A token that nobody ever used is found after 90 days, and one that was used
// after the warning is left in peace.
func TestSweepFindsUnusedTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	start := today()
	w.workspace("acme", "", "ann")
	never, used := w.issueBy("acme", "ann", ""), w.issueBy("acme", "ann", "")
	old, imported := w.issueBy("acme", "ann", ""), issued{text: "old-style-" + rand.Text() + rand.Text(), workspace: "acme"}
	// This one was made 120 days ago, and used 95 days ago.
	w.alter(old, map[string]types.AttributeValue{"created_at": stamp(start.Add(-120 * day)), "last_used_on": text(start.Add(-95 * day).Format(time.DateOnly))})
	status, answer := w.send("POST", "/workspaces/acme/tokens:import", "application/json",
		`{"sha256":"`+hashOf(imported.text)+`","name":"imported","created_by":"zed","created_at":"2020-01-31T00:00:00Z"}`)
	if status != 200 {
		t.Fatalf("import: %d %s", status, answer)
	}
	imported.id = idIn(t, answer)

	w.sweep(start.Add(-2 * day)) // as if it had been the day before yesterday
	warned := marked("warned", start.Add(-2*day))
	if got := w.hygiene(old, "unused"); got != warned {
		t.Fatalf("used 93 days before: %q, want %q", got, warned)
	}
	for name, token := range map[string]issued{"never used": never, "imported": imported} {
		if got := w.hygiene(token, "unused"); got != "" {
			t.Errorf("%s, but new: %q", name, got)
		}
	}
	w.settle()
	if w.told("ann@acme.example", old) != 1 {
		t.Errorf("mails: %v", w.recipients())
	}
	w.wantInventory("acme", map[string]int{"tokens": 4, "unused": 1, "funnel.unused.found": 1, "funnel.unused.open": 1})
	if !w.active(old.text) || !w.active(used.text) { // this is a use
		t.Fatal("a sweep has ended a token")
	}
	w.sweep(start)
	if got := w.hygiene(old, "unused"); got != "" {
		t.Errorf("used after the warning: %q", got)
	}
	w.wantFindings(old, "unused", "unused cleared: used, by_itself")
	w.Outbox.Empty()

	// Days go by: the new ones are found too, the imported one not as "never used".
	w.sweep(start.Add(89 * day))
	w.settle()
	w.wantRecipients(map[string]int{})
	at := start.Add(91 * day)
	w.sweep(at)
	w.settle()
	for name, token := range map[string]issued{"never used": never, "used on its first day": used, "imported": imported, "used again": old} {
		if got := w.hygiene(token, "unused"); got != marked("warned", at) {
			t.Errorf("%s: %q, want %q", name, got, marked("warned", at))
		}
	}
	w.wantRecipients(map[string]int{"ann@acme.example": 1})
	mail := w.mailsTo("ann@acme.example")[0]
	if !strings.Contains(mail.Text, never.hint) || strings.Count(mail.Text, "Never used.") != 1 || !strings.Contains(mail.Text, "No use since it was imported") {
		t.Errorf("the mail says:\n%s", mail.Text)
	}
	digests := w.digests("acme")
	last := digests[len(digests)-1]
	if n, _ := listed(last, "never_used"); n != 1 {
		t.Errorf("%d never used, want 1", n)
	}
	if n, _ := listed(last, "unused"); n != 3 {
		t.Errorf("%d unused, want 3", n)
	}
	w.wantInventory("acme", map[string]int{
		"tokens": 4, "unused": 4, "never_used": 1,
		"funnel.unused.found": 5, "funnel.unused.by_itself": 1, "funnel.unused.open": 4,
	})
	w.assertQuiet(never, used, old, imported)
}

// idIn takes the id out of an import's answer.
func idIn(t *testing.T, answer []byte) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(answer), `"id":"`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("import: %s", answer)
	}
	return id
}

// A deployed sweep refuses to run as of a time to come, when it would call tokens
// unused that are in use, and as of one that is long past.
func TestSweepRefusesOtherTimesWhenDeployed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{
		Functions: []string{"sweep", "tokens", "workspaces"}, NoPump: true,
		Env: map[string]map[string]string{"sweep": {"TIME_TRAVEL": "false"}},
	})
	start := today()
	w.workspace("acme", "", "ann")
	w.member("acme", "bob", "member")
	token := w.issueBy("acme", "bob", "")
	w.leave("acme", "bob")
	for _, ahead := range []time.Duration{time.Hour, day, 365 * day} {
		refused := w.schedule(start.Add(ahead), 502)
		if detail, _ := refused["detail"].(string); !strings.Contains(detail, "in the future") {
			t.Errorf("%s ahead: %v", ahead, refused)
		}
	}
	if detail, _ := w.schedule(start.Add(-3*day), 502)["detail"].(string); !strings.Contains(detail, "two days ago") {
		t.Errorf("three days ago: %s", detail)
	}
	if got := w.hygiene(token, "orphaned"); got != "" {
		t.Errorf("refused, and yet %q", got)
	}
	w.schedule(start.Add(2*time.Minute), 200) // clocks differ
	if got := w.hygiene(token, "orphaned"); got != marked("warned", start.Add(2*time.Minute)) {
		t.Errorf("as of now: %q", got)
	}
	for name, f := range w.Template.Functions {
		if f.Name == "sweep" && f.Environment["TIME_TRAVEL"] != "false" {
			t.Errorf("the template lets function %d, sweep, travel", name)
		}
	}
}
