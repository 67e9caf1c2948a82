package gateways

const (
	mellatCancelled = 17 // the payer turned away
	mellatUsed      = 41
)

// unverified is a verdict of this bank's reversal: the sale must be verified first.
const unverified verdict = 100

// mellatCodes says what the service's codes mean at each call; "check" is an inquiry about nothing. What is wrong
// with the account can be mended, so to a sale that exists it is never a final no. The guide tells merchants to
// repeat a verification until it succeeds or says 43 or 48: of the rest only a sale that does not exist and a
// card that failed are final here.
var mellatCodes = map[string]map[int]meaning{
	"bpPayRequest": with(account(refused), map[int]meaning{
		0:   {done, "session opened"},
		25:  {refused, "bad amount"},
		32:  {refused, "wrong format"},
		33:  {refused, "bad account"},
		35:  {refused, "bad date"},
		41:  {refused, "order already used"},
		51:  {refused, "order already used"},
		62:  {refused, "callback outside the registered domain"},
		417: {refused, "bad payer id"},
	}),
	"bpInquiryRequest": with(account(notNow), cards, map[int]meaning{
		0:  {done, "succeeded"},
		43: {done, "verified"},
		44: {done, "not verified"},
		45: {done, "settled"},
		46: {done, "not settled"},
		47: {done, "not settled"},
		42: {failed, "no such sale"},
		54: {failed, "no such sale"},
		48: {reversed, "reversed"},
	}),
	"bpVerifyRequest": with(account(notNow), cards, map[int]meaning{
		0:  {done, "verified"},
		43: {done, "verified before"},
		45: {done, "settled before"},
		42: {refused, "no such sale"},
		54: {refused, "no such sale"},
		48: {refused, "reversed"},
	}),
	"bpSettleRequest": with(account(notNow), map[int]meaning{
		0:  {done, "settlement requested"},
		45: {done, "settled before"},
		42: {refused, "no such sale"},
		54: {refused, "no such sale"},
		44: {refused, "not verified"},
		48: {refused, "reversed"},
		61: {notNow, "settlement failed"},
	}),
	"bpReversalRequest": with(account(notNow), cards, map[int]meaning{
		0:  {done, "reversed"},
		48: {reversed, "reversed before"},
		45: {settled, "settled"},
		44: {unverified, "not verified"},
		55: {refused, "this sale can no longer be reversed"},
		42: {failed, "no such sale"},
		54: {failed, "no such sale"},
	}),
	"bpRefundRequest": with(account(notNow), map[int]meaning{
		0:          {done, "refunded"},
		48:         {reversed, "reversed before"},
		46:         {unsettled, "not settled"},
		47:         {unsettled, "not settled"},
		12:         {notNow, "the merchant's credit for refunds is used up"},
		19:         {refused, "more than is left of the sale; look in the bank's panel who refunded it"},
		42:         {refused, "no such sale"},
		54:         {refused, "no such sale"},
		mellatUsed: {refused, "asked for before, and the bank does not say what became of it; look it up in its panel"},
	}),
	"check": with(account(refused), map[int]meaning{
		0:  {done, "the account may ask"},
		42: {done, "the account may ask"},
		43: {done, "the account may ask"},
		44: {done, "the account may ask"},
		45: {done, "the account may ask"},
		46: {done, "the account may ask"},
		47: {done, "the account may ask"},
		48: {done, "the account may ask"},
		54: {done, "the account may ask"},
		55: {done, "the account may ask"},
	}),
}

// account are the codes about who asks.
func account(v verdict) map[int]meaning {
	return map[int]meaning{
		21:  {v, "unknown merchant, or the call is not enabled for it"},
		23:  {v, "security error"},
		24:  {v, "wrong user or password"},
		421: {v, "caller's address not registered"},
	}
}

// cards are the codes about the payer's card, after which there is no sale.
var cards = func() map[int]meaning {
	out := map[int]meaning{98: {failed, "card failed"}, 995: {failed, "card failed"}}
	for code := 11; code <= 19; code++ {
		out[code] = meaning{failed, "card failed"}
	}
	for code := 111; code <= 114; code++ {
		out[code] = meaning{failed, "card failed"}
	}
	return out
}()

func mellatCard(code int) bool { return cards[code].verdict == failed }

// mellatReason is why there is no sale, in words for the payer.
func mellatReason(code int) string {
	switch {
	case code == mellatCancelled:
		return "پرداخت‌کننده انصراف داد"
	case code == 12:
		return "موجودی کارت کافی نبود"
	case mellatCard(code):
		return "کارت پذیرفته نشد"
	}
	return ""
}

func with(tables ...map[int]meaning) map[int]meaning {
	out := map[int]meaning{}
	for _, t := range tables {
		for code, m := range t {
			out[code] = m
		}
	}
	return out
}
