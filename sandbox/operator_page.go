package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/paysaga/paysaga/money"
)

// shownDeliveries is how many deliveries the page lists; the JSON has them all.
const shownDeliveries = 100

// shownDelivery is a delivery as the page's table shows it.
type shownDelivery struct{ Delivery }

func (d shownDelivery) CarrierTitle() string { return titleOf(carrierTitles, d.Carrier) }
func (d shownDelivery) TypeTitle() string    { return titleOf(typeTitles, d.Type) }
func (d shownDelivery) StateTitle() string   { return titleOf(orderTitles, d.State) }

// CodeTitle says why it was refused.
func (d shownDelivery) CodeTitle() string { return titleOf(codeTitles, d.Code) }

var (
	carrierTitles = map[string]string{"mci": "همراه اول", "irancell": "ایرانسل", "rightel": "رایتل", "aptel": "آپتل", "shatel": "شاتل موبایل"}
	typeTitles    = map[string]string{typeCharge: "شارژ مستقیم", typeAmazing: "شارژ شگفت‌انگیز", typeInternet: "بسته اینترنت"}
	orderTitles   = map[string]string{orderDelivered: "انجام‌شده", orderRefused: "ردشده", orderInProgress: "در حال انجام"}
	codeTitles    = map[string]string{
		codeRefused: "اپراتور نپذیرفت", codeExhausted: "اعتبار کافی نیست", codeUnknownProduct: "چنین محصولی نیست",
		codeInactiveProduct: "محصول فعال نیست", codeInvalidAmount: "مبلغ نامعتبر",
	}
)

func titleOf(titles map[string]string, name string) string {
	if title, ok := titles[name]; ok {
		return title
	}
	return name
}

// operatorPage shows the deliveries to people, newest first. ?refresh=5 reloads it every 5 seconds.
func (s *Server) operatorPage(w http.ResponseWriter, r *http.Request) {
	now := s.book.now()
	data := struct {
		Deliveries               []shownDelivery
		Total                    int
		Left, Delivered, Waiting money.Rial
		Refresh                  int
		Now                      time.Time
	}{Now: now, Left: s.operator.book.money(now)}
	deliveries := s.operator.book.list(now, func(d *Delivery) bool {
		switch d.State {
		case orderDelivered:
			data.Delivered += d.Amount
		case orderInProgress:
			data.Waiting += d.Amount
		}
		return true
	})
	if n, err := strconv.Atoi(r.URL.Query().Get("refresh")); err == nil {
		data.Refresh = min(max(n, 0), 3600)
	}
	data.Total = len(deliveries)
	slices.Reverse(deliveries)
	for _, d := range deliveries[:min(len(deliveries), shownDeliveries)] {
		data.Deliveries = append(data.Deliveries, shownDelivery{d})
	}
	s.show(w, http.StatusOK, "operator.html", data)
}
