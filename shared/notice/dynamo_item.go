package notice

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/ledger"
)

// What couriers note is a map in the attribute mail. On an entry it holds, for
// each recipient, "to#0#<user>"; on a group "version", "waiting", for each
// batch "batch#<number>", and "to#<number>#<user>".

func batchName(number int64) string { return fmt.Sprintf("batch#%d", number) }

func toName(batch int64, user string) string { return fmt.Sprintf("to#%d#%s", batch, user) }

// cutTo reads a name that toName made.
func cutTo(name string) (batch int64, user string, ok bool) {
	rest, ok := strings.CutPrefix(name, "to#")
	number, user, cut := strings.Cut(rest, "#")
	batch, err := strconv.ParseInt(number, 10, 64)
	return batch, user, ok && cut && err == nil
}

func listOf(seqs []string) types.AttributeValue {
	list := make([]types.AttributeValue, len(seqs))
	for i, seq := range seqs {
		list[i] = dynamo.S(seq)
	}
	return &types.AttributeValueMemberL{Value: list}
}

func seqsOf(value types.AttributeValue) (seqs []string) {
	if list, ok := value.(*types.AttributeValueMemberL); ok {
		for _, element := range list.Value {
			if seq, ok := element.(*types.AttributeValueMemberS); ok {
				seqs = append(seqs, seq.Value)
			}
		}
	}
	return seqs
}

func mapOf(item dynamo.Item) types.AttributeValue { return &types.AttributeValueMemberM{Value: item} }

func (d Delivery) value() types.AttributeValue {
	return mapOf(dynamo.Item{
		"state": dynamo.S(string(d.State)), "until": dynamo.N(d.Until.UnixMilli()),
		"attempts": dynamo.N(int64(d.Attempts)), "by": dynamo.S(d.By),
	})
}

func deliveryOf(value types.AttributeValue) Delivery {
	note, ok := value.(*types.AttributeValueMemberM)
	if !ok {
		return Delivery{}
	}
	return Delivery{
		State: state(dynamo.Text(note.Value, "state")), Until: time.UnixMilli(dynamo.Number(note.Value, "until")),
		Attempts: int(dynamo.Number(note.Value, "attempts")), By: dynamo.Text(note.Value, "by"),
	}
}

func notesOf(item dynamo.Item) dynamo.Item {
	if notes, ok := item["mail"].(*types.AttributeValueMemberM); ok {
		return notes.Value
	}
	return nil
}

func decodeDebt(item dynamo.Item) Debt {
	debt := Debt{Entry: ledger.Decode(item), To: map[string]Delivery{}}
	for name, value := range notesOf(item) {
		if _, user, ok := cutTo(name); ok {
			debt.To[user] = deliveryOf(value)
		}
	}
	return debt
}

func decodeGroup(workspace, report string, item dynamo.Item) Group {
	notes := notesOf(item)
	group := Group{
		Workspace: workspace, Report: report, Version: dynamo.Number(notes, "version"),
		Waiting: seqsOf(notes["waiting"]), Batches: map[int64]Batch{},
	}
	for name, value := range notes {
		if number, ok := strings.CutPrefix(name, "batch#"); ok {
			if n, err := strconv.ParseInt(number, 10, 64); err == nil {
				group.Batches[n] = Batch{Entries: seqsOf(value), To: map[string]Delivery{}}
			}
		}
	}
	for name, value := range notes {
		if number, user, ok := cutTo(name); ok && group.Batches[number].To != nil {
			group.Batches[number].To[user] = deliveryOf(value)
		}
	}
	return group
}
