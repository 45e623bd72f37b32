package flow_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra/local/outbox"
)

// sweepReport is what function sweep answers.
type sweepReport struct{ Workspaces, Failed, Tokens, Findings, Digests int }

// day is the length of one, as the sweep counts them.
const day = 24 * time.Hour

// trySweep runs the sweep as of a time; got is false when it failed or its
// process died.
func (w *world) trySweep(at time.Time) (report sweepReport, got bool) {
	w.t.Helper()
	result, err := w.Fire(w.t.Context(), "sweep", at)
	if err != nil {
		w.t.Errorf("sweeping as of %s: %v", at, err)
		return report, false
	}
	if result.Failed {
		return report, false
	}
	if err := json.Unmarshal(result.Payload, &report); err != nil {
		w.t.Errorf("the sweep answers %s: %v", result.Payload, err)
		return report, false
	}
	return report, true
}

// sweep runs the sweep as of a time and expects that every workspace is done.
func (w *world) sweep(at time.Time) sweepReport {
	w.t.Helper()
	report, got := w.trySweep(at)
	if !got || report.Failed > 0 {
		w.t.Fatalf("sweeping as of %s: answered %v, %+v", at, got, report)
	}
	return report
}

// sweepLog returns what was logged from some place on, when the figures of so
// many runs stand in it: a function's answer is quicker than its output.
func (w *world) sweepLog(from, runs int) string {
	w.t.Helper()
	for range 100 {
		if log := w.log.String()[from:]; strings.Count(log, `"SweepSeconds":`) >= runs {
			return log
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Errorf("the log does not tell of %d runs", runs)
	return w.log.String()[from:]
}

// metricsIn sums the metrics of function sweep in a log; those of findings are
// summed by reason only, as "FindingsWarned", and by token, as "FindingsWarned of tokens".
func metricsIn(log string) map[string]float64 {
	sums := map[string]float64{}
	for line := range strings.Lines(log) {
		text, ok := strings.CutPrefix(line, "[sweep] ")
		var values map[string]any
		if !ok || json.Unmarshal([]byte(text), &values) != nil || values["_aws"] == nil {
			continue
		}
		for name, value := range values {
			if strings.HasPrefix(name, "Findings") && values["Reason"] == nil {
				name += " of tokens"
			}
			if n, ok := value.(float64); ok {
				sums[name] += n
			}
		}
	}
	return sums
}

// schedule fires the sweep as a person does, over HTTP, and returns the answer.
func (w *world) schedule(at time.Time, status int) map[string]any {
	w.t.Helper()
	return w.call("POST", "/local/schedules/sweep", `{"at":"`+at.Format(time.RFC3339)+`"}`, status)
}

func (w *world) member(id, user, role string) {
	w.t.Helper()
	w.call("PUT", "/workspaces/"+id+"/members/"+user, `{"email":"`+user+`@`+id+`.example","role":"`+role+`"}`, 200)
}

func (w *world) leave(id, user string) {
	w.t.Helper()
	w.call("DELETE", "/workspaces/"+id+"/members/"+user, "", 204)
}

// issueBy makes a token of somebody; more is further JSON fields.
func (w *world) issueBy(id, user, more string) issued {
	w.t.Helper()
	made := w.call("POST", "/workspaces/"+id+"/tokens", `{"name":"CI of `+user+`","created_by":"`+user+`"`+more+`}`, 201)
	return issued{made["token"].(string), made["id"].(string), made["hint"].(string), id}
}

func (i issued) path() string { return "/workspaces/" + i.workspace + "/tokens/" + i.id }

func (w *world) token(i issued) map[string]any {
	w.t.Helper()
	return w.get(i.path())
}

// get reads something, and asks again when it is told to.
func (w *world) get(path string) map[string]any {
	w.t.Helper()
	for tries := 0; ; tries++ {
		status, text := w.send("GET", path, "", "")
		if status == 503 && tries < 5 {
			continue
		}
		var answer map[string]any
		if err := json.Unmarshal(text, &answer); err != nil || status != 200 {
			w.t.Fatalf("GET %s: %d %s %v", path, status, text, err)
		}
		return answer
	}
}

// hygiene is what GET of a token shows of a reason: "warned 2026-11-22T06:00:00Z"
// or "".
func (w *world) hygiene(i issued, reason string) string {
	w.t.Helper()
	mark, ok := w.token(i)["hygiene"].(map[string]any)[reason].(map[string]any)
	if !ok {
		return ""
	}
	return mark["stage"].(string) + " " + mark["since"].(string)
}

// marked is how hygiene shows a stage that was entered at a time.
func marked(stage string, at time.Time) string { return stage + " " + at.UTC().Format(time.RFC3339) }

// alter sets attributes of a token where it is stored: nobody can wait 90 days.
func (w *world) alter(i issued, set map[string]types.AttributeValue) {
	w.t.Helper()
	w.update("Tokens", map[string]types.AttributeValue{"hash": text(hashOf(i.text))}, set)
}

// update sets attributes of an item, a nil one being removed.
func (w *world) update(table string, key, set map[string]types.AttributeValue) {
	w.t.Helper()
	names, values := map[string]string{}, map[string]types.AttributeValue{}
	var sets, removes []string
	for n, name := range slices.Sorted(maps.Keys(set)) {
		names[fmt.Sprint("#n", n)] = name
		if set[name] == nil {
			removes = append(removes, fmt.Sprint("#n", n))
			continue
		}
		sets = append(sets, fmt.Sprintf("#n%d = :v%d", n, n))
		values[fmt.Sprint(":v", n)] = set[name]
	}
	expression := ""
	if len(sets) > 0 {
		expression = "SET " + strings.Join(sets, ", ")
	}
	if len(removes) > 0 {
		expression += " REMOVE " + strings.Join(removes, ", ")
	}
	if len(values) == 0 {
		values = nil
	}
	_, err := w.DynamoDB.UpdateItem(w.t.Context(), &dynamodb.UpdateItemInput{
		TableName: &table, Key: key, UpdateExpression: &expression, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: fmt.Sprint(n)} }

func stamp(t time.Time) types.AttributeValue { return text(t.UTC().Format(time.RFC3339Nano)) }

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// entries returns a workspace's ledger, oldest first.
func (w *world) entries(id string) []map[string]any {
	w.t.Helper()
	var all []map[string]any
	for cursor := ""; ; {
		page := w.get("/workspaces/" + id + "/ledger?limit=200&cursor=" + cursor)
		for _, e := range page["entries"].([]any) {
			all = append(all, e.(map[string]any))
		}
		if cursor, _ = page["cursor"].(string); cursor == "" {
			slices.Reverse(all)
			return all
		}
	}
}

// findings counts what the ledger tells of a token's hygiene: "orphaned",
// "unused", "reminded of orphaned", "unused cleared: used, by_itself".
func (w *world) findings(i issued) map[string]int {
	w.t.Helper()
	counts := map[string]int{}
	for _, e := range w.entries(i.workspace) {
		if e["subject"] != i.id {
			continue
		}
		detail := e["detail"].(map[string]any)
		switch e["kind"] {
		case "token.orphaned":
			counts["orphaned"]++
		case "token.unused":
			counts["unused"]++
		case "token.reminded":
			counts["reminded of "+detail["reason"].(string)]++
		case "token.cleared":
			counts[fmt.Sprintf("%s cleared: %s, %s", detail["reason"], detail["cause"], detail["outcome"])]++
		}
	}
	return counts
}

func (w *world) wantFindings(i issued, want ...string) {
	w.t.Helper()
	counts := map[string]int{}
	for _, each := range want {
		counts[each]++
	}
	if got := w.findings(i); !maps.Equal(got, counts) {
		w.t.Errorf("the ledger tells of %s of %s: %v, want %v", i.hint, i.workspace, got, counts)
	}
}

// digests returns the details of a workspace's digests, oldest first.
func (w *world) digests(id string) []map[string]any {
	w.t.Helper()
	var all []map[string]any
	for _, e := range w.entries(id) {
		if e["kind"] == "hygiene.digested" {
			all = append(all, e["detail"].(map[string]any))
		}
	}
	return all
}

// listed returns how many tokens a list of a digest counts and how many it names.
func listed(digest map[string]any, list string) (all, named int) {
	l := digest[list].(map[string]any)
	tokens, _ := l["tokens"].([]any)
	return int(l["count"].(float64)), len(tokens)
}

// inventory is what GET …/hygiene answers, its figures by their paths, such as
// "funnel.orphaned.found".
func (w *world) inventory(id string) map[string]int {
	w.t.Helper()
	figures := map[string]int{}
	var flatten func(prefix string, from map[string]any)
	flatten = func(prefix string, from map[string]any) {
		for name, value := range from {
			switch v := value.(type) {
			case float64:
				figures[prefix+name] = int(v)
			case map[string]any:
				flatten(prefix+name+".", v)
			}
		}
	}
	flatten("", w.get("/workspaces/"+id+"/hygiene"))
	return figures
}

// wantInventory compares the figures; one that is not named must be 0. Those of
// tokens need not be named where they are the sum of those of the reasons.
func (w *world) wantInventory(id string, want map[string]int) {
	w.t.Helper()
	want = maps.Clone(want)
	got := w.inventory(id)
	for name := range got {
		figure, ok := strings.CutPrefix(name, "funnel.tokens.")
		if _, named := want[name]; ok && !named {
			want[name] = want["funnel.orphaned."+figure] + want["funnel.unused."+figure]
		}
	}
	for name, n := range got {
		if n != want[name] {
			w.t.Errorf("GET hygiene of %s: %s is %d, want %d", id, name, n, want[name])
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			w.t.Errorf("GET hygiene of %s does not show %s: %v", id, name, got)
		}
	}
}

// mailsTo returns the mails to an address, oldest first.
func (w *world) mailsTo(address string) []outbox.Mail {
	w.t.Helper()
	mails := slices.DeleteFunc(w.Outbox.Mails(), func(m outbox.Mail) bool { return m.To[0] != address })
	slices.Reverse(mails)
	return mails
}

// recipients counts the mails by address.
func (w *world) recipients() map[string]int {
	counts := map[string]int{}
	for _, m := range w.Outbox.Mails() {
		counts[m.To[0]]++
	}
	return counts
}

func (w *world) wantRecipients(want map[string]int) {
	w.t.Helper()
	if got := w.recipients(); !maps.Equal(got, want) {
		w.t.Errorf("mails: %v, want %v", got, want)
	}
}

// stored returns the items of a table by their keys.
func (w *world) stored(table string) map[string]map[string]types.AttributeValue {
	w.t.Helper()
	items := map[string]map[string]types.AttributeValue{}
	pages := dynamodb.NewScanPaginator(w.DynamoDB, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, item := range page.Items {
			items[asJSON(w.t, keyOf(table, item))] = item
		}
	}
	return items
}

func keyOf(table string, item map[string]types.AttributeValue) map[string]types.AttributeValue {
	key := map[string]types.AttributeValue{}
	for _, name := range map[string][]string{"Tokens": {"hash"}, "Workspaces": {"workspace", "item"}, "Ledger": {"workspace", "seq"}}[table] {
		key[name] = item[name]
	}
	return key
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// put writes items and deletes keys, as many at once as DynamoDB takes.
func (w *world) put(table string, items, keys []map[string]types.AttributeValue) {
	w.t.Helper()
	var requests []types.WriteRequest
	for _, key := range keys {
		requests = append(requests, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}})
	}
	for _, item := range items {
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	for chunk := range slices.Chunk(requests, 25) {
		left := map[string][]types.WriteRequest{table: chunk}
		for len(left) > 0 {
			out, err := w.DynamoDB.BatchWriteItem(w.t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: left})
			if err != nil {
				w.t.Fatal(err)
			}
			left = out.UnprocessedItems
		}
	}
}

// A snapshot is what tables held at some time.
type snapshot map[string]map[string]map[string]types.AttributeValue

func (w *world) snapshot() snapshot {
	w.t.Helper()
	s := snapshot{}
	for _, table := range []string{"Tokens", "Workspaces", "Ledger"} {
		s[table] = w.stored(table)
	}
	return s
}

// restore takes the tables back to a snapshot, and forgets the mails.
func (w *world) restore(s snapshot) {
	w.t.Helper()
	for table, want := range s {
		var items, keys []map[string]types.AttributeValue
		now := w.stored(table)
		for key, item := range now {
			if want[key] == nil {
				keys = append(keys, keyOf(table, item))
			}
		}
		for key, item := range want {
			if asJSON(w.t, now[key]) != asJSON(w.t, item) {
				items = append(items, item)
			}
		}
		w.put(table, items, keys)
	}
	w.Outbox.Empty()
}

// seqOf makes a ULID of a time. The ledger makes better ones; these are only to
// be of the right shape, and in order.
func seqOf(at time.Time) string {
	const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var seq [26]byte
	ms := uint64(at.UnixMilli())
	for i := 9; i >= 0; i-- {
		seq[i] = crockford[ms%32]
		ms /= 32
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	for i, b := range random {
		seq[10+i] = crockford[b%32]
	}
	return string(seq[:])
}

// difference says in which lines two texts differ, at most a few.
func difference(want, got []string) string {
	var b strings.Builder
	show := func(sign string, lines, others []string) {
		shown := 0
		for _, line := range lines {
			if slices.Contains(others, line) {
				continue
			}
			if shown++; shown > 8 {
				fmt.Fprintf(&b, "%s …\n", sign)
				return
			}
			fmt.Fprintf(&b, "%s %.1200s\n", sign, line)
		}
	}
	show("-", want, got)
	show("+", got, want)
	if b.Len() == 0 && len(want) != len(got) {
		fmt.Fprintf(&b, "%d lines, want %d: something stands there more than once\n", len(got), len(want))
	}
	return b.String()
}
