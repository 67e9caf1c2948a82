package gateways

const (
	zibalDoneBefore = 201 // result of verify

	zibalRefunded   = 15 // statuses
	zibalRefunding  = 16
	zibalReversed   = 18
	zibalNoMerchant = 21
)

// zibalCodes says what "result" means at each call; "check" is an inquiry about nothing. What is wrong with the
// account can be mended, so to a payment that exists it is never a final no.
var zibalCodes = map[string]map[int]meaning{
	"request": {
		100: {done, "session opened"},
		102: {refused, "merchant not found"},
		103: {refused, "merchant inactive"},
		104: {refused, "merchant invalid"},
		105: {refused, "amount too small"},
		106: {refused, "bad callback address"},
		107: {refused, "bad percent mode"},
		108: {refused, "bad split of the amount"},
		109: {refused, "bad split of the amount"},
		110: {refused, "bad split of the amount"},
		111: {refused, "bad split of the amount"},
		112: {refused, "the wallet for the fee is empty"},
		113: {refused, "amount above the limit"},
		114: {refused, "bad national code"},
		115: {refused, "caller's address not registered"},
		116: {refused, "bad fee mode"},
		140: {refused, "callback address missing"},
	},
	"inquiry": {
		100: {done, "found"},
		201: {done, "verified before"},
		202: {done, "not paid"},
		102: {notNow, "merchant not found"},
		103: {notNow, "merchant inactive"},
		104: {notNow, "merchant invalid"},
		115: {notNow, "caller's address not registered"},
		203: {refused, "no such session of this merchant"},
	},
	"verify": {
		100: {done, "verified"},
		201: {done, "verified before"},
		102: {notNow, "merchant not found"},
		103: {notNow, "merchant inactive"},
		104: {notNow, "merchant invalid"},
		115: {notNow, "caller's address not registered"},
		202: {refused, "not paid, or failed"},
		203: {refused, "no such session of this merchant"},
	},
	"check": {
		100: {done, "the account may ask"},
		201: {done, "the account may ask"},
		202: {done, "the account may ask"},
		203: {done, "the account may ask"},
		102: {refused, "merchant not found"},
		103: {refused, "merchant inactive"},
		104: {refused, "merchant invalid"},
		115: {refused, "caller's address not registered"},
	},
}

// zibalStatus is a visit's status in our words, and its reason in words for the payer. Only a payer who turned
// away is final: after a refused card the page may let them try another one.
type zibalStatus struct {
	status ResultStatus
	final  bool
	reason string
}

var zibalStatuses = map[int]zibalStatus{
	-1:            {ResultNotPaid, false, "هنوز پرداخت نشده است"},
	-2:            {ResultNotPaid, false, "خطای داخلی درگاه"},
	1:             {ResultPaid, false, ""},
	2:             {ResultPaid, false, ""},
	3:             {ResultNotPaid, true, "پرداخت‌کننده انصراف داد"},
	4:             {ResultNotPaid, false, zibalCard},
	5:             {ResultNotPaid, false, zibalCard},
	6:             {ResultNotPaid, false, zibalCard},
	7:             {ResultNotPaid, false, zibalCard},
	8:             {ResultNotPaid, false, zibalCard},
	9:             {ResultNotPaid, false, zibalCard},
	10:            {ResultNotPaid, false, zibalCard},
	11:            {ResultNotPaid, false, zibalCard},
	12:            {ResultNotPaid, false, zibalCard},
	zibalRefunded: {ResultReturned, true, "مبلغ به پرداخت‌کننده برگشت"},
	zibalReversed: {ResultReturned, true, "مبلغ به پرداخت‌کننده برگشت"},
}

const zibalCard = "کارت پذیرفته نشد"
