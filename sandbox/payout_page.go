package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/paysaga/paysaga/money"
)

// shownTransfers is how many transfers the page lists; the JSON has them all.
const shownTransfers = 100

// shownTransfer is a transfer as the page's table shows it.
type shownTransfer struct{ Transfer }

func (t shownTransfer) RailTitle() string  { return titleOf(railTitles, t.Rail) }
func (t shownTransfer) StateTitle() string { return titleOf(transferTitles, t.State) }
func (t shownTransfer) CodeTitle() string  { return titleOf(transferCodeTitles, t.Code) }

var (
	railTitles     = map[string]string{"card": "کارت به کارت", "paya": "پایا", "satna": "ساتنا"}
	transferTitles = map[string]string{
		transferAccepted: "در انتظار چرخه", transferSettled: "واریز شد", transferReturned: "برگشت خورد", transferFailed: "انجام نشد",
	}
	transferCodeTitles = map[string]string{codeRefused: "بانک نپذیرفت", codeAccountClosed: "حساب مقصد بسته است"}
)

// payoutPage shows the transfers out to people, newest first. ?refresh=5 reloads it every 5 seconds.
func (s *Server) payoutPage(w http.ResponseWriter, r *http.Request) {
	now := s.book.now()
	data := struct {
		Transfers               []shownTransfer
		Total                   int
		Settled, Waiting, Given money.Rial
		Refresh                 int
		Now                     time.Time
	}{Now: now}
	transfers := s.payouts.list(now, func(t *Transfer) bool {
		switch t.State {
		case transferSettled:
			data.Settled += t.Amount
		case transferAccepted:
			data.Waiting += t.Amount
		case transferReturned:
			data.Given += t.Amount
		}
		return true
	})
	if n, err := strconv.Atoi(r.URL.Query().Get("refresh")); err == nil {
		data.Refresh = min(max(n, 0), 3600)
	}
	data.Total = len(transfers)
	slices.Reverse(transfers)
	for _, t := range transfers[:min(len(transfers), shownTransfers)] {
		data.Transfers = append(data.Transfers, shownTransfer{t})
	}
	s.show(w, http.StatusOK, "payout.html", data)
}
