package letter

import (
	"fmt"
	"strings"
	"time"
)

// The words of a mail about somebody's own account. They may be read half asleep,
// by somebody who fears the worst: first what happened, then how to tell whether
// it was oneself, then what to do in each case.

// The kinds of second factors, as the ledger puts them.
const (
	factorTOTP     = "totp"
	factorSMS      = "sms"
	factorPasskey  = "passkey"
	factorRecovery = "recovery"
)

// factorOf is a second factor with its article.
func factorOf(kind string) string {
	switch kind {
	case factorTOTP:
		return "an authenticator app"
	case factorSMS:
		return "a phone number"
	case factorPasskey:
		return "a passkey"
	}
	return "a second factor"
}

// methodOf is what somebody shows at the second step.
func methodOf(kind string) string {
	switch kind {
	case factorTOTP:
		return "a code from an authenticator app"
	case factorSMS:
		return "a code that comes by text message"
	case factorPasskey:
		return "a passkey"
	case factorRecovery:
		return "a recovery code"
	}
	return "another second factor"
}

func methods(kinds []string) []string {
	words := make([]string, len(kinds))
	for i, kind := range kinds {
		words[i] = methodOf(kind)
	}
	return words
}

// removed are the second factors that a reset took away.
func (i *incident) removed() []string {
	words := make([]string, len(i.Factors))
	for n, kind := range i.Factors {
		words[n] = factorOf(kind)
	}
	return distinct(words)
}

// headline names the product, and nothing that a stranger chooses.
func (i *incident) headline(product string) string {
	account := "your account at " + product
	switch i.Kind {
	case FactorAdded:
		return capital(factorOf(i.Factor)) + " was added to " + account
	case FactorRemoved:
		return capital(factorOf(i.Factor)) + " was removed from " + account
	case PhoneChanged:
		return "The phone number for codes of " + account + " was changed"
	case CodesMade:
		return "New recovery codes were made for " + account
	case CodeUsed:
		used := "A recovery code was used for " + account
		if i.few() {
			used += ": " + i.left()
		}
		return used
	case FactorsReset:
		return "All second factors of " + account + " were removed"
	default:
		return "Somebody may have your password for " + product
	}
}

// few says that it is time for new recovery codes.
func (i *incident) few() bool { return i.Codes < 3 }

// left says how many recovery codes there are.
func (i *incident) left() string {
	switch {
	case i.Codes < 1:
		return "none is left"
	case i.Codes == 1:
		return "1 is left"
	}
	return number(i.Codes) + " are left"
}

func (i *incident) subject() string { return fit(i.Product, i.headline) }
func (i *incident) title() string   { return i.headline(i.Product) }

// preheader is what a phone shows under the subject.
func (i *incident) preheader() string {
	switch {
	case i.Kind == StepFailing:
		return "The second step kept them out. If this was not you, change your password now."
	case i.Kind == FactorsReset:
		return "If you did not ask for this, contact support now."
	case i.Kind == CodeUsed && i.few():
		return "Make new ones. If this was not you, change your password now."
	}
	return "If this was you, there is nothing to worry about. If not, change your password now."
}

// lead goes on from the title.
func (i *incident) lead() string {
	switch i.Kind {
	case FactorAdded:
		if i.First {
			return fmt.Sprintf("Signing in to your account at %s now takes a second step after the password: %s.", i.Product, methodOf(i.Factor))
		}
		return fmt.Sprintf("The second step of signing in to your account at %s can now also be taken with %s.", i.Product, methodOf(i.Factor))
	case FactorRemoved:
		return i.ended() + " If your account has no other second factor, only its password protects it now."
	case PhoneChanged:
		return "Codes by text message now go to the new number, and no longer to the old one."
	case CodesMade:
		earlier := "Any that were made before no longer work."
		if i.Codes > 0 {
			return fmt.Sprintf("There %s of them. %s", plural(i.Codes, "is 1", "are "+number(i.Codes)), earlier)
		}
		return earlier
	case CodeUsed:
		accepted := "It was accepted as the second step after the password, and does not work again."
		if i.few() { // the title says how few
			return accepted
		}
		return accepted + " " + capital(i.left()) + "."
	case FactorsReset:
		return fmt.Sprintf("Its recovery codes were removed with them. Somebody who looks after the accounts at %s did this, as they do for people who have lost their phone. Until you set up a second factor again, only your password protects your account.", i.Product)
	default:
		return fmt.Sprintf("Somebody gave the right password for your account at %s and then failed the second step of signing in, %s. The second step kept them out each of these times.", i.Product, i.Failing.often())
	}
}

// ended says what no longer works.
func (i *incident) ended() string {
	switch i.Factor {
	case factorTOTP:
		return "Its codes are no longer accepted."
	case factorSMS:
		return "No codes are sent to it any more."
	}
	return "It is no longer accepted."
}

// often says how often, and in what time.
func (f *FailedSteps) often() string {
	if f.Failures < 1 {
		return "again and again"
	}
	if f.Minutes < 1 {
		return times(f.Failures)
	}
	return times(f.Failures) + " within " + count(f.Minutes, "minute", "minutes")
}

// times is how often something happened.
func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return number(n) + " times"
}

// note says how far the facts can be trusted.
func (f *FailedSteps) note() string {
	var notes []string
	if f.Failures != 1 && (f.IP != "" || f.Agent != "") {
		notes = append(notes, "This is where it came from the last time.")
	}
	if f.Agent != "" {
		notes = append(notes, "A program can call itself anything.")
	}
	return strings.Join(notes, " ")
}

// paras say what is worth knowing beside the facts.
func (i *incident) paras() []string {
	const urgent = "If that was not you, change your password now." // on a phone, the steps are far down
	switch {
	case i.Kind == StepFailing && i.Failing.Replays < 1:
		return []string{urgent}
	case i.Kind == StepFailing:
		return []string{urgent, fmt.Sprintf("%s it was with a code that had been used before. A form that is sent twice looks like this. So does somebody who has seen a code of yours, for example on a page that only looks like %s.", capital(times(i.Failing.Replays)), i.Product)}
	case i.Kind == CodeUsed && i.Codes < 1:
		return []string{"Without a recovery code, you may not get in when your phone is lost or broken."}
	}
	return nil
}

// cause says why there are such mails at all.
func (i *incident) cause() string {
	when := "whenever the second factors or the recovery codes of your account change, or a recovery code is used"
	if i.Kind == StepFailing {
		when = "when somebody gives your right password and then fails the second step again and again"
	}
	return "Such a mail comes " + when + ". All times are in UTC."
}

// genuine says how to tell that the mail comes from us.
func (i *incident) genuine() string {
	never := "We never ask for a password or a code by mail."
	if i.AccountURL == "" && i.SupportURL == "" {
		return never
	}
	return fmt.Sprintf("%s You can do all of the above without the links, too: sign in to %s as you always do.", never, i.Product)
}

// next says what happens by itself.
func (i *incident) next() string {
	if i.Kind != StepFailing {
		return ""
	}
	again := "You hear from us again only if this goes on."
	if i.Failing.Minutes > 0 {
		again = fmt.Sprintf("You hear from us again only if this goes on, and then at most once in %s.", count(i.Failing.Minutes, "minute", "minutes"))
	}
	return again + " The admins of the workspaces that you are in can see this in their audit trails, too."
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// browserOf names the browser and the system that a User-Agent claims, for people
// who do not read such lines, or nothing. The order counts: Edge and Opera say
// that they are Chrome, and everybody says that they are Safari.
func browserOf(agent string) string {
	browser := firstIn(agent, [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"Chrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Safari/", "Safari"}})
	system := firstIn(agent, [][2]string{{"Android", "Android"}, {"iPhone", "an iPhone"}, {"iPad", "an iPad"}, {"Windows", "Windows"}, {"Macintosh", "a Mac"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}})
	if browser == "" || system == "" || !strings.HasPrefix(agent, "Mozilla/5.0 (") {
		return ""
	}
	return browser + " on " + system
}

// firstIn returns the word for the first mark that is in s, or "".
func firstIn(s string, words [][2]string) string {
	for _, w := range words {
		if strings.Contains(s, w[0]) {
			return w[1]
		}
	}
	return ""
}
