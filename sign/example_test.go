package sign_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/paysaga/paysaga/sign"
)

// A receiver checks a webhook before it reads it, either way.
func Example() {
	const apiKey = "test"
	secret := sign.NewSecret()

	receiver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err != nil || sign.VerifyStandard(r.Header, body, time.Now(), secret) != nil {
			http.Error(w, "bad signature", http.StatusUnauthorized)
			return
		}
		fmt.Println("headers verified; the body's own sign:", sign.VerifyWebhook(body, apiKey))
	})

	body, _ := sign.Body(apiKey, sign.F("type", "payment"), sign.F("status", "paid"), sign.F("amount", "1500000"))
	headers, _ := sign.StandardHeaders("msg_1", time.Now(), body, secret)
	r := httptest.NewRequest(http.MethodPost, "/webhook", bytes.NewReader(body))
	r.Header = headers
	receiver.ServeHTTP(httptest.NewRecorder(), r)
	fmt.Printf("%s\n", body)
	// Output:
	// headers verified; the body's own sign: <nil>
	// {"type":"payment","status":"paid","amount":"1500000","sign":"d374e3e89e6a9bd3505d93c25d5dfa25"}
}

func ExampleSign() {
	body := []byte(`{"currency":"IRR","network":"shetab","status":"paid"}`)
	fmt.Println(sign.Verify(body, sign.Sign(body, "key"), "key"))
	fmt.Println(sign.Verify(body, sign.Sign(body, "key"), "another key"))
	// Output:
	// <nil>
	// signature does not match
}
