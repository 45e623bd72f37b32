package letter

import (
	"fmt"
	"strings"
)

// The words of a mail about a rotation. Nothing is broken while a rotation
// waits: they say what is wanted, that loads go on, and what happens by itself.

// headline holds the credential's name. It begins in lower case.
func (t *turn) headline(name string) string {
	name = quoted(name)
	switch {
	case t.State == RotationDone:
		return fmt.Sprintf("the Snowflake key of %s has been rotated", name)
	case t.State == RotationFailing && t.PresentRefused:
		return fmt.Sprintf("Snowflake refuses the key of %s", name)
	case t.State == RotationFailing:
		return fmt.Sprintf("the Snowflake key of %s could not be rotated", name)
	case t.Reason == reasonNoSlot:
		return fmt.Sprintf("make room for the new Snowflake key of %s", name)
	case t.switched():
		return fmt.Sprintf("remove the old Snowflake key of %s", name)
	case len(t.SQL) == 0:
		return fmt.Sprintf("put the new Snowflake key of %s in place", name)
	}
	return fmt.Sprintf("run %s so that %s gets its new Snowflake key", t.errand(), name)
}

// errand is how much there is to run.
func (t *turn) errand() string {
	if len(t.SQL) == 1 || t.Choice != "" {
		return "one SQL statement"
	}
	return number(len(t.SQL)) + " SQL statements"
}

func (t *turn) subject() string {
	return fit(t.name, func(name string) string {
		if t.State == RotationBlocked || t.PresentRefused {
			return actionNeeded + t.headline(name)
		}
		return capital(t.headline(name))
	})
}

func (t *turn) title() string { return capital(t.headline(t.name)) }

// preheader is what a phone shows under the subject.
func (t *turn) preheader() string {
	switch {
	case t.State == RotationDone:
		return "There is nothing to do. Loads use the new key."
	case t.State == RotationFailing && t.PresentRefused:
		return "Loads that sign in with it most likely fail until this is mended."
	case t.State == RotationFailing:
		return "Loads go on with the present key. We try again every day."
	case t.switched():
		return "Loads use the new key. The old one still works until you remove it."
	}
	return "Loads go on with the present key. The rotation goes on by itself after that."
}

// lead says what is the matter.
func (t *turn) lead() string {
	key := fmt.Sprintf("the key with which it signs in to Snowflake for %s", quoted(t.name))
	works := quoted(t.name) + " has a new Snowflake key: it works, and loads use it."
	switch {
	case t.State == RotationDone:
		return fmt.Sprintf("%s has replaced %s. There is nothing to do: a sign-in has proved that the new key works, and loads use it.", t.Product, key)
	case t.State == RotationFailing && t.PresentRefused:
		return fmt.Sprintf("%s was about to replace %s, and Snowflake does not let it sign in any more. Loads that use the key most likely fail, too.", t.Product, key)
	case t.State == RotationFailing:
		return fmt.Sprintf("%s has tried to replace %s, and could not.", t.Product, key)
	case t.Reason == reasonPrivilege:
		return fmt.Sprintf("%s is replacing %s, and the new key is ready. %s has no right to change the Snowflake user%s, so somebody who has it needs to put the new key in place.", t.Product, key, t.Product, t.user())
	case t.Reason == reasonNoSlot:
		return fmt.Sprintf("%s is replacing %s, but both places that the Snowflake user%s has for public keys are taken. %s takes away no key that it did not make or that is in use, so it is for you to say which one goes.", t.Product, key, t.user(), t.Product)
	case t.Reason == reasonSupplied:
		return fmt.Sprintf("%s The old key came from you, and %s takes away no key that it did not make, so it is yours to remove.", works, t.Product)
	}
	return fmt.Sprintf("%s %s has no right to change the Snowflake user%s, so somebody who has it needs to remove the old key.", works, t.Product, t.user())
}

// user completes "the Snowflake user".
func (t *turn) user() string {
	if t.User == "" {
		return ""
	}
	return " " + quoted(t.User)
}

// paras say what Snowflake said, that nothing stops, and how urgent it is.
// There is no deadline, and so none is given.
func (t *turn) paras() []string {
	var calm string
	switch {
	case t.State == RotationDone:
		return nil
	case t.State == RotationFailing && t.PresentRefused:
		calm = "Nothing was changed by us. It is best mended at once."
	case t.State == RotationFailing:
		calm = "Nothing has changed for loads: they go on with the present key, which has stayed as it was."
	case t.switched():
		calm = "Nothing stops if this waits, and there is no deadline. It is best done soon all the same: as long as the old key is in Snowflake, whoever has it can sign in with it."
	default:
		calm = "Loads go on with the present key, and nothing stops if this waits. There is no deadline, but it is best done soon: until then the key that was to be replaced stays in use."
	}
	if said := tame(t.Explanation, sentencesRunes); said != "" && t.State == RotationFailing {
		return []string{said, calm}
	}
	return []string{calm}
}

// steps are what to do in Snowflake.
func (t *turn) steps() []step {
	if t.State == RotationDone || t.State == RotationFailing && len(t.SQL) == 0 {
		return nil
	}
	steps := []step{t.openStep()}
	if t.CheckSQL != "" {
		steps = append(steps, t.checkStep())
	}
	switch {
	case t.blockedBy(reasonNoSlot):
		steps = append(steps, step{Text: "Make sure that nothing signs in with the key that goes. We cannot see what it is used for."})
	case t.blockedBy(reasonSupplied):
		steps = append(steps, step{Text: "Make sure that nothing else signs in with the old key. It came from you, so other programs may have it, too."})
	}
	return append(steps, t.runStep())
}

// openStep names the role. Keys belong to the user, which its owner alters.
// Source: "Access control requirements" of ALTER USER in Snowflake's docs.
func (t *turn) openStep() step {
	where := "In Snowflake"
	if t.Account != "" {
		where = "In Snowflake, open the account " + quoted(t.Account) + " and"
	} else {
		where += ","
	}
	return step{Text: fmt.Sprintf("%s take a role that owns the user%s: often USERADMIN or SECURITYADMIN, otherwise ACCOUNTADMIN.", where, t.user())}
}

func (t *turn) checkStep() step {
	s := step{Text: "See which keys the user has.", SQL: []string{t.CheckSQL}}
	if t.inUse != "" {
		s.Text += fmt.Sprintf(" The one with the fingerprint %s is in use and must stay.", t.inUse)
	}
	switch {
	case t.toRemove != "":
		s.Text += fmt.Sprintf(" The one to remove is %s.", t.toRemove)
	case t.blockedBy(reasonPrivilege) && len(t.SQL) > 0:
		s.Text += " The place that the SQL fills must be empty, or hold a key that nothing uses."
	}
	return s
}

func (t *turn) runStep() step {
	s := step{SQL: t.SQL}
	choice := tame(t.Choice, sentencesRunes)
	switch {
	case len(t.SQL) > 1 && choice != "":
		s.Text = "Run one of these statements, exactly as it stands."
	case len(t.SQL) > 1:
		s.Text = "Run these statements in this order, exactly as they stand."
	case len(t.SQL) == 1:
		s.Text = "Run this statement, exactly as it stands."
	case t.switched():
		s.Text = "Remove the old key from the user" + t.user() + "."
	case t.Reason == reasonNoSlot:
		s.Text = "Remove a key that nothing uses any more from the user" + t.user() + "."
	default:
		s.Text = "Give the user" + t.user() + " the new key."
	}
	s.Text = strings.TrimRight(s.Text+" "+choice, " ")
	return s
}

// note is for whoever took a role that does not own the user.
func (t *turn) note() string {
	if len(t.SQL) == 0 || t.State == RotationDone {
		return ""
	}
	return "If Snowflake answers that the user does not exist or that you are not authorized, take another role: that one does not own the user."
}

// ask says how to learn why a sign-in was refused. Source: "Key-pair
// authentication: Troubleshooting" in Snowflake's docs.
func (t *turn) ask() *step {
	if t.State != RotationFailing || t.LastSQL == "" {
		return nil
	}
	return &step{
		Text: "Snowflake tells an admin of the account more about a sign-in that was refused than it tells us. With a role that has the privilege MONITOR, such as ACCOUNTADMIN, run:",
		SQL:  []string{t.LastSQL},
	}
}

// next says what happens by itself, so that nobody waits for us, or we for them.
func (t *turn) next() []string {
	again := fmt.Sprintf("If you do not want to wait for that, start the rotation again in %s.", t.Product)
	if t.State == RotationDone {
		return []string{t.farewell()}
	}
	if t.State == RotationFailing {
		return []string{fmt.Sprintf("%s tries again once a day, by itself. %s", t.Product, again)}
	}
	then := fmt.Sprintf("You need not tell us. %s tries again once a day: as soon as a sign-in with the new key works, loads switch over to it. %s", t.Product, again)
	if t.switched() {
		then = fmt.Sprintf("You need not tell us. %s checks once a day whether the old key is gone; when it is, the rotation is complete.", t.Product)
	}
	if !t.blockedBy(reasonPrivilege, reasonOldLeft) {
		return []string{then}
	}
	return []string{then, fmt.Sprintf("If %s is to do this by itself next time, the role in the settings of %s needs the right to alter the user%s; for named key pairs, the privilege MODIFY PROGRAMMATIC AUTHENTICATION METHODS on the user is enough.", t.Product, quoted(t.name), t.user())}
}

// farewell says what becomes of the old key.
func (t *turn) farewell() string {
	if t.OldUntil.IsZero() {
		return "The old key stays in Snowflake until somebody removes it."
	}
	return fmt.Sprintf("The old key works until %s. The first daily run after that removes it from Snowflake. Should anything outside %s sign in with it, too, give that another key before then.", moment(t.OldUntil), t.Product)
}

// reason says why there are such mails at all.
func (t *turn) reason() string {
	return fmt.Sprintf("%s keeps this key pair for the workspace %s and replaces it from time to time, so that a key that got out is of no use for long. All times are in UTC.", t.Product, quoted(t.workspace))
}

// genuine says how to tell that a mail with SQL in it comes from us.
func (t *turn) genuine() string {
	noSecret := ""
	if t.State != RotationDone && len(t.SQL) > 0 {
		noSecret = " There is no secret in the SQL: keys in it are public ones."
	}
	return fmt.Sprintf("We never ask for a private key or a password by mail.%s The audit trail of the workspace tells of this rotation, too: sign in to %s as you always do.", noSecret, t.Product)
}
