package contracts

// WebhookEndpoint is a merchant's URL that is told of changes. Times are RFC 3339 with microseconds in Asia/Tehran.
type WebhookEndpoint struct {
	ID             int64    `json:"id"`
	URL            string   `json:"url"`
	Description    string   `json:"description"`
	Events         []string `json:"events"` // empty: every event
	State          string   `json:"state"`
	DisabledReason string   `json:"disabled_reason,omitempty"`
	Created        string   `json:"created"`
	OldSecretUntil *string  `json:"old_secret_until,omitempty"`
	Secret         string   `json:"secret,omitempty"` // only where it was just made
}

// WebhookMessage is one change on its way to one endpoint.
type WebhookMessage struct {
	ID         int64   `json:"id"`
	WebhookID  string  `json:"webhook_id"`
	EndpointID int64   `json:"endpoint_id"`
	Event      string  `json:"event"`
	OrderID    string  `json:"order_id"`
	Version    int64   `json:"version"`
	State      string  `json:"state"`
	Tries      int     `json:"tries"`
	Replaces   *int64  `json:"replaces,omitempty"`
	Created    string  `json:"created"`
	NextTry    *string `json:"next_try,omitempty"`
	Ended      *string `json:"ended,omitempty"`
}

// WebhookMessages is a page of messages, newest first; Next is the value of `before` for the page after, absent on the last.
type WebhookMessages struct {
	Messages []WebhookMessage `json:"messages"`
	Next     int64            `json:"next,omitempty"`
}

// WebhookAttempt is one try to deliver a message.
type WebhookAttempt struct {
	Try        int    `json:"try"`
	At         string `json:"at"`
	Status     int    `json:"status"` // HTTP; 0: no answer
	DurationMS int    `json:"duration_ms"`
	Error      string `json:"error,omitempty"`
	Answer     string `json:"answer"` // its first bytes
}
