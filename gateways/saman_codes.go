package gateways

// samanCodes says what the bank's codes mean: errorCode of a token, ResultCode of the calls about a receipt;
// "check" is a call about nothing. What is wrong with the terminal can be mended, so to a receipt it is never a
// final no. A receipt that is verified already is verified.
var samanCodes = map[string]map[int]meaning{
	"token": {
		3:  {refused, "failed"},
		5:  {refused, "bad parameters"},
		8:  {refused, "caller's address not registered"},
		12: {refused, "unknown terminal"},
		21: {refused, "bad split of the amount"},
	},
	"VerifyTransaction": {
		samanDone:     {done, "verified"},
		samanRepeated: {done, "verified before"},
		samanReturned: {refused, "the money went back"},
		samanNone:     {refused, "no such receipt"},
		samanTooLate:  {refused, "past the half hour in which it could be verified"},
		-104:          {notNow, "terminal inactive"},
		-105:          {notNow, "unknown terminal"},
		-106:          {notNow, "caller's address not registered"},
	},
	"ReverseTransaction": {
		samanDone:     {done, "reversed"},
		samanRepeated: {done, "reversed before"},
		samanReturned: {done, "reversed before"},
		samanTooLate:  {refused, "past the bank's windows; whether it was verified in time is in its panel"},
		-104:          {notNow, "terminal inactive"},
		-105:          {notNow, "unknown terminal"},
		-106:          {notNow, "caller's address not registered"},
	},
	"check": {
		samanNone:    {done, "the terminal may ask"},
		samanTooLate: {done, "the terminal may ask"},
		-104:         {refused, "terminal inactive"},
		-105:         {refused, "unknown terminal"},
		-106:         {refused, "caller's address not registered"},
	},
}
