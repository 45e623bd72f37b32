package pump

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// A shard is one part of the stream and how far it was read.
type shard struct {
	ID     string `json:"id"`
	Parent string `json:"parent,omitempty"`
	Last   string `json:"last,omitempty"` // sequence number of the last record handed over
	Done   bool   `json:"done,omitempty"` // closed and read out
	// Position is where an unread shard begins.
	Position string `json:"position"`

	iterator string
}

// open says whether a shard's turn has come: it is not read out and its parent,
// whose records are older, is.
func (s *shard) open(all map[string]*shard) bool {
	if s.Done {
		return false
	}
	parent, known := all[s.Parent]
	return !known || parent.Done // one that is unknown has been trimmed away
}

// lookout finds new shards. Those there were at the start begin where the
// template says; a shard that appears later has nothing but new records and is
// read from its beginning.
func (p *Pump) lookout(ctx context.Context) error {
	infos, err := p.api.shards(ctx, p.stream)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if p.shards[info.ID] != nil {
			continue
		}
		position := "TRIM_HORIZON"
		if !p.started && p.config.Stream.StartingPosition == "LATEST" {
			position = "LATEST"
		}
		s := &shard{ID: info.ID, Parent: info.Parent, Position: position}
		if position == "LATEST" { // latest is now, not when its turn has come
			if s.iterator, err = p.api.iterator(ctx, p.stream, s.ID, "", position); err != nil {
				return err
			}
		}
		p.shards[s.ID] = s
		p.order = append(p.order, s.ID)
	}
	p.started = true
	p.looked = time.Now()
	return nil
}

// step reads one page of a shard. An iterator is good for 15 minutes; one that
// expired, say while the machine slept, is made anew from where we were.
func (p *Pump) step(ctx context.Context, s *shard) ([]json.RawMessage, error) {
	for attempt := 1; ; attempt++ {
		if s.iterator == "" {
			it, err := p.api.iterator(ctx, p.stream, s.ID, s.Last, s.Position)
			if isKind(err, "TrimmedDataAccessException") {
				s.Last, s.Position = "", "TRIM_HORIZON"
				it, err = p.api.iterator(ctx, p.stream, s.ID, "", s.Position)
			}
			if err != nil {
				return nil, err
			}
			s.iterator = it
		}
		// A page may be empty although more follows; next alone says whether the
		// shard goes on.
		records, next, err := p.api.records(ctx, s.iterator)
		if err != nil {
			s.iterator = ""
			if attempt == 1 && (isKind(err, "ExpiredIteratorException") || isKind(err, "TrimmedDataAccessException")) {
				continue
			}
			return nil, err
		}
		s.iterator, s.Done = next, next == ""
		return records, nil
	}
}

func isKind(err error, kind string) bool {
	var e *apiError
	return errors.As(err, &e) && e.kind == kind
}

// load takes up where an earlier run stopped.
func (p *Pump) load() error {
	if p.config.State == "" {
		return nil
	}
	text, err := os.ReadFile(p.config.State)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var kept struct {
		Stream string
		Shards []*shard
	}
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		return fmt.Errorf("reading how far the stream was read (remove %s to start over): %w", p.config.State, err)
	}
	if kept.Stream != p.stream {
		return nil // another table by the same name
	}
	for _, s := range kept.Shards {
		p.shards[s.ID] = s
		p.order = append(p.order, s.ID)
	}
	p.started = len(kept.Shards) > 0
	return nil
}

// save keeps how far the stream was read. What is not kept is handed over again,
// which a function must bear in any case.
func (p *Pump) save() {
	if p.config.State == "" {
		return
	}
	var list []*shard
	for _, id := range p.order {
		list = append(list, p.shards[id])
	}
	text, err := json.Marshal(map[string]any{"Stream": p.stream, "Shards": list})
	if err == nil {
		err = os.WriteFile(p.config.State, text, 0o600)
	}
	if err != nil {
		p.logf("keeping how far the stream was read: %v", err)
	}
}
