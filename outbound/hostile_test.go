package outbound

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostileV4 has an address of every range that is not public, its borders included.
var hostileV4 = []string{
	"0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255",
	"127.0.0.0", "127.0.0.1", "127.0.1.1", "127.127.127.127", "127.255.255.255", "168.63.129.16",
	"169.254.0.0", "169.254.169.254", "169.254.169.123", "169.254.170.2", "169.254.255.255", "172.16.0.0", "172.17.0.1", "172.31.255.255",
	"192.0.0.0", "192.0.0.192", "192.0.0.255", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1",
	"192.168.0.0", "192.168.1.1", "192.168.255.255", "192.175.48.1", "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1",
	"224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.254", "255.255.255.255",
}

// mappedPublic is refused as a text. Dialled it is the public 8.8.8.8: net takes it for IPv4.
const mappedPublic = "::ffff:8.8.8.8"

var hostileV6 = []string{
	"::", "::1", "::2", "::7f00:1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
	"::ffff:7f00:1", mappedPublic, "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::a00:1", "64:ff9b:1::7f00:1",
	"100::1", "100:0:0:1::1", "1fff:ffff::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff::1", "2001:db8::1",
	"2002::1", "2002:7f00:1::1", "2002:a00:1::", "2002:a9fe:a9fe::1", "2620:4f:8000::1", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1",
	"fc00::1", "fd00::1", "fd00:ec2::254", "fdff:ffff::1", "fe00::1", "fe80::1", "fe80::5efe:10.0.0.1", "febf::1", "fec0::1", "feff::1", "ff00::", "ff02::1", "ff05::2", "ffff::1",
}

// spellings of 127.0.0.1, 10.0.0.1, 169.254.169.254 and public addresses that some resolver or browser understands.
var spellings = []string{
	"2130706433", "0x7f000001", "0X7F000001", "017700000001", "0177.0.0.1", "0x7f.0.0.1", "0x7f.1", "127.1", "127.0.1", "127.0x0.0.1", "0177.0000.0000.0001",
	"127.000.000.001", "127.0.0.01", "00000127.0.0.1", "0x7f.0x0.0x0.0x1", "0", "00", "0x0", "0.0", "0.0.0", "1", "4294967295", "4294967296", "2130706433.",
	"127.0.0.1.", "127.1.", "127..1", ".127.0.0.1", "127.0.0.1..", "167772161", "0xa000001", "012.0.0.1", "10.1", "10.0.1", "012.1",
	"2852039166", "0xa9fea9fe", "025177524776", "169.254.43518", "169.16689662", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "0xa9fe.43518",
	"3232235777", "192.168.257", "134744072", "0x08080808", "8.8", "8.8.8", "08.8.8.8", "256.256.256.256", "1.2.3.4.5", "300.1.1.1",
	"１２７.０.０.１", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "①②⑦.⓪.⓪.①", "١٢٧.٠.٠.١", "۱۲۷.۰.۰.۱", "𝟏𝟐𝟕.𝟎.𝟎.𝟏", "₁₂₇.₀.₀.₁", "0ｘ7f.1", "127.0.0.1%00", "127.0.0.1%2e", "%31%32%37.0.0.1",
	"[127.0.0.1]", "[::1", "::1", "[::1]]", "[::1%25lo]", "[fe80::1%25eth0]", "[::ffff:127.1]", "[::1%lo]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::FFFF:7F00:0001]",
	"[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0x7f000001]", "[]", "[v1.127.0.0.1]", "[::1]x",
}

// names that are not public, whatever DNS says.
var localHosts = []string{
	"localhost", "LOCALHOST", "localhost.", "ｌocalhost", "LocalHost.LocalDomain", "a.localhost", "①.localhost", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "metadata", "router", "db", "postgres",
	"metadata.google.internal", "instance-data.ec2.internal", "kubernetes.default.svc.cluster.local", "printer.local", "nas.lan", "fritz.home.arpa", "intranet", "wiki.corp", "home.arpa",
}

// written are targets whose host may be fine while the rest is not.
var written = []string{
	"", "a", "https", "https:", "https://", "https:///", "https:///x/y", "https://:443/", "https:shop.com", "https:/shop.com/x", "//shop.com/x", "/x/y/z/", "shop.com/cb", "www.shop.com",
	"http://shop.com/", "HTTP://shop.com/", "ftp://shop.com/", "file:///etc/passwd", "gopher://shop.com:70/_", "dict://shop.com:11111/", "ldap://shop.com/", "ws://shop.com/", "wss://shop.com/",
	"javascript:alert(1)", "data:text/html,x", "unix:///var/run/docker.sock", "jar:https://shop.com!/", "netdoc:///etc/passwd", "http+unix://%2fvar/", "httpss://shop.com/", "h ttps://shop.com/",
	"https://user@shop.com/", "https://user:secret@shop.com/", "https://@shop.com/", "https://:@shop.com/", "https://shop.com@127.0.0.1/", "https://shop.com:443@127.0.0.1/", "https://127.0.0.1:443@shop.com/",
	"https://shop.com%40127.0.0.1/", "https://shop.com\\@127.0.0.1/", "https://shop.com\\.evil.com/", "https:\\\\shop.com\\", "https://127.0.0.1\\.shop.com/", "https://127.0.0.1#@shop.com/", "https://127.0.0.1?@shop.com/",
	"https://shop.com#", "https://shop.com/x#y", "https://shop.com/#", "https://shop.com/\r\nHost: x", "https://shop.com/\tx", " https://shop.com/", "https://shop.com/ ", "https://shop.com/a b", "https://shop .com/",
	"https://shop.com\x00/", "https://shop.com\u200b.evil.com:1/", "https://shop\u3000.com/", "https://shop.com/\u2028", "https://shop.com/\u00a0",
	"https://shop.com:22/", "https://shop.com:0/", "https://shop.com:8443/", "https://shop.com:65536/", "https://shop.com:65979/", "https://shop.com:-1/", "https://shop.com:/", "https://shop.com:0443/", "https://shop.com:+443/", "https://shop.com:443:80/",
	"https://shop.com:４４３/", "https://shop.com:5432/", "https://shop.com:6379/", "https://shop.com:25/",
	"https://shop..com/", "https://.shop.com/", "https://shop.com./", "https://shop.com../", "https://-shop.com/", "https://shop-.com/", "https://sh_op.com/", "https://shop.c_m/", "https://xn--/", "https://xn--zzzzzz--/", "https://shop.xn--a/", "https://sho*p.com/", "https://$shop.com/",
	"https://" + strings.Repeat("a", 64) + ".com/", "https://shop.com/" + strings.Repeat("x", 240), "https://shop.com/%zz", "https://[shop.com]/", "https://shop.com|evil.com/", "https://shop.com,evil.com/", "https://{shop}.com/",
}

func hostileURLs() []string {
	urls := append([]string{}, written...)
	for _, host := range append(append(append([]string{}, hostileV4...), spellings...), localHosts...) {
		urls = append(urls, "https://"+host+"/")
	}
	for _, addr := range hostileV6 {
		urls = append(urls, "https://["+addr+"]/")
	}
	return urls
}

func TestHostileTargetsAreRefused(t *testing.T) {
	client := watch(t, Config{})
	urls := hostileURLs()
	require.Greater(t, len(urls), 250)
	for _, target := range urls {
		t.Run(target, func(t *testing.T) {
			accepted, err := CheckURL(target, false)
			require.Error(t, err, "accepted as %q", accepted)
			if len(target) > MaxURL {
				return // the client is not asked about lengths
			}
			_, err = client.Post(t.Context(), target, nil, nil)
			require.True(t, errors.Is(err, ErrNotURL) || errors.Is(err, ErrForbidden), err)
		})
	}
	require.Zero(t, client.passed.Load(), "connections")
}

// The guard alone, without the check of the text before it, on targets as they reach net/http.
func TestGuardAloneRefuses(t *testing.T) {
	for _, config := range []Config{{}, {Dev: true}} {
		client := watch(t, config)
		for _, target := range hostileURLs() {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, nil)
			if err != nil || strings.Contains(request.URL.Host, "shop.") || target == "https://["+mappedPublic+"]/" {
				continue
			}
			_, err = client.call(request)
			require.Error(t, err, target)
		}
		require.Zero(t, client.passed.Load(), "connections")
	}
}

func TestNamesLeadingToHostileAddressesAreRefused(t *testing.T) {
	client := watch(t, Config{})
	for i, addr := range append(append([]string{}, hostileV4...), hostileV6...) {
		if addr == mappedPublic {
			continue
		}
		name := fmt.Sprintf("shop%d.example.com", i)
		client.dns.set(name, addrs(addr))
		t.Run(addr, func(t *testing.T) {
			target, err := CheckURL("https://"+name+"/hook", false)
			require.NoError(t, err)
			_, err = client.Post(t.Context(), target, nil, nil)
			require.ErrorIs(t, err, ErrForbidden)
			require.NotContains(t, err.Error(), "/hook")
		})
	}
	require.Zero(t, client.passed.Load(), "connections")
}

func TestAddresses(t *testing.T) {
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.15", "169.253.255.255", "169.255.0.0",
		"172.15.255.255", "172.32.0.0", "185.143.233.1", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2000::1", "2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700:4700::1111", "2a00:1450::1", "3ffe:ffff::1",
	} {
		require.NoError(t, checkAddr(netip.MustParseAddr(text), nil), text)
		require.NoError(t, checkAddr(netip.MustParseAddr(text), Loopback()), text)
	}
	for _, text := range append(append([]string{"fe80::1%eth0", "2606:4700::1%eth0"}, hostileV4...), hostileV6...) {
		addr := netip.MustParseAddr(text)
		require.ErrorIs(t, checkAddr(addr, nil), ErrForbidden, text)
		if !addr.IsLoopback() || addr.Is4In6() {
			require.ErrorIs(t, checkAddr(addr, Loopback()), ErrForbidden, text)
		} else {
			require.NoError(t, checkAddr(addr, Loopback()), text)
		}
	}
}
