package outbound

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// What [CheckURL] and [Client] find wrong with a target. Compare with errors.Is.
var (
	// ErrLength means the URL is shorter than [MinURL] or longer than [MaxURL].
	ErrLength = errors.New("URL is too short or too long")
	// ErrNotURL means the text is no absolute URL of the form this system delivers to.
	ErrNotURL = errors.New("not a usable URL")
	// ErrForbidden means the URL or the address behind it is not on the public internet.
	ErrForbidden = errors.New("forbidden target")
)

// How long a URL may be, in characters.
const (
	MinURL = 6
	MaxURL = 255
)

// localNames are endings that never belong to the public DNS.
var localNames = []string{"localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa"}

// CheckURL says whether a merchant may configure the URL, and returns it as it will be called: scheme and host in lower
// case, an international host in punycode (so the result may be longer than [MaxURL]). It asks no DNS; what a
// name leads to is checked when it is dialled.
//
// Outside dev only https on port 443 or 80 and names with a dot pass. In dev http, any port, single names and loopback pass too.
func CheckURL(text string, dev bool) (string, error) {
	if n := utf8.RuneCountInString(text); n < MinURL || n > MaxURL {
		return "", fmt.Errorf("%w: %d characters", ErrLength, n)
	}
	var allow []netip.Prefix
	if dev {
		allow = Loopback()
	}
	target, err := checkTarget(text, dev, allow)
	if err != nil {
		return "", err
	}
	return target.String(), nil
}

// checkTarget is CheckURL without the length: the client asks it again about what was stored.
func checkTarget(text string, dev bool, allow []netip.Prefix) (*url.URL, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return nil, fmt.Errorf("%w: blanks", ErrNotURL)
	}
	target, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: cannot be parsed", ErrNotURL) // the parser's own words repeat the URL
	}
	switch {
	case target.Scheme != "https" && (!dev || target.Scheme != "http"):
		return nil, fmt.Errorf("%w: scheme %q", ErrNotURL, target.Scheme)
	case target.User != nil:
		return nil, fmt.Errorf("%w: it carries credentials", ErrNotURL)
	case strings.Contains(text, "#"):
		return nil, fmt.Errorf("%w: it carries a fragment", ErrNotURL)
	}
	host, err := checkHost(target.Hostname(), dev, allow)
	if err != nil {
		return nil, err
	}
	target.Host, err = withPort(host, target, dev)
	return target, err
}

// checkHost returns the host in ASCII. Besides plain addresses nothing that ends in a number is a host:
// 127.1, 0x7f000001 and 2130706433 are spellings of an address to some resolvers.
func checkHost(host string, dev bool, allow []netip.Prefix) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String(), checkAddr(addr, allow)
	}
	name, err := idna.Lookup.ToASCII(host)
	if err != nil {
		return "", fmt.Errorf("%w: host name", ErrNotURL)
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("%w: no host, or one with an empty or long part", ErrNotURL)
		}
	}
	ending, _ := idna.Lookup.ToUnicode(labels[len(labels)-1])
	if first, _ := utf8.DecodeRuneInString(ending); !unicode.IsLetter(first) {
		return "", fmt.Errorf("%w: host name ends in a number", ErrForbidden)
	}
	if !dev && (len(labels) == 1 || slices.ContainsFunc(localNames, func(local string) bool { return name == local || strings.HasSuffix(name, "."+local) })) {
		return "", fmt.Errorf("%w: host name is a local one", ErrForbidden)
	}
	return name, nil
}

// withPort puts host and port together again: digits only, without leading zeros.
func withPort(host string, target *url.URL, dev bool) (string, error) {
	text := target.Port()
	if text == "" {
		if strings.HasSuffix(target.Host, ":") {
			return "", fmt.Errorf("%w: empty port", ErrNotURL)
		}
		if strings.Contains(host, ":") {
			return "[" + host + "]", nil
		}
		return host, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || strconv.FormatUint(port, 10) != text {
		return "", fmt.Errorf("%w: port", ErrNotURL)
	}
	return net.JoinHostPort(host, text), checkPort(uint16(port), dev)
}

func checkPort(port uint16, dev bool) error {
	if port == 0 || !dev && port != 80 && port != 443 {
		return fmt.Errorf("%w: port %d", ErrForbidden, port)
	}
	return nil
}
