// Package sign makes and checks the signatures of paysaga's webhooks and of the requests that carry a
// `sign` header. Merchants may import it; it needs nothing but the standard library. A receiver is five lines:
//
//	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10)) // the bytes as they came
//	if err != nil || sign.VerifyStandard(r.Header, body, time.Now(), endpointSecret) != nil {
//		http.Error(w, "bad signature", http.StatusUnauthorized)
//		return
//	} // or, knowing only the API key: sign.VerifyWebhook(body, apiKey)
//
// Every webhook is signed twice. [VerifyStandard] checks the Standard Webhooks headers: HMAC-SHA256 over the
// raw bytes, with the time of the attempt; prefer it. [VerifyWebhook] checks the body's own member "sign", for
// receivers that speak the older protocol: MD5 over the body as PHP would write it, without any time, so it
// does not stop a replay. Either way, treat a message whose id or state is already known as done.
//
// Requests to paysaga in that older protocol are signed with [Sign] over exactly the bytes sent, and
// checked with [Verify].
package sign
