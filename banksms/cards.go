package banksms

import "strings"

// bankOfPrefix tells the bank from the first digits of a card; where prefixes nest, the longest one decides.
// A card whose prefix is missing here may still be a good card.
var bankOfPrefix = map[string]Bank{
	"170019": Melli,
	"207177": ExportDevelopment,
	"502229": Pasargad,
	"502249": Pasargad, // one source only
	"502806": Shahr,
	"502908": ToseeTaavon,
	"502910": Karafarin,
	"502938": Day,
	"504172": Resalat,
	"504706": Shahr,
	"505416": Gardeshgari,
	"505426": Gardeshgari,
	"505785": IranZamin,
	"505801": Kosar,
	"505809": Khavarmianeh, // one source only
	"507677": Noor,
	"581874": IranVenezuela, // one source only
	"585947": Khavarmianeh,
	"585949": Khavarmianeh, // one source only
	"585983": Tejarat,
	"589210": Sepah,
	"589463": Refah,
	"603769": Saderat,
	"603770": Keshavarzi,
	"603799": Melli,
	"604932": Sepah, // one source only
	"606256": Melal,
	"606373": MehrIran,
	"610433": Mellat,
	"621986": Saman,
	"622106": Parsian,
	"627353": Tejarat,
	"627381": Ansar,
	"627412": EghtesadNovin,
	"627488": Karafarin,
	"627593": "", // in use, nobody says by whom
	"627648": ExportDevelopment,
	"627760": PostBank,
	"627884": Parsian,
	"627961": IndustryMine,
	"628023": Maskan,
	"628157": "tosee",
	"636214": Ayandeh,
	"636795": "central",
	"636797": "central",
	"636949": Hekmat,
	"639194": Parsian,
	"639217": Keshavarzi,
	"639346": Sina,
	"639347": Pasargad,
	"639370": MehrEghtesad,
	"639599": Ghavamin,
	"639607": Sarmayeh,
	"903769": Saderat,
	"991975": Mellat,

	"62198618": Blu,
	"62198619": Blu,
}

// BankOfCard tells a card's bank from its first digits; six are enough, eight tell Blu from Saman. Digits of any
// alphabet, spaces and dashes are fine. An unknown prefix is no error of the card.
func BankOfCard(digits string) (Bank, bool) {
	digits = strings.NewReplacer(" ", "", "-", "").Replace(normalise(digits))
	for length := 8; length >= 6; length-- {
		if len(digits) < length {
			continue
		}
		if b, ok := bankOfPrefix[digits[:length]]; ok {
			return b, b != ""
		}
	}
	return "", false
}
