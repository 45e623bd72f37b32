package warehouse

import "net/netip"

// special are the blocks that lie within the addresses of the internet and are
// not part of it. Source: IANA's registries of IPv4 and IPv6 special-purpose
// addresses (RFC 6890), without the few blocks there that are globally
// reachable, such as those of AS112.
var special = prefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // carrier-grade NAT; Alibaba's metadata service
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local; the metadata service of most clouds
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments; Oracle's metadata service
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays, withdrawn
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved; limited broadcast

	// Azure's platform services: in no registry, and inside every machine there.
	"168.63.129.16/32",

	"2001::/23",     // protocol assignments; Teredo, which carries an IPv4 address
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4, which carries an IPv4 address; withdrawn
	"3fff::/20",     // documentation
)

var (
	// internet6 is all that is given out of IPv6. Outside are loopback, unique
	// local (fd00:ec2::254 is AWS's metadata service), link-local, multicast,
	// the forms that carry an IPv4 address, and SRv6's segments.
	internet6 = netip.MustParsePrefix("2000::/3")
	// nat64 holds IPv4 addresses in its last 32 bits. Source: RFC 6052. A network
	// with DNS64 gets them for every name that has IPv4 only, so they are judged
	// by what they hold.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// Public says whether an address is one of the internet's, and not private,
// loopback, link-local, a cloud's metadata service, multicast, documentation or
// a form that can hide one of these. Whoever connects to a customer's host should
// ask it of the very address it dials: see Resolver.
func Public(addr netip.Addr) bool {
	if !addr.IsValid() {
		return false
	}
	addr = addr.Unmap()
	if nat64.Contains(addr) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	// No block contains an address with a zone, so one ends here.
	if addr.Is6() && !internet6.Contains(addr) {
		return false
	}
	for _, block := range special {
		if block.Contains(addr) {
			return false
		}
	}
	return true
}
