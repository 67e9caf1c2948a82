package state

// Webhook is the state of one message to one endpoint.
type Webhook string

const (
	WebhookPending   Webhook = "pending"
	WebhookDelivered Webhook = "delivered"
	WebhookFailed    Webhook = "failed"
	WebhookHeld      Webhook = "held"
	WebhookReplaced  Webhook = "replaced"
	WebhookDropped   Webhook = "dropped"
)

// Webhooks is the machine of messages. What is sent again is a new message with the same webhook-id, so a
// message's saga ends once and for good.
var Webhooks = Machine[Webhook]{
	Name:    "webhook",
	Initial: WebhookPending,
	Transitions: []Transition[Webhook]{
		{WebhookPending, WebhookDelivered, "the receiver answered 2xx"},
		{WebhookPending, WebhookFailed, "the schedule is used up, or the receiver answered 410"},
		{WebhookPending, WebhookHeld, "its endpoint is paused or disabled"},
		{WebhookPending, WebhookReplaced, "it was sent again by hand"},
		{WebhookPending, WebhookDropped, "its endpoint was deleted"},
		{WebhookHeld, WebhookReplaced, "its endpoint was resumed, or it was sent again by hand"},
		{WebhookHeld, WebhookDropped, "its endpoint was deleted"},
		{WebhookFailed, WebhookReplaced, "it was sent again by hand"},
	},
}

// Endpoint is the state of a merchant's URL.
type Endpoint string

const (
	EndpointEnabled  Endpoint = "enabled"
	EndpointPaused   Endpoint = "paused"
	EndpointDisabled Endpoint = "disabled"
	EndpointDeleted  Endpoint = "deleted"
)

// Endpoints is the machine of merchants' URLs.
var Endpoints = Machine[Endpoint]{
	Name:    "endpoint",
	Initial: EndpointEnabled,
	Transitions: []Transition[Endpoint]{
		{EndpointEnabled, EndpointPaused, "the merchant paused it"},
		{EndpointEnabled, EndpointDisabled, "it answered 410"},
		{EndpointPaused, EndpointEnabled, "the merchant resumed it"},
		{EndpointDisabled, EndpointEnabled, "the merchant resumed it"},
		{EndpointPaused, EndpointDisabled, "an attempt under way was answered 410"},
		{EndpointEnabled, EndpointDeleted, "the merchant deleted it"},
		{EndpointPaused, EndpointDeleted, "the merchant deleted it"},
		{EndpointDisabled, EndpointDeleted, "the merchant deleted it"},
	},
}
