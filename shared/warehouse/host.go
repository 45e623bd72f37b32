package warehouse

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"safekeep/shared/problem"
)

// Resolver looks up the addresses of a host; *net.Resolver is one. It must give
// up when its context ends, and tell a name that does not exist by a
// *net.DNSError with IsNotFound.
//
// What it answered is true for that moment: whoever owns the name can point it
// at 169.254.169.254 a minute later. So the check here keeps mistakes and simple
// attacks out of the store, and whoever connects must do its own: look the name
// up once, refuse unless all addresses are Public, dial one of those addresses
// and not the name, and verify the certificate against the name.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// lookupWithin is how long a name may take to be found. A resolver asks again
// after 5 s; who has not answered by then is down for this request.
const lookupWithin = 2 * time.Second

// maxHost is the longest name that DNS can carry, in bytes. Source: RFC 1035.
const maxHost = 253

// innerDomains end names that have a meaning within one network only, or none.
// Source: RFC 6761 and 6762 (with its appendix G), RFC 7686, 8375 and 9476,
// ICANN's reservation of "internal"; the last line is habit.
var innerDomains = []string{
	"localhost", "local", "internal", "arpa", "onion", "alt", "test", "invalid",
	"intranet", "private", "corp", "home", "lan",
	"localdomain", "domain", "workgroup", "intra", "svc", "docker", "consul", "mail",
}

// The mends that several hosts share.
const (
	hostMissing = "is missing; name the server, such as db.example.com"
	hostAlone   = "must be the host alone: no scheme, user, port or path"
)

// checkHost returns the normal form of a host that a customer may choose: a full
// DNS name in lower case, or an IP address in its canonical form. The many other
// ways to write an address (octal, hexadecimal, one number, fewer than four) are
// read differently by different programs, so none of them is taken. Nothing is
// looked up.
func checkHost(text string) (string, error) {
	if err := checkHostText(text); err != nil {
		return "", err
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		// Is4In6 and a zone are two more ways to write what a filter further
		// down may not recognise.
		if addr.Is4In6() || addr.Zone() != "" {
			return "", problem.Field("host", "must be a plain address: IPv4 as such, IPv6 without a zone")
		}
		return addr.String(), nil
	}
	if strings.Contains(text, ":") {
		return "", problem.Field("host", hostAlone+" (the port has a field of its own)")
	}
	name := strings.ToLower(text)
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if !hostLabel(label) {
			return "", problem.Field("host", "is not a host name: each part must be 1 to 63 of a-z 0-9 and -, and not begin or end with -")
		}
	}
	last := labels[len(labels)-1]
	switch {
	case len(last) == 0 || last[0] >= '0' && last[0] <= '9':
		// No top-level domain begins with a digit, and every odd form of an
		// IPv4 address ends in a part that does.
		return "", problem.Field("host", "is neither a full host name nor an IP address in its usual form")
	case slices.Contains(innerDomains, last):
		return "", problem.Field("host", "has a meaning within a private network only; give the server's public name")
	case len(labels) == 1:
		return "", problem.Field("host", "must be a full name, such as db.example.com")
	}
	return name, nil
}

// checkHostText refuses what is not even a host, by the name of the mistake.
func checkHostText(text string) error {
	switch {
	case text == "":
		return problem.Field("host", hostMissing)
	case len(text) > maxHost:
		return problem.Field("host", "is longer than 253 characters")
	case strings.ContainsFunc(text, func(r rune) bool { return r > '~' }):
		return problem.Field("host", "must be ASCII; write an international name in its xn-- form")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' }):
		return problem.Field("host", "must hold no space or control character")
	case strings.Contains(text, ","):
		return problem.Field("host", "must be one host")
	case strings.ContainsAny(text, "[]"):
		return problem.Field("host", "must be without brackets; write an IPv6 address as such")
	case strings.ContainsAny(text, "/@?#\\"):
		return problem.Field("host", hostAlone)
	case strings.HasSuffix(text, "."):
		return problem.Field("host", "must not end with a dot")
	}
	return nil
}

func hostLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(label, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// errNotPublic does not say which address it was: whoever asks may be drawing a
// map of our own network.
var errNotPublic = problem.Field("host", "leads to an address that is not a public one (private, loopback, link-local, metadata or reserved); the warehouse must be reachable over the internet")

// notFound is the warning about a name that leads nowhere. It is no refusal: a
// name may be made after the credential, and leads to no private place either.
const notFound = "The host cannot be found in the DNS now; check the name."

// reachable returns a problem unless the host, as checkHost returned it, is
// public or leads to public addresses only, and a warning when it leads nowhere.
// No host, no problem.
func reachable(ctx context.Context, look Resolver, host string) (warning string, err error) {
	if host == "" {
		return "", nil
	}
	if addr, err := netip.ParseAddr(host); err == nil { // nothing to look up
		if !Public(addr) {
			return "", errNotPublic
		}
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupWithin)
	defer cancel()
	addrs, err := look.LookupNetIP(ctx, "ip", host)
	var dns *net.DNSError
	// That a name does not exist is the caller's to know. All else may be ours:
	// the text of the error names our resolver, so it is not passed on.
	switch notThere := errors.As(err, &dns) && dns.IsNotFound; {
	case notThere || err == nil && len(addrs) == 0:
		return notFound, nil
	case err != nil:
		return "", &problem.Error{Kind: problem.Unavailable, Field: "host", Detail: "could not be looked up in time; send the same request again"}
	}
	// One address that is not public is enough: a client takes any of them.
	if slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !Public(a) }) {
		return "", errNotPublic
	}
	return "", nil
}
