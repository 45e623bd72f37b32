package flow_test

import (
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra/local"
)

// contact is who is told what no admin can be told.
const contact = "security@company.example"

// Workspaces of all shapes: the mail goes to whom it can reach, and to the
// security contact where that is nobody.
func TestSweepReachesWhomeverItCan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, local.Options{})
	start := today()
	old := map[string]types.AttributeValue{"created_at": stamp(start.Add(-200 * day))}
	add := func(id, user, role, email string) {
		w.call("PUT", "/workspaces/"+id+"/members/"+user, `{"role":"`+role+`","email":"`+email+`"}`, 200)
	}
	w.workspace("bare", "")         // no members, no tokens
	w.workspace("empty", "", "ann") // no tokens

	w.workspace("one", "", "ann") // one token, which is fine
	fine := w.issueBy("one", "ann", "")

	w.workspace("unsynced", "") // a token, but nobody was ever synced: no orphan, but unused
	unsynced := w.issueBy("unsynced", "ann", "")
	w.alter(unsynced, old)

	orphan := func(id string) issued { // one orphan of bob
		add(id, "bob", "member", "bob@"+id+".example")
		token := w.issueBy(id, "bob", "")
		w.leave(id, "bob")
		return token
	}
	w.workspace("silent", "") // an owner without an address, an admin with one
	add("silent", "ann", "owner", "")
	add("silent", "adam", "admin", "adam@silent.example")
	silent := orphan("silent")

	w.workspace("mute", "") // nobody has an address
	add("mute", "ann", "owner", "")
	add("mute", "adam", "admin", "")
	mute := orphan("mute")

	w.workspace("plain", "") // members, but neither owner nor admin
	add("plain", "mia", "member", "mia@plain.example")
	plain := orphan("plain")

	w.workspace("gone", "", "ann") // all have left: no orphan either
	gone := w.issueBy("gone", "ann", "")
	w.alter(gone, old)
	w.leave("gone", "ann")

	w.workspace("over", "", "ann") // has ended, and is not looked at
	over := orphan("over")
	w.alter(over, old)
	w.call("DELETE", "/workspaces/over", "", 204)

	report := w.schedule(start, 200)
	if report["workspaces"] != 8.0 || report["failed"] != 0.0 || report["findings"] != 5.0 || report["digests"] != 5.0 {
		t.Errorf("the sweep reports %v", report)
	}
	w.settle()
	w.wantRecipients(map[string]int{"adam@silent.example": 1, contact: 4})
	for _, token := range []issued{mute, plain, gone, unsynced} {
		if n := w.told(contact, token); n != 1 {
			t.Errorf("the security contact was told %d times of the token of %s", n, token.workspace)
		}
	}
	if w.told("adam@silent.example", silent) != 1 || w.told(contact, silent) != 0 {
		t.Error("the token of silent was told to others than its admin")
	}
	w.wantFindings(fine)
	w.wantFindings(unsynced, "unused")
	w.wantFindings(gone, "unused")
	w.wantFindings(over)
	for _, token := range []issued{silent, mute, plain} {
		w.wantFindings(token, "orphaned")
	}
	for _, id := range []string{"bare", "empty"} {
		w.wantInventory(id, map[string]int{})
		if n := len(w.digests(id)); n != 0 {
			t.Errorf("%s has %d digests", id, n)
		}
	}
	w.assertQuiet(silent, fine, unsynced, mute, plain, gone, over)
}

// big is the workspace of the next test.
const big = "big"

// raw is a token as it is stored, and the pointer from its id, some 600 bytes.
func raw(user string, made time.Time) (token issued, item, pointer map[string]types.AttributeValue) {
	secret := rand.Text() + rand.Text()[:10]
	token = issued{"skp_" + secret, "tok_" + seqOf(made), "skp_…" + secret[len(secret)-4:], big}
	scopes := make([]types.AttributeValue, 8)
	for i := range scopes {
		scopes[i] = text(fmt.Sprintf("projects/%d/pipelines:read-and-write-%d", i, i))
	}
	item = map[string]types.AttributeValue{
		"hash": text(hashOf(token.text)), "id": text(token.id), "workspace": text(big), "creator": text(big + "#" + user),
		"name": text("CI of " + user), "hint": text(token.hint), "created_by": text(user), "created_at": stamp(made),
		"status": text("active"), "version": number(1), "scopes": &types.AttributeValueMemberL{Value: scopes},
	}
	return token, item, map[string]types.AttributeValue{"hash": text("id#" + token.id), "target": text(hashOf(token.text))}
}

// Among 20,000 tokens a handful are orphaned and 120 were never used: they are
// found, they and no others, the digest counts all and names the first fifty, and
// the mail says so. What the sweep reads comes in many pages.
func TestSweepOfTwentyThousandTokens(t *testing.T) {
	t.Parallel()
	const all, orphaned, unused = 20_000, 7, 120
	w := newWorld(t, local.Options{Functions: []string{"sweep", "notify", "tokens", "workspaces"}})
	start := today()
	w.workspace(big, "", "ann")
	w.member(big, "adam", "admin")
	w.member(big, "bob", "member")
	w.leave(big, "bob")
	small := w.orphans("small", 1)[0]

	var items []map[string]types.AttributeValue
	var found [2][]issued
	for n := range all {
		user, made := "ann", start.Add(-80*day+time.Duration(n)*time.Second)
		orphan, old := n%(all/orphaned) == 99 && len(found[0]) < orphaned, n%(all/unused) == 17 && len(found[1]) < unused
		if orphan {
			user = "bob"
		}
		if old {
			made = start.Add(-300*day + time.Duration(n)*time.Second)
		}
		token, item, pointer := raw(user, made)
		items = append(items, item)
		if orphan {
			found[0] = append(found[0], token)
			items = append(items, pointer)
		}
		if old {
			found[1] = append(found[1], token)
			items = append(items, pointer)
		}
	}
	began := time.Now()
	var writers sync.WaitGroup
	for chunk := range slices.Chunk(items, len(items)/8+1) {
		writers.Go(func() { w.put("Tokens", chunk, nil) })
	}
	writers.Wait()
	t.Logf("%d tokens written in %.1f s", all, time.Since(began).Seconds())

	w.Faults.Forget()
	began = time.Now()
	report := w.sweep(start)
	took := time.Since(began)
	queries := w.Faults.Count("sweep")["dynamodb.Query"]
	if report != (sweepReport{Workspaces: 2, Tokens: all + 1, Findings: orphaned + unused + 1, Digests: 2}) {
		t.Errorf("the sweep reports %+v", report)
	}
	if queries < 10 {
		t.Errorf("%d queries: these are not many pages", queries)
	}
	t.Logf("swept in %.2f s with %d queries, the process grew to %s", took.Seconds(), queries, peak(w))

	began = time.Now()
	if again := w.sweep(start); again.Findings != 0 || again.Digests != 0 {
		t.Errorf("swept again: %+v", again)
	}
	t.Logf("swept again in %.2f s", time.Since(began).Seconds())
	w.settle()
	for i, reason := range []string{"orphaned", "unused"} {
		for _, token := range found[i] {
			if got := w.hygiene(token, reason); got != marked("warned", start) {
				t.Fatalf("%s %s: %q", reason, token.id, got)
			}
		}
	}
	w.wantInventory(big, map[string]int{
		"tokens": all, "orphaned": orphaned, "unused": unused, "never_used": unused,
		"funnel.orphaned.found": orphaned, "funnel.orphaned.open": orphaned, "funnel.unused.found": unused, "funnel.unused.open": unused,
	})
	digests := w.digests(big)
	if len(digests) != 1 {
		t.Fatalf("%d digests", len(digests))
	}
	for list, want := range map[string][2]int{"orphaned": {orphaned, orphaned}, "never_used": {unused, 50}, "unused": {0, 0}} {
		if n, named := listed(digests[0], list); n != want[0] || named != want[1] {
			t.Errorf("the digest counts %d %s and names %d, want %v", n, list, named, want)
		}
	}
	want := map[string]int{"ann@big.example": 1, "adam@big.example": 1, "ann@small.example": 1}
	w.wantRecipients(want)
	for _, address := range slices.Sorted(maps.Keys(want))[:2] {
		mail := w.mailsTo(address)[0]
		words := strings.ToLower(strings.Join(strings.Fields(mail.Text), " "))
		for _, say := range []string{`127 api tokens of "big"`, "creator has left (7)", "never used (120)", "showing 50 of 120", "57 of them are named"} {
			if !strings.Contains(words, say) {
				t.Errorf("the mail to %s does not say %q:\n%s", address, say, mail.Text)
			}
		}
		if n := countHints(mail); n != orphaned+50 {
			t.Errorf("the mail to %s names %d tokens, want %d", address, n, orphaned+50)
		}
		for _, token := range append(slices.Clone(found[0]), found[1][:50]...) { // the oldest
			if w.told(address, token) != 1 {
				t.Errorf("the mail to %s does not name %s", address, token.hint)
			}
		}
	}

	// A week later all of them are reminded of, and again fifty are named.
	w.Outbox.Empty()
	second := start.Add(7 * day)
	if report := w.sweep(second); report.Findings != orphaned+unused+1 || report.Digests != 2 {
		t.Errorf("a week later the sweep reports %+v", report)
	}
	w.settle()
	w.wantRecipients(want)
	mail := w.mailsTo("ann@big.example")[0]
	if countHints(mail) != orphaned+50 || strings.Count(mail.Text, "Reminder: first found on") != orphaned+50 {
		t.Errorf("the second mail names %d tokens:\n%s", countHints(mail), mail.Text)
	}
	w.wantFindings(found[0][0], "orphaned", "reminded of orphaned")
	w.assertQuiet(small, found[0][0], found[1][0], found[1][119])
}

// peak is how much memory a process of the sweep has used at most.
func peak(w *world) string {
	for _, i := range w.Function("sweep").Instances() {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.PID()))
		if _, rest, ok := strings.Cut(string(status), "VmHWM:"); err == nil && ok {
			line, _, _ := strings.Cut(rest, "\n")
			return strings.TrimSpace(line)
		}
	}
	return "what nobody knows"
}
