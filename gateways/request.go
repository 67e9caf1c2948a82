package gateways

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What several adapters need to make their requests.

// hostOr is the address that an adapter was given, or the bank's own, without a slash at its end.
func hostOr(given, real string) string {
	if given == "" {
		given = real
	}
	return strings.TrimRight(given, "/")
}

// originOf keeps scheme and host of an address.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + u.Host
}

// postJSON sends in as JSON. It refuses what cannot be sent at all: such a call had no effect.
func postJSON(ctx context.Context, client *http.Client, op string, readOnly bool, to string, header http.Header, in any) (answer, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return answer{}, &Unavailable{Op: op, Err: err}
	}
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return answer{}, &Unavailable{Op: op, Err: withoutURL(err)}
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	return call(ctx, client, op, readOnly, req)
}

// tehran has had one offset all year since 2022.
var tehran = time.FixedZone("Tehran", 3*3600+1800)
