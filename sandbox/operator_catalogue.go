package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/paysaga/paysaga/money"
)

// OperatorProduct is a line of the operator's catalogue; amounts are rial.
type OperatorProduct struct {
	Carrier string     `json:"carrier"` // mci, irancell, rightel
	Type    string     `json:"type"`    // cell_direct_charge, cell_amazing_direct_charge, cell_internet
	Sim     string     `json:"sim"`     // credit, permanent
	Package string     `json:"package"` // the carrier's code; empty for a plain charge
	Name    string     `json:"name"`
	Price   money.Rial `json:"price"`
	Most    money.Rial `json:"most"` // upper end of a range; 0 = exactly Price
	Active  bool       `json:"active"`
}

// fits says whether an amount can be ordered.
func (p OperatorProduct) fits(amount money.Rial) bool {
	return amount >= p.Price && amount <= max(p.Price, p.Most)
}

// catalogueBox holds what the operator sells. Changes are not kept over a restart.
type catalogueBox struct {
	changed atomic.Pointer[[]OperatorProduct]
}

func (b *catalogueBox) get() []OperatorProduct {
	if list := b.changed.Load(); list != nil {
		return *list
	}
	return operatorCatalogue
}

// refusal says why the operator does not sell what is ordered, or nothing.
func (b *catalogueBox) refusal(d Delivery) string {
	why := codeUnknownProduct
	for _, p := range b.get() {
		if p.Carrier != d.Carrier || p.Type != d.Type || p.Sim != d.Sim || p.Package != d.Package {
			continue
		}
		switch {
		case !p.fits(d.Amount):
			why = codeInvalidAmount
		case !p.Active:
			return codeInactiveProduct
		default:
			return ""
		}
	}
	return why
}

// getCatalogue lists what the operator sells.
func (s *Server) getCatalogue(w http.ResponseWriter, r *http.Request) {
	s.serveOperator(w, r, opCatalogue, "", func(_ OperatorRules, refusal string) reply {
		if refusal != "" {
			return no(codeForbidden)
		}
		return reply{code: http.StatusOK, body: map[string][]OperatorProduct{"products": s.operator.catalogue.get()}}
	})
}

// putCatalogue is of the control API: {"products": […]} replaces the catalogue, {} brings the first one back.
func (s *Server) putCatalogue(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	var in struct {
		Products []OperatorProduct `json:"products"`
	}
	if err := decode(body, &in); err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	for i, p := range in.Products {
		if p.Carrier == "" || p.Type == "" || p.Sim == "" || p.Price <= 0 || p.Price > money.Max || p.Most > money.Max || (p.Most != 0 && p.Most < p.Price) {
			writeError(w, http.StatusBadRequest, fmt.Sprintf("products: line %d lacks its carrier, type, sim or price, or its range is empty", i+1))
			return
		}
	}
	if in.Products == nil {
		s.operator.catalogue.changed.Store(nil)
	} else {
		s.operator.catalogue.changed.Store(&in.Products)
	}
	writeJSON(w, http.StatusOK, map[string][]OperatorProduct{"products": s.operator.catalogue.get()})
}

// Types and SIM kinds as the wire names them.
const (
	typeCharge   = "cell_direct_charge"
	typeAmazing  = "cell_amazing_direct_charge"
	typeInternet = "cell_internet"
	simCredit    = "credit"
	simPermanent = "permanent"
)

// operatorCatalogue is what the operator sells at first. One package is not sold at the moment.
var operatorCatalogue = slices.Concat(
	[]OperatorProduct{
		{"irancell", typeCharge, simCredit, "", "شارژ مستقیم ایرانسل - مبلغ دلخواه", 5_000, 2_000_000, true},
		{"irancell", typeCharge, simPermanent, "", "پرداخت سیم‌کارت دائمی ایرانسل - مبلغ دلخواه", 10_000, 5_000_000, true},
		{"mci", typeCharge, simCredit, "", "شارژ مستقیم همراه اول - مبلغ دلخواه", 10_000, 2_000_000, true},
		{"mci", typeCharge, simPermanent, "", "پرداخت سیم‌کارت دائمی همراه اول - مبلغ دلخواه", 10_000, 5_000_000, true},
		{"rightel", typeCharge, simCredit, "", "شارژ مستقیم رایتل - مبلغ دلخواه", 10_000, 2_000_000, true},
		{"rightel", typeCharge, simPermanent, "", "پرداخت سیم‌کارت دائمی رایتل - مبلغ دلخواه", 10_000, 5_000_000, true},
	},
	amazing("irancell", "شارژ شگفت‌انگیز ایرانسل", 50_000, 200_000, 1_000_000),
	amazing("rightel", "شارژ شورانگیز رایتل", 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000),
	[]OperatorProduct{
		{"irancell", typeInternet, simCredit, "IR-1D-1G", "بسته روزانه ۱ گیگابایت ایرانسل", 95_000, 0, true},
		{"irancell", typeInternet, simCredit, "IR-7D-3G", "بسته هفتگی ۳ گیگابایت ایرانسل", 245_000, 0, true},
		{"irancell", typeInternet, simCredit, "IR-30D-10G", "بسته ماهانه ۱۰ گیگابایت ایرانسل", 690_000, 0, true},
		{"irancell", typeInternet, simPermanent, "IR-P-30D-10G", "بسته ماهانه ۱۰ گیگابایت دائمی ایرانسل", 690_000, 0, true},
		{"irancell", typeInternet, simCredit, "IR-NOWRUZ", "بسته نوروزی ۵ گیگابایت ایرانسل", 150_000, 0, false},
		{"mci", typeInternet, simCredit, "MCI-1D-1G", "بسته روزانه ۱ گیگابایت همراه اول", 99_000, 0, true},
		{"mci", typeInternet, simCredit, "MCI-7D-4G", "بسته هفتگی ۴ گیگابایت همراه اول", 265_000, 0, true},
		{"mci", typeInternet, simCredit, "MCI-30D-12G", "بسته ماهانه ۱۲ گیگابایت همراه اول", 750_000, 0, true},
		{"mci", typeInternet, simPermanent, "MCI-P-30D-12G", "بسته ماهانه ۱۲ گیگابایت دائمی همراه اول", 750_000, 0, true},
		{"rightel", typeInternet, simCredit, "RTL-1D-2G", "بسته روزانه ۲ گیگابایت رایتل", 89_000, 0, true},
		{"rightel", typeInternet, simCredit, "RTL-30D-15G", "بسته ماهانه ۱۵ گیگابایت رایتل", 640_000, 0, true},
	},
)

// amazing are charges that are sold in fixed amounts only.
func amazing(carrier, name string, prices ...money.Rial) []OperatorProduct {
	var out []OperatorProduct
	for _, price := range prices {
		out = append(out, OperatorProduct{carrier, typeAmazing, simCredit, "", fmt.Sprintf("%s - %s ریال", name, persianRial(price)), price, 0, true})
	}
	return out
}
