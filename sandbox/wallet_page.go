package sandbox

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/paysaga/paysaga/money"
)

// shownWallets is how many accounts and how many deposits the page lists; the JSON has them all.
const shownWallets = 100

// How a payment into an account can go, as the page's list offers it.
var walletWays = []struct{ Value, Title string }{
	{"now", "واریز، با اعلان به پی‌ساگا"},
	{"twice", "واریز، همان اعلان دو بار"},
	{"lost", "واریز، اعلان گم می‌شود"},
}

// walletScreen is what the page shows. It repeats what was chosen, but never a typed card number.
type walletScreen struct {
	Accounts      []shownAccount
	Deposits      []WalletDeposit
	Ways          []struct{ Value, Title string }
	Chosen        struct{ IBAN, Amount, Way string }
	Total, Opened int // deposits, accounts
	Arrived       money.Rial
	Error         string
	Report        *WalletReport
	Refresh       int
	Now           time.Time
}

// shownAccount is an account with what arrived on it.
type shownAccount struct {
	WalletAccount
	Deposits int
	Sum      money.Rial
}

// walletPage shows the accounts to people, newest first, and a form to pay in. ?iban= chooses one; ?refresh=5 reloads
// the page every 5 seconds.
func (s *Server) walletPage(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	var screen walletScreen
	screen.Chosen.IBAN, screen.Chosen.Amount = query.Get("iban"), "250000"
	if n, err := strconv.Atoi(query.Get("refresh")); err == nil {
		screen.Refresh = min(max(n, 0), 3600)
	}
	s.showWallets(w, http.StatusOK, screen)
}

func (s *Server) showWallets(w http.ResponseWriter, status int, screen walletScreen) {
	all := s.wallets.list("")
	screen.Ways, screen.Now = walletWays, s.book.now()
	screen.Opened, screen.Total = len(all.Accounts), len(all.Deposits)
	counts, sums := map[string]int{}, map[string]money.Rial{}
	for _, d := range all.Deposits {
		screen.Arrived += d.Amount
		counts[d.IBAN]++
		sums[d.IBAN] += d.Amount
	}
	slices.Reverse(all.Accounts)
	slices.Reverse(all.Deposits)
	for _, a := range all.Accounts[:min(len(all.Accounts), shownWallets)] {
		screen.Accounts = append(screen.Accounts, shownAccount{a, counts[a.IBAN], sums[a.IBAN]})
	}
	screen.Deposits = all.Deposits[:min(len(all.Deposits), shownWallets)]
	s.show(w, status, "wallet.html", screen)
}

// walletForm pays in and shows what our API said to the notification.
func (s *Server) walletForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.fail(w, http.StatusBadRequest, "فرم خوانده نشد.")
		return
	}
	var screen walletScreen
	screen.Chosen.IBAN, screen.Chosen.Amount, screen.Chosen.Way = r.PostForm.Get("iban"), r.PostForm.Get("amount"), r.PostForm.Get("way")
	in, err := readWalletForm(r.PostForm)
	if err != nil {
		screen.Error = err.Error()
		s.showWallets(w, http.StatusBadRequest, screen)
		return
	}
	report, err := s.payIn(r.Context(), in)
	if err != nil {
		status := s.walletStatus(err)
		screen.Error = "واریز انجام نشد."
		if status == http.StatusNotFound {
			screen.Error = "چنین حسابی نیست."
		}
		s.showWallets(w, status, screen)
		return
	}
	screen.Report = &report
	s.showWallets(w, http.StatusOK, screen)
}

// readWalletForm turns the page's fields into what POST /wallet/deposit takes.
func readWalletForm(form url.Values) (WalletRequest, error) {
	iban, err := money.ParseIBAN(form.Get("iban"))
	if err != nil {
		return WalletRequest{}, errors.New("شبا درست نیست.")
	}
	amount, err := strconv.ParseInt(withoutCommas.Replace(money.LatinDigits(form.Get("amount"))), 10, 64)
	if err != nil || amount < 1 || money.Rial(amount) > maxMove {
		return WalletRequest{}, errors.New("مبلغ باید عددی بزرگ‌تر از صفر باشد.")
	}
	from, err := readSender(form.Get("from"))
	if err != nil {
		return WalletRequest{}, errors.New("مبدأ باید شمارهٔ کارت یا شبا باشد.")
	}
	in := WalletRequest{IBAN: string(iban), Amount: amount, From: from}
	switch form.Get("way") {
	case "now", "":
	case "twice":
		in.Times = 2
	case "lost":
		quiet := false
		in.Notify = &quiet
	default:
		return WalletRequest{}, errors.New("این حالت شناخته نشد.")
	}
	return in, nil
}

// Said is the API's answer as text.
func (n Notified) Said() string {
	if n.Error != "" {
		return n.Error
	}
	return n.Body
}
