package token

import "safekeep/shared/ledger"

// Entries are what the ledger tells of a step, in order, their versions not yet
// set. Only an exposure owes a mail.
func (s Step) Entries(t *Token, f Finding, policy Policy) []ledger.Entry {
	var entries []ledger.Entry
	if s.Expose {
		entry := ledger.New(t.Workspace, f.At, ledger.TokenExposed, f.Host, t.ID, exposedDetail(t, f, policy, s))
		entry.Owes, entry.Report, entry.ReportSize = true, f.Report, f.ReportSize
		entries = append(entries, entry)
	}
	if s.Revoke {
		entries = append(entries, ledger.New(t.Workspace, f.At, ledger.TokenRevoked, "safekeep", t.ID,
			revokedDetail{Name: t.Name, Hint: t.Hint, Reason: Leaked}))
	}
	for _, place := range s.Sightings {
		entries = append(entries, ledger.New(t.Workspace, f.At, ledger.TokenSighted, f.Host, t.ID, SightedDetail{
			Name: t.Name, Hint: t.Hint, Host: f.Host, Source: place.Source, URL: place.URL,
		}))
	}
	return entries
}

// NewPlaces are the digests of the places that the step adds to the token's.
func (s Step) NewPlaces(t *Token, f Finding) []string {
	var places []string
	if first := PlaceOf(f.Places[0].URL); s.Expose && !t.FoundAt(first) {
		places = append(places, first)
	}
	for _, place := range s.Sightings {
		places = append(places, PlaceOf(place.URL))
	}
	return places
}
