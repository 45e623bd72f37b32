package letter

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What became of a token that was reported, as the ledger puts it.
const (
	outcomeRevoked  = "revoked"
	outcomeReported = "reported_only"   // it still works
	outcomeExpired  = "already_revoked" // it had expired before the leak was found

	whyDryRun = "dry_run"
	whyOff    = "auto_revoke_off"
)

// Exposure is one API token that a code host found in public, and what was done
// about it. All strings may come from strangers; none is trusted.
type Exposure struct {
	TokenID, Name, Hint string // the hint is like skp_…a1B2
	// CreatedBy is the company's id of the person; CreatorEmail may be empty.
	CreatedBy, CreatorEmail string
	CreatedAt               time.Time
	LastUsedOn              string // a UTC day, "2026-11-20", or "" (no use is on record)
	// LastUse is the use that was noted for that day: when, from which address
	// and with which User-Agent, as far as the company's API said.
	LastUsedAt                time.Time
	LastUsedIP, LastUsedAgent string
	// Successor and Predecessor are the hints of the other tokens of a
	// rotation, which the leak of this one does not touch; or empty.
	Successor, Predecessor string
	Host                   string // who reported it: "github" or "gitlab"
	// Place is the reporter's word for where it was, such as "commit" or
	// "gist_content", in any case. The list grows, so any word is possible.
	Place string
	// URL is where it was, with our token already taken out. Whoever leaked
	// the token chose it. May be empty.
	URL     string
	At      time.Time // when the report was acted on
	Outcome string    // "revoked", "reported_only" or "already_revoked"
	Why     string    // of "reported_only": "dry_run" or "auto_revoke_off"
	// Revoked says of "already_revoked" that it did not expire by itself: the
	// company's own token service had revoked it.
	Revoked bool
}

// leak is one token with everything this mail has to tell about it.
type leak struct {
	Exposure
	spots []spot
}

// spot is one place a token was found in. Host and place are in lower case.
type spot struct{ host, place, url string }

// clip bounds a reporter's keyword before anything is done with it.
func clip(s string) string { return strings.TrimSpace(s[:min(len(s), 64)]) }

// spotsEach is how many places are told of one token; more would only bury the
// others.
const spotsEach = 5

// Exposed writes the mail about exposures of one workspace, 1 to 1,000 of them,
// that were reported together. When a token is named more than once, its latest
// outcome counts and every place is told. It does no I/O.
func Exposed(b Brand, workspaceID, workspaceName string, to Recipient, exposures []Exposure) (Mail, error) {
	o, err := newOccasion(b, workspaceID, workspaceName, to)
	if err != nil {
		return Mail{}, err
	}
	leaks, err := gather(exposures)
	if err != nil {
		return Mail{}, err
	}
	return seal(newStory(o, leaks).page(), machineHeaders(exposedThreads(o.domain, leaks)))
}

// gather turns exposures into leaks, one for each token, in order. A mail that
// was held up may hold "still works" and, later, "revoked" for the same token:
// the later one is true now, and on a tie the one that revoked it.
func gather(exposures []Exposure) ([]*leak, error) {
	if len(exposures) == 0 {
		return nil, ErrNoExposure
	}
	leaks := make([]*leak, 0, len(exposures))
	byID := make(map[string]*leak, len(exposures))
	for _, e := range exposures {
		switch e.Outcome {
		case outcomeRevoked, outcomeReported, outcomeExpired:
		default:
			return nil, fmt.Errorf("%w: %q", ErrOutcome, cutEnd(e.Outcome, hintRunes))
		}
		at := spot{host: strings.ToLower(clip(e.Host)), place: strings.ToLower(clip(e.Place)), url: e.URL}
		l := byID[e.TokenID]
		if l == nil || e.TokenID == "" {
			l = &leak{Exposure: e, spots: []spot{at}}
			leaks = append(leaks, l)
			byID[e.TokenID] = l
			continue
		}
		if e.At.After(l.At) || e.At.Equal(l.At) && e.Outcome == outcomeRevoked {
			l.Exposure = e
		}
		if !slices.Contains(l.spots, at) {
			l.spots = append(l.spots, at)
		}
	}
	for _, l := range leaks {
		l.Name, l.Hint = named(l.Name), tame(l.Hint, hintRunes)
	}
	return leaks, nil
}

// lastUsed says on which day a token was last used. An imported token may have
// been used before anybody kept count, so the words never say "never used".
func (l *leak) lastUsed() string {
	if l.LastUsedOn == "" {
		return "no use on record"
	}
	t, err := time.Parse(time.DateOnly, l.LastUsedOn)
	if err != nil {
		return tame(l.LastUsedOn, hintRunes)
	}
	return day(t) + " (UTC)" + l.lastSeen()
}

// agentRunes is how much of a User-Agent is shown.
const agentRunes = 60

// lastSeen says when and from where that use was seen, as far as is known. It
// is the first of the day, or a later one from another address.
func (l *leak) lastSeen() string {
	if l.LastUsedAt.IsZero() || l.LastUsedIP == "" {
		return ""
	}
	seen := ", seen at " + l.LastUsedAt.UTC().Format("15:04 UTC") + " from " + tame(l.LastUsedIP, hintRunes)
	if agent := tame(l.LastUsedAgent, agentRunes); agent != "" {
		seen += " (" + agent + ")"
	}
	return seen
}

// span says when several tokens were dealt with: "on …" or "between … and …".
// It is empty when no time is known.
func span(leaks []*leak) string {
	var first, last time.Time
	for _, l := range leaks {
		if l.At.IsZero() {
			continue
		}
		if first.IsZero() || l.At.Before(first) {
			first = l.At
		}
		if l.At.After(last) {
			last = l.At
		}
	}
	switch {
	case first.IsZero():
		return ""
	case moment(first) == moment(last):
		return " on " + moment(first)
	case day(first) == day(last):
		return " on " + day(first) + " between " + first.UTC().Format(time.TimeOnly) + " and " + last.UTC().Format("15:04:05 UTC")
	}
	return " between " + moment(first) + " and " + moment(last)
}

// place is a reporter's word for a kind of place, in words for people.
type place struct {
	found string // completes "it was found …"
	noun  string // completes "deleting …"
}

// places are the sources GitHub documents (secret scanning partner program,
// "source"). GitLab names none.
var places = map[string]place{
	"content":                  {"in a file in a repository", "the file"},
	"commit":                   {"in a commit", "the commit"},
	"pull_request_title":       {"in the title of a pull request", "the title"},
	"pull_request_description": {"in the description of a pull request", "the text"},
	"pull_request_comment":     {"in a comment on a pull request", "the comment"},
	"issue_title":              {"in the title of an issue", "the title"},
	"issue_description":        {"in the description of an issue", "the text"},
	"issue_comment":            {"in a comment on an issue", "the comment"},
	"discussion_title":         {"in the title of a discussion", "the title"},
	"discussion_body":          {"in the text of a discussion", "the text"},
	"discussion_comment":       {"in a comment in a discussion", "the comment"},
	"commit_comment":           {"in a comment on a commit", "the comment"},
	"gist_content":             {"in a gist", "the gist"},
	"gist_comment":             {"in a comment on a gist", "the comment"},
	"wiki_content":             {"on a wiki page", "the page"},
	"wiki_commit":              {"in a change to a wiki page", "the change"},
	placeNPM:                   {"in an npm package", "the package"},
	placeManual:                {"", ""},
}

const (
	placeNPM    = "npm"
	placeManual = "manual_submission" // a person handed the token to GitHub
)

// reporter is the host's name as it writes it.
func (s spot) reporter() string {
	switch s.host {
	case "github":
		return "GitHub"
	case "gitlab":
		return "GitLab"
	}
	return "a code host"
}

// site is where it was found. GitHub also looks through npm.
func (s spot) site() string {
	if s.place == placeNPM {
		return "npm"
	}
	return s.reporter()
}

// where completes "the token was …", for the table of facts.
func (s spot) where() string {
	known, ok := places[s.place]
	switch {
	case s.place == placeNPM:
		return "in an npm package, reported by " + s.reporter()
	case s.place == placeManual:
		return "handed to " + s.reporter() + " as leaked"
	case ok:
		return known.found + " on " + s.reporter()
	}
	// A word that is not on our list is still the best hint there is.
	word := strings.ReplaceAll(keepOnly(s.place, hintRunes, isIDByte), "_", " ")
	if word == "" || word == "unknown" {
		return "on " + s.reporter()
	}
	return "on " + s.reporter() + " (" + word + ")"
}
