package outbound

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// fakeDNS answers questions about names with the next of their answers; the last one stays.
type fakeDNS struct {
	mu      sync.Mutex
	answers map[string][][]netip.Addr
}

func (d *fakeDNS) set(name string, answers ...[]netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answers == nil {
		d.answers = map[string][][]netip.Addr{}
	}
	d.answers[name] = answers
}

// next is what the question of this kind gets. The two questions of a look-up, A and AAAA, belong
// together: names in these tests have addresses of one family, and only their own question moves on.
func (d *fakeDNS) next(name string, kind dnsmessage.Type) (addrs []netip.Addr, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	answers, known := d.answers[name]
	if !known || answers[0][0].Is4() != (kind == dnsmessage.TypeA) {
		return nil, known
	}
	if len(answers) > 1 {
		d.answers[name] = answers[1:]
	}
	return answers[0], true
}

// resolver starts the server and asks nobody else.
func (d *fakeDNS) resolver(t *testing.T) *net.Resolver {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply, err := d.reply(buffer[:n]); err == nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
}

func (d *fakeDNS) reply(question []byte) ([]byte, error) {
	var message dnsmessage.Message
	if err := message.Unpack(question); err != nil {
		return nil, err
	}
	asked := message.Questions[0]
	message.Response, message.Authoritative, message.Additionals = true, true, nil
	addrs, known := d.next(strings.ToLower(strings.TrimSuffix(asked.Name.String(), ".")), asked.Type)
	if !known {
		message.RCode = dnsmessage.RCodeNameError
	}
	for _, addr := range addrs {
		header := dnsmessage.ResourceHeader{Name: asked.Name, Class: dnsmessage.ClassINET, TTL: 0}
		var body dnsmessage.ResourceBody
		if asked.Type == dnsmessage.TypeA {
			body = &dnsmessage.AResource{A: addr.As4()}
		} else {
			body = &dnsmessage.AAAAResource{AAAA: addr.As16()}
		}
		message.Answers = append(message.Answers, dnsmessage.Resource{Header: header, Body: body})
	}
	return message.Pack()
}

// watched is a client with a fake DNS that counts the connections its guard let through.
type watched struct {
	*Client
	dns    *fakeDNS
	passed atomic.Int64
}

func watch(t *testing.T, config Config) *watched {
	w := &watched{dns: &fakeDNS{}}
	dialer := &net.Dialer{Resolver: w.dns.resolver(t)}
	w.Client = newClient(config, dialer, nil)
	guard := dialer.ControlContext
	dialer.ControlContext = func(ctx context.Context, network, address string, conn syscall.RawConn) error {
		err := guard(ctx, network, address, conn)
		if err == nil {
			w.passed.Add(1)
		}
		return err
	}
	t.Cleanup(w.transport.CloseIdleConnections)
	return w
}

// server listens on the address (port 0 for any) and counts what reaches it.
type server struct {
	*httptest.Server
	requests atomic.Int64
}

func serve(t *testing.T, address string, handler http.HandlerFunc) *server {
	s := &server{}
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		handler(w, r)
	}))
	s.Listener.Close()
	s.Listener = listener
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) port() string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return port
}

func addrs(texts ...string) []netip.Addr {
	list := make([]netip.Addr, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParseAddr(text)
	}
	return list
}
