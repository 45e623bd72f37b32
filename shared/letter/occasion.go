package letter

import (
	"fmt"
	"net/url"
	"strings"
)

// roleSelf is the role of a user who is written to about their own account.
const roleSelf = "self"

// occasion is what every letter begins from: who writes, to whom, and about
// which workspace, if it is about one.
type occasion struct {
	Brand
	domain                 string // of Brand.From
	workspaceID, workspace string // the name, or the id when there is none
	to                     Recipient
}

func newOccasion(b Brand, workspaceID, workspaceName string, to Recipient) (occasion, error) {
	domain, err := domainOf(b.From)
	if err != nil {
		return occasion{}, err
	}
	b.Product = tame(b.Product, nameRunes)
	if b.Product == "" {
		b.Product = domain
	}
	for _, address := range []*string{&b.TokensURL, &b.AuditURL, &b.DocsURL, &b.SupportURL} {
		*address = brandURL(*address, "{workspace}", workspaceID)
	}
	b.AccountURL = brandURL(b.AccountURL, "{user}", to.User)
	o := occasion{Brand: b, domain: domain, workspaceID: tame(workspaceID, userRunes), workspace: tame(workspaceName, nameRunes), to: to}
	if o.workspace == "" {
		o.workspace = o.workspaceID
	}
	return o, nil
}

// framed completes a frame with what is the same in every letter. After who gets
// it stand the letter's own reason for coming and how to tell that it is genuine.
func (o *occasion) framed(f frame, reason, genuine string) frame {
	f.Product = o.Product
	if o.to.Role == "" {
		f.PassOn = o.passOn()
	}
	f.Why = []string{o.whom(), reason, genuine}
	f.Support = link("Contact support", o.SupportURL)
	return f
}

// asksForNoToken is how to tell that a letter about tokens is genuine.
func (o *occasion) asksForNoToken() string {
	return fmt.Sprintf("We never ask for a token or a password by mail. You can do all of the above without the links, too: sign in to %s as you always do.", o.Product)
}

func (o *occasion) passOn() string {
	return fmt.Sprintf("This mail comes to you as the security contact of %s, because the workspace %s has no owner or admin with a mail address. Please make sure that the people who run it learn of this.",
		o.Product, o.label())
}

// whom says why this reader gets the mail.
func (o *occasion) whom() string {
	switch o.to.Role {
	case "owner":
		return fmt.Sprintf("You get this mail because you are an owner of the workspace %s on %s.", o.label(), o.Product)
	case "admin":
		return fmt.Sprintf("You get this mail because you are an admin of the workspace %s on %s.", o.label(), o.Product)
	case "":
		return fmt.Sprintf("You get this mail as the security contact of %s, because the workspace %s has no owner or admin with a mail address.", o.Product, o.label())
	case roleSelf:
		return fmt.Sprintf("You get this mail because it is about your account at %s.", o.Product)
	default:
		return fmt.Sprintf("You get this mail because you help to run the workspace %s on %s.", o.label(), o.Product)
	}
}

// label is the workspace's name with its id, for people who run several.
func (o *occasion) label() string {
	if o.workspace == o.workspaceID || o.workspaceID == "" {
		return quoted(o.workspace)
	}
	return quoted(o.workspace) + " (" + o.workspaceID + ")"
}

// brandURL fills an id in for its placeholder and says whether the address may be
// a link.
func brandURL(tmpl, placeholder, id string) string {
	// QueryEscape is the strictest of the standard escapings, so the id stays
	// one segment wherever the template puts it; only its "+" is wrong in a path.
	id = strings.ReplaceAll(url.QueryEscape(id), "+", "%20")
	s := strings.ReplaceAll(strings.TrimSpace(tmpl), placeholder, id)
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	switch {
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && u.Host != "", u.Scheme == "mailto" && u.Opaque != "":
		return percentEncode(s)
	}
	return ""
}
