package letter

import "fmt"

// The words of a digest. Nothing is wrong and nothing is urgent: they say what
// was found, that nothing was done about it, and what can be done.

// term says how long a token was not used.
func (r *review) term() string {
	if r.UnusedDays <= 0 {
		return "for a long time"
	}
	return "for " + count(r.UnusedDays, "day", "days") + " or more"
}

// headline holds one name: the only token's, or the workspace's.
func (r *review) headline(name string) string {
	head := fmt.Sprintf("%s of %s may no longer be needed", count(r.all, "API token", "API tokens"), quoted(name))
	if _, _, ok := r.only(); ok {
		head = fmt.Sprintf("API token %s may no longer be needed", quoted(name))
	}
	if r.reminders == r.all {
		head = "Reminder: " + head
	}
	return head
}

func (r *review) topic() string {
	if f, _, ok := r.only(); ok {
		return named(f.Name)
	}
	return r.workspace
}

func (r *review) subject() string { return fit(r.topic(), r.headline) }
func (r *review) title() string   { return r.headline(r.topic()) }

// preheader is what a phone shows under the subject.
func (r *review) preheader() string {
	them := plural(r.all, "it", "them")
	if r.reminders == r.all {
		return fmt.Sprintf("Nothing has been revoked. This is the last mail about %s.", them)
	}
	return fmt.Sprintf("Nothing has been revoked. You can replace %s, remove %s, or keep %s for a reason.", them, them, them)
}

// lead says what was found.
func (r *review) lead() string {
	when := "We"
	if day := dayOf(r.Day); day != "" {
		when = "On " + day + " we"
	}
	return fmt.Sprintf("%s looked through the API tokens of the workspace %s. %s", when, quoted(r.workspace), r.discovery())
}

// calm keeps anybody from fearing for what still runs.
func (r *review) calm() string {
	return fmt.Sprintf("Nothing has been revoked, and nothing will be for this reason; what becomes of %s is for you to decide.", plural(r.all, "it", "them"))
}

// discovery is the finding in a sentence or two. The mail is not about all
// tokens that may no longer be needed: of some its readers have heard enough.
func (r *review) discovery() string {
	of := number(r.all) + " that may no longer be needed"
	if f, why, single := r.only(); single {
		about := "is about"
		if f.Reminder {
			about = "reminds you of"
		}
		return fmt.Sprintf("This mail %s one that may no longer be needed: %s.", about, r.clause(f, why))
	}
	var s string
	switch {
	case r.reminders == r.all:
		s = fmt.Sprintf("This mail reminds you of %s, because nothing has changed about them.", of)
	case r.reminders == 0 || r.hidden > 0:
		s = fmt.Sprintf("This mail is about %s.", of)
	default:
		s = fmt.Sprintf("This mail is about %s. We wrote about %s of them before.", of, number(r.reminders))
	}
	if r.long() {
		s += " " + r.summary()
	}
	return s
}

// summary stands in for lists that only come at the end.
func (r *review) summary() string {
	var parts []string
	for _, c := range r.causes {
		has := count(c.Count, "has", "have")
		switch {
		case c.orphaned:
			parts = append(parts, has+" a creator who has left")
		case c.never:
			parts = append(parts, has+" never been used")
		default:
			parts = append(parts, has+" not been used "+r.term())
		}
	}
	named := "They"
	if r.hidden > 0 {
		named = number(r.all-r.hidden) + " of them"
	}
	return fmt.Sprintf("Of these, %s. %s are named at the end of this mail.", enumerated(parts), named)
}

// clause completes "one that may no longer be needed: …".
func (r *review) clause(f Finding, why cause) string {
	switch {
	case why.orphaned && f.Unused:
		return "its creator has left, and it has not been used " + r.term()
	case why.orphaned:
		return "its creator has left"
	case why.never:
		return "it has never been used since it was made"
	}
	return "it has not been used " + r.term()
}

// thanks is for what people did after an earlier mail.
func (r *review) thanks() string {
	if r.Cleaned <= 0 {
		return ""
	}
	since := "So far"
	if before := dayOf(r.Before); before != "" {
		since = "Since the mail of " + before
	}
	return fmt.Sprintf("%s, %s been cleaned up. Thank you.", since, count(r.Cleaned, "has", "have"))
}

// facts are all that is known about one token but its name, in short sentences.
func (r *review) facts(f Finding, why cause) []string {
	var all []string
	if s := origin(f, why.orphaned); s != "" {
		all = append(all, s+".")
	}
	use := usage(f, why.never) + "."
	if why.orphaned && f.Unused {
		use += " Also not used " + r.term() + "."
	}
	all = append(all, use)
	if !f.Reminder {
		return all
	}
	if found := dayOf(f.FoundOn); found != "" {
		return append(all, "Reminder: first found on "+found+".")
	}
	return append(all, "Reminder.")
}

// origin says who made a token and when, and when an orphan's creator left.
func origin(f Finding, orphaned bool) string {
	who, left := person(f.CreatorEmail, f.CreatedBy), "has left"
	if !f.LeftAt.IsZero() {
		left = "left on " + day(f.LeftAt)
	}
	s := ""
	if !f.CreatedAt.IsZero() {
		s += " on " + day(f.CreatedAt)
	}
	if who != "" {
		s += " by " + who
	}
	switch {
	case s == "" && orphaned:
		return "Its creator " + left
	case s == "":
		return ""
	case orphaned && who == "":
		return "Created" + s + "; its creator " + left
	case orphaned:
		return "Created" + s + ", who " + left
	}
	return "Created" + s
}

// usage says when a token was last used. Only of those that never can have been
// used without our knowing it says so.
func usage(f Finding, never bool) string {
	switch {
	case f.LastUsedOn != "":
		return "Last used on " + dayOf(f.LastUsedOn)
	case !f.ImportedAt.IsZero():
		return "No use since it was imported on " + day(f.ImportedAt)
	case never:
		return "Never used"
	}
	return "No use on record"
}

// keeping says until when a token is kept and by whom, and in their own words
// why.
func keeping(k Keep) (fact, reason string) {
	fact = "Kept"
	if until := dayOf(k.Until); until != "" {
		fact += " until " + until
	}
	if by := person(k.ByEmail, k.By); by != "" {
		fact += " by " + by
	}
	if reason = tame(k.Reason, reasonRunes); reason == "" {
		return fact + ".", ""
	}
	return fact + ":", quoted(reason)
}

// steps are what can be done with a token.
func (r *review) steps() []step {
	heir := ""
	for _, c := range r.causes {
		if c.orphaned {
			heir = " If its creator has left, give the new one to somebody who is still there."
		}
	}
	return []step{
		{
			Text:  fmt.Sprintf("Replace it, if it is needed: rotate it in %s and put the new token where the old one is used.%s", r.Product, heir),
			Links: links(link("Read about API tokens", r.DocsURL)),
		},
		{
			Text:  fmt.Sprintf("Remove it, if nothing needs it: revoke it in %s. Whatever still uses it is refused from then on. If you are not sure, see in the audit trail of the workspace who made it and what has happened to it since.", r.Product),
			Links: links(link("Open the audit trail", r.AuditURL)),
		},
		{
			Text: fmt.Sprintf("Keep it, if it is meant to be there: say in %s why, and until which day. Until that day it only stands at the end of these mails; then we look at it anew.", r.Product),
		},
	}
}

// next says what happens if nobody does anything, so that nobody is surprised.
func (r *review) next() string {
	unchanged := "if nothing has changed"
	if r.FollowUpDays > 0 {
		unchanged += " in " + count(r.FollowUpDays, "day", "days")
	}
	it := plural(r.all, "it", "them")
	switch {
	case r.reminders == r.all:
		return fmt.Sprintf("Nothing happens by itself. This is the last mail about %s: from now on we are silent about %s, until something changes.", it, it)
	case r.reminders+r.hidden == 0:
		return fmt.Sprintf("Nothing happens by itself. %s, we remind you, once. After that we are silent about %s, until something changes.", capital(unchanged), it)
	}
	return fmt.Sprintf("Nothing happens by itself. About a token that is marked as a reminder, this is the last mail. About the others we remind you, once, %s. After that we are silent about them, too, until something changes.", unchanged)
}

// reason says why there are such mails at all.
func (r *review) reason() string {
	return fmt.Sprintf("Once a day, %s looks for API tokens whose creator has left and for those that are not used. All days are in UTC.", r.Product)
}
