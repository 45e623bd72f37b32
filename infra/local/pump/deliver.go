package pump

import (
	"context"
	"encoding/json"
)

// fitting keeps the records that a filter lets through.
func (p *Pump) fitting(records []json.RawMessage) []json.RawMessage {
	if len(p.filters) == 0 {
		return records
	}
	var kept []json.RawMessage
	for _, r := range records {
		var decoded map[string]any
		if json.Unmarshal(r, &decoded) != nil {
			continue // the service sends JSON
		}
		for _, f := range p.filters {
			if f.fits(decoded) {
				kept = append(kept, r)
				break
			}
		}
	}
	return kept
}

// deliver hands records over, a batch at a time.
func (p *Pump) deliver(ctx context.Context, records []json.RawMessage) {
	size := p.config.Stream.BatchSize
	if size <= 0 {
		size = 100
	}
	for len(records) > 0 && ctx.Err() == nil {
		n := min(size, len(records))
		p.deliverBatch(ctx, records[:n])
		records = records[n:]
	}
}

// deliverBatch hands one batch over. One that fails is split in halves, each on
// its own from then on and in order; a single record is tried again until its
// attempts are used up (never, when there is no limit) and then given up with a
// line in the log, where AWS would tell a dead-letter queue.
func (p *Pump) deliverBatch(ctx context.Context, batch []json.RawMessage) {
	most := p.config.Stream.MaxAttempts
	for attempt := 1; ctx.Err() == nil; attempt++ {
		event, err := json.Marshal(map[string]any{"Records": p.dress(batch)})
		if err == nil {
			err = p.config.Invoke(ctx, event)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		p.logf("a batch of %d from %s failed, attempt %d: %v", len(batch), p.config.Stream.Table, attempt, err)
		if len(batch) > 1 {
			// Splitting costs no attempt, as on Lambda.
			p.deliverBatch(ctx, batch[:len(batch)/2])
			p.deliverBatch(ctx, batch[len(batch)/2:])
			return
		}
		if most > 0 && attempt >= most {
			p.logf("gave up on the record %s of %s after %d attempts", sequence(batch[0]), p.config.Stream.Table, attempt)
			return
		}
		pause(ctx, min(patience, patience/10<<min(attempt-1, 10)))
	}
}

func sequence(record json.RawMessage) string {
	var r struct {
		Dynamodb struct{ SequenceNumber string }
	}
	_ = json.Unmarshal(record, &r) // the service sends JSON
	return r.Dynamodb.SequenceNumber
}
