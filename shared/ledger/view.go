package ledger

import (
	"encoding/json"
	"time"
)

// Page is how the API shows a page of entries.
type Page struct {
	Entries []entryView `json:"entries"`
	Cursor  *string     `json:"cursor"`
}

type entryView struct {
	Seq     string          `json:"seq"`
	At      time.Time       `json:"at"`
	Kind    Kind            `json:"kind"`
	Actor   string          `json:"actor"`
	Subject string          `json:"subject"`
	Version int64           `json:"version,omitempty"`
	Detail  json.RawMessage `json:"detail"`
}

// View returns entries as the API shows them; next is the cursor of the next
// page, "" at the end.
func View(entries []Entry, next string) Page {
	page := Page{Entries: make([]entryView, len(entries))}
	for i, e := range entries {
		page.Entries[i] = entryView{e.Seq, e.At, e.Kind, e.Actor, e.Subject, e.Version, e.Detail}
	}
	if next != "" {
		page.Cursor = &next
	}
	return page
}
