package letter

import "slices"

// What to do, for whom it was and for whom it was not. Every step can be done
// without its link.

// steps begin with the harmless case, which is the common one.
func (i *incident) steps() []step {
	if i.Kind == StepFailing {
		return i.stepsWhenFailing()
	}
	if i.Kind == FactorsReset {
		return i.stepsAfterReset()
	}
	mine, not := i.whenMine(), i.whenNotMine()
	steps := []step{{Text: mine}, {Text: not + " " + i.change("your password"), Button: link("Change your password", i.AccountURL)}}
	then := "Then contact the support of " + i.Product
	if i.newCodes() || i.Kind == CodeUsed {
		then = "Then make new recovery codes, which ends the ones before, and contact the support of " + i.Product
	}
	return append(steps, i.support(then+". Say when this happened, and ask what else was done. If you cannot sign in any more, contact them first."))
}

// change says how to change the password.
func (i *incident) change(password string) string {
	return "Change " + password + " now, to one that you use nowhere else: sign in to " + i.Product + " as you always do and open the settings of your account."
}

// support is a step that ends at the support of the product.
func (i *incident) support(text string) step {
	return step{Text: text, Links: links(link("Contact support", i.SupportURL))}
}

func (i *incident) whenMine() string {
	const keep = "keep the recovery codes where you find them without your phone"
	switch {
	case i.Kind == CodesMade:
		return "If this was you, " + keep + ", and throw the earlier ones away."
	case i.newCodes():
		return "If this was you, " + keep + ". There is nothing else to do."
	case i.Kind == CodeUsed && i.few():
		return "If this was you, make new recovery codes in the settings of your account. They let you in when your phone is lost or broken."
	}
	return "If this was you, there is nothing to do."
}

func (i *incident) whenNotMine() string {
	switch {
	case i.newCodes():
		return "If it was not you, somebody has got into your account and has the new recovery codes."
	case i.Kind == CodeUsed:
		return "If it was not you, somebody has your password and had one of your recovery codes, and may have the others."
	}
	return "If it was not you, somebody has got into your account."
}

func (i *incident) stepsAfterReset() []step {
	return []step{
		{Text: "If you asked for this, sign in to " + i.Product + " as you always do and set up a second factor again, in the settings of your account.", Button: link("Set up a second factor", i.AccountURL)},
		i.support("If you did not ask for this, contact the support of " + i.Product + " now and say when it happened: somebody may have asked in your name."),
		{Text: "If somebody else may know your password, change it, too, to one that you use nowhere else."},
	}
}

// stepsWhenFailing tell apart a slip of the fingers from somebody at the door. A
// phone whose clock is off makes codes that are refused (RFC 6238, section 6).
// Who has a password and lacks the code often asks its owner for it.
func (i *incident) stepsWhenFailing() []step {
	mine := "If this was you, there is nothing to do: codes are easily mistyped."
	if slices.Contains(i.Failing.Methods, factorTOTP) {
		mine += " If right codes are refused, set the clock of your phone to automatic; the codes go by it."
	}
	if slices.Contains(i.Failing.Methods, factorSMS) {
		mine += " Take the code from the newest text message."
	}
	return []step{
		{Text: mine},
		{
			Text:   "If it was not you, somebody has your password. " + i.change("it") + " If you are told that there were too many tries, wait a while: that limit keeps others out, too.",
			Button: link("Change your password", i.AccountURL),
		},
		{Text: "Leave the second factor on: it is what kept them out. Give no code to anybody who asks you for one by phone, message or mail, whoever they say they are."},
		{Text: "If you use the same password anywhere else, change it there, too. Whoever has it will try it there."},
		i.support("If you cannot sign in, or something in your account is not as you left it, contact the support of " + i.Product + "."),
	}
}
