package outbound

import (
	"fmt"
	"net/netip"
)

// forbidden are the IPv4 ranges that are not the public internet (IANA's special-purpose registry), and one
// public address that is not: a cloud's metadata service.
var forbidden = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // carrier-grade NAT
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // Azure's metadata service
	"169.254.0.0/16",   // link-local, metadata services
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments, metadata services
	"192.0.2.0/24",     // documentation
	"192.31.196.0/24",  // AS112
	"192.52.193.0/24",  // AMT relays
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"192.175.48.0/24",  // AS112
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, broadcast
)

// global6 is all of IPv6 that is given out as public so far. Everything else is refused with it: loopback, unspecified,
// IPv4-mapped and -compatible, NAT64, unique local, link- and site-local, multicast.
var global6 = netip.MustParsePrefix("2000::/3")

// forbidden6 are the ranges inside global6 that are not public, or hide an IPv4 address.
var forbidden6 = prefixes(
	"2001::/23",         // protocol assignments: Teredo, ORCHID, benchmarks
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4
	"2620:4f:8000::/48", // AS112
	"3fff::/20",         // documentation
)

// Loopback is what a development client may reach besides the public internet.
func Loopback() []netip.Prefix { return prefixes("127.0.0.0/8", "::1/128") }

// checkAddr refuses every address that is neither public nor explicitly allowed.
func checkAddr(addr netip.Addr, allow []netip.Prefix) error {
	if contains(allow, addr) {
		return nil
	}
	public := addr.Is4() && !contains(forbidden, addr) || global6.Contains(addr) && !contains(forbidden6, addr)
	if !public {
		return fmt.Errorf("%w: address %s is not public", ErrForbidden, addr)
	}
	return nil
}

func contains(list []netip.Prefix, addr netip.Addr) bool {
	for _, prefix := range list {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}
