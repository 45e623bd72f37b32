package password

// Event is the moment at which a password is assessed.
type Event string

// The events.
const (
	// Typing is while somebody types: judged by its strength alone, nothing
	// is asked outside, and it is only counted.
	Typing Event = "typing"
	// Signup, Change and Reset are when a password is about to be set.
	Signup Event = "signup"
	Change Event = "change"
	Reset  Event = "reset"
	// Login is when a password that was right is used. It never blocks: a
	// sign-in page that refused it would lock people out of the place where
	// they can change it.
	Login Event = "login"
)

var events = []Event{Typing, Signup, Change, Reset, Login}

// Policy is what a password must meet.
type Policy struct {
	// MinLength is the least number of characters.
	MinLength int
	// BlockBreached refuses a password known from a breach; otherwise it is
	// warned of.
	BlockBreached bool
}

// Lengths are the least numbers of characters that a password must have.
// NIST demands 15 of a password that is the only factor, and 8 of one that is
// used only with a second (SP 800-63B-4, 3.1.1.2).
type Lengths struct {
	Alone   int
	WithMFA int
}

// Verdict is what to do with a password.
type Verdict string

// The verdicts, from best to worst.
const (
	OK    Verdict = "ok"
	Warn  Verdict = "warn"
	Block Verdict = "block"
)

// Reason is why a password is not good, for a page that speaks another language.
type Reason string

// The reasons.
const (
	TooShort Reason = "too_short" // fewer characters than the policy's least
	TooWeak  Reason = "too_weak"  // score 0 or 1: found in a million guesses
	Breached Reason = "breached"  // known from a breach
)

// weakest is the highest score that is refused.
const weakest = 1

// judge returns the verdict on a password and the reasons for it. Breached is
// false also where it is not known.
func (p Policy) judge(event Event, length, score int, breached bool) (Verdict, []Reason) {
	verdict, reasons := OK, []Reason{}
	if length < p.MinLength {
		verdict, reasons = Block, append(reasons, TooShort)
	}
	if score <= weakest {
		verdict, reasons = Block, append(reasons, TooWeak)
	}
	if breached {
		reasons = append(reasons, Breached)
		if p.BlockBreached {
			verdict = Block
		} else if verdict == OK {
			verdict = Warn
		}
	}
	if event == Login && verdict == Block {
		verdict = Warn
	}
	return verdict, reasons
}
