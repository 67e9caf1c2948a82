package gateways

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
)

// answer is a bank's whole answer.
type answer struct {
	status int
	body   []byte
}

// call sends one request and reads its answer. A call that got no connection had no effect, so it is
// [Unavailable]; one that got a connection and no answer is [Unknown], because the bank may have
// acted on it. A call that only reads is never unknown for want of an answer.
func call(ctx context.Context, client *http.Client, op string, readOnly bool, req *http.Request) (answer, error) {
	var connected atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	silent := func(err error) error {
		if readOnly || !connected.Load() {
			return &Unavailable{Op: op, Err: withoutURL(err)}
		}
		return &Unknown{Op: op, Err: withoutURL(err)}
	}

	res, err := client.Do(req)
	if err != nil {
		return answer{}, silent(err)
	}
	defer res.Body.Close()
	body, err := ReadCapped(res.Body, MaxAnswer)
	switch {
	case errors.Is(err, ErrTooLarge):
		return answer{}, &Unknown{Op: op, Err: err}
	case err != nil:
		return answer{}, silent(err)
	}
	return answer{status: res.StatusCode, body: body}, nil
}

// Call is the same for adapters of other packages.
func Call(ctx context.Context, client *http.Client, op string, readOnly bool, req *http.Request) (status int, body []byte, err error) {
	got, err := call(ctx, client, op, readOnly, req)
	return got.status, got.body, err
}

// withoutURL drops the address from a transport error: queries carry invoices, and some banks want
// credentials there.
func withoutURL(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
