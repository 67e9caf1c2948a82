package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// Thousands of SMS, repeated, out of order and with garbage between them, against open transfers: each
// deposit finds its own transfer and no other. PAYSAGA_STORM is how many transfers (2000 is the promise, with
// five times as many messages), PAYSAGA_STORM_SEED repeats a plan.
func TestSMSStorm(t *testing.T) {
	count := envNumber(t, "PAYSAGA_STORM", 200)
	seed := envNumber(t, "PAYSAGA_STORM_SEED", int(time.Now().UnixNano()%1_000_000))
	t.Logf("PAYSAGA_STORM=%d PAYSAGA_STORM_SEED=%d", count, seed)
	s := &storm{h: shared, chance: rand.New(rand.NewPCG(uint64(seed), 0)), balance: 50_000_000}
	s.shop(t, fmt.Sprintf("storm-%d", seed))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+time.Duration(count)*200*time.Millisecond)
	defer cancel()

	begin := time.Now()
	s.open(ctx, t, count)
	created := time.Since(begin)
	messages := s.plan(5 * count)
	begin = time.Now()
	results := s.send(ctx, t, messages)
	t.Logf("%d transfers in %.1f s, %d messages in %.1f s: %v", count, created.Seconds(), len(messages), time.Since(begin).Seconds(), results)

	paid := 0
	for _, tr := range s.transfers {
		want := 7
		if s.paid[tr.PayID] {
			want = 201
			paid++
		}
		require.Equal(t, want, s.m.checks(t, tr), "transfer %d of %d rial", tr.PayID, tr.Amount)
	}
	require.Equal(t, paid, results["paid"], "each deposit paid one transfer")
	require.Equal(t, s.strays, results["queued"], "each stray deposit is somebody's to look at")
	require.NoError(t, s.h.audit())
}

// storm is one merchant's bad day.
type storm struct {
	h         *house
	m         merchant
	chance    *rand.Rand
	transfers []transfer
	paid      map[int64]bool
	strays    int
	balance   int64
}

// text is one SMS on its way.
type text struct {
	Sender     string `json:"sender"`
	Text       string `json:"text"`
	ReceivedAt string `json:"received_at"`
	MessageID  string `json:"message_id,omitempty"`
}

// bankAccount is a destination card and what its bank writes.
type bankAccount struct {
	pan, account, sender, deposit, withdrawal string // layouts: amount, account, balance, date, time
}

var stormAccounts = []bankAccount{
	{"6219860000000027", "826-810-7700001-1", "+989999920000",
		"بانك سامان\nواريز مبلغ  %[1]sريال\nبه  %[2]s\nمانده %[3]s\n%[4]s\n%[5]s", "بانك سامان\nبرداشت مبلغ  %[1]sريال\nاز  %[2]s\nمانده %[3]s\n%[4]s\n%[5]s"},
	{"6104330000000029", "7700112233", "Bank Mellat",
		"حساب%[2]s\nواریز%[1]s\nمانده%[3]s\n%[6]s-%[5]s", "حساب%[2]s\nبرداشت%[1]s\nمانده%[3]s\n%[6]s-%[5]s"},
	{"6037990000000029", "77006", "700717",
		"بانك ملي ايران\nانتقال:%[1]s+\nحساب:%[2]s\nمانده:%[3]s\n%[7]s-%[5]s", "بانك ملي ايران\nانتقال:%[1]s-\nحساب:%[2]s\nمانده:%[3]s\n%[7]s-%[5]s"},
}

// shop is a merchant with an account at each of the banks.
func (s *storm) shop(t *testing.T, id string) {
	t.Helper()
	s.h.mustRun(t, "merchant", "put", id, "--name", id, "--gateways", "sandbox")
	for _, a := range stormAccounts {
		c := s.h.terminal(t.Context(), "merchant", "card", "add", id, "--holder", "storm", "--account", a.account)
		c.Stdin = strings.NewReader(withCheckDigit(a.pan))
		out, code := runCommand(c)
		require.Zero(t, code, out)
	}
	s.m = merchant{s.h, id, strings.TrimSpace(s.h.mustRun(t, "key", "create", id))}
}

// withCheckDigit gives a card number its right last digit.
func withCheckDigit(pan string) string {
	sum := 0
	for i, d := range pan[:15] {
		n := int(d - '0')
		if i%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return pan[:15] + fmt.Sprint((10-sum%10)%10)
}

// open creates the transfers; their prices are few, so that amounts lie close together.
func (s *storm) open(ctx context.Context, t *testing.T, count int) {
	t.Helper()
	s.transfers = make([]transfer, count)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	first := time.Now().UnixNano()
	for i := range s.transfers {
		price := 100_000 * (1 + i%20)
		group.Go(func() error {
			form := url.Values{"price": {fmt.Sprint(price)}, "fid": {fmt.Sprint(first + int64(i))}}
			r, err := patiently(ctx, func() (reply, error) { return s.m.cards(ctx, http.MethodPost, "/api/create", form) })
			if err != nil {
				return err
			}
			if r.status != http.StatusOK {
				return fmt.Errorf("create: %d %s", r.status, r.body)
			}
			return json.Unmarshal(r.body, &s.transfers[i])
		})
	}
	require.NoError(t, group.Wait())
}

// plan writes the messages: deposits for four fifths of the transfers, of each some copies, strays, and
// five in a hundred that are no deposits at all, a third of all out of their order.
func (s *storm) plan(count int) []text {
	s.paid = map[int64]bool{}
	var messages []text
	for i, tr := range s.transfers {
		if i%5 != 4 {
			s.paid[tr.PayID] = true
			messages = append(messages, s.deposit(tr.Amount))
		}
	}
	garbage := count / 20
	repeats := count * 30 / 100
	for len(messages) < count-garbage-repeats {
		s.strays++
		messages = append(messages, s.deposit(20_000_000+int64(s.strays)*10)) // nobody waits for so much
	}
	for range repeats {
		m := messages[s.chance.IntN(len(messages))]
		if s.chance.IntN(2) == 0 {
			m.MessageID += "-again"
		}
		messages = append(messages, m)
	}
	for range garbage {
		messages = append(messages, s.garbage())
	}
	s.chance.Shuffle(len(messages), func(i, j int) {
		if s.chance.IntN(3) == 0 {
			messages[i], messages[j] = messages[j], messages[i]
		}
	})
	return messages
}

func (s *storm) deposit(amount int64) text {
	a := stormAccounts[s.chance.IntN(len(stormAccounts))]
	s.balance += amount
	return s.compose(a, a.deposit, amount)
}

// garbage never pays: what left the account, spoofs of open amounts, passwords, adverts.
func (s *storm) garbage() text {
	open := s.transfers[s.chance.IntN(len(s.transfers)/5)*5+4].Amount // one that nobody pays
	a := stormAccounts[s.chance.IntN(len(stormAccounts))]
	switch s.chance.IntN(4) {
	case 0:
		s.balance -= open
		return s.compose(a, a.withdrawal, open)
	case 1:
		m := s.compose(a, a.deposit, open)
		m.Sender = "+989121112233"
		s.balance++ // each with a balance of its own: each is one more for people to look at
		s.strays++
		return m
	case 2:
		return s.noise(a, fmt.Sprintf("رمز پویا: %06d\nمبلغ: %d ریال", s.chance.IntN(1_000_000), open))
	}
	return s.noise(a, fmt.Sprintf("جشنواره حساب‌های قرض‌الحسنه تمدید شد، %d جایزه", s.chance.Int64()))
}

func (s *storm) compose(a bankAccount, layout string, amount int64) text {
	now := time.Now().In(time.FixedZone("Tehran", 12600))
	y, m, d := jalali(now)
	return s.noise(a, fmt.Sprintf(layout, commas(amount), a.account, commas(s.balance),
		fmt.Sprintf("%d/%d/%d", y, m, d), now.Format("15:04"), fmt.Sprintf("%02d/%02d/%02d", y%100, m, d), fmt.Sprintf("%02d%02d", m, d)))
}

func (s *storm) noise(a bankAccount, what string) text {
	return text{a.sender, what, time.Now().UTC().Format(time.RFC3339), fmt.Sprintf("m-%d", s.chance.Int64())}
}

// jalali is the calendar's date after 1403, whose years here begin on 20 or 21 March.
func jalali(t time.Time) (year, month, day int) {
	newYear := time.Date(t.Year(), 3, 21, 0, 0, 0, 0, t.Location())
	if (t.Year()-2024)%4 == 0 {
		newYear = newYear.AddDate(0, 0, -1)
	}
	if t.Before(newYear) {
		newYear = time.Date(t.Year()-1, 3, 21, 0, 0, 0, 0, t.Location())
		if (t.Year()-1-2024)%4 == 0 {
			newYear = newYear.AddDate(0, 0, -1)
		}
	}
	year = newYear.Year() - 621
	days := int(t.Sub(newYear).Hours() / 24)
	if days < 186 {
		return year, days/31 + 1, days%31 + 1
	}
	return year, (days-186)/30 + 7, (days-186)%30 + 1
}

func commas(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// send forwards all in batches, several phones at once, and counts what became of them.
func (s *storm) send(ctx context.Context, t *testing.T, messages []text) map[string]int {
	t.Helper()
	var batches [][]text
	for len(messages) > 0 {
		n := min(len(messages), 1+s.chance.IntN(30))
		batches, messages = append(batches, messages[:n]), messages[n:]
	}
	counts := make([]map[string]int, len(batches))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, batch := range batches {
		group.Go(func() error {
			results, err := s.forward(ctx, batch)
			counts[i] = results
			return err
		})
	}
	require.NoError(t, group.Wait())
	all := map[string]int{}
	for _, c := range counts {
		for result, n := range c {
			all[result] += n
		}
	}
	return all
}

// patiently repeats a call that came too fast for the merchant's rate.
func patiently(ctx context.Context, call func() (reply, error)) (reply, error) {
	for {
		r, err := call()
		if err != nil || r.status != http.StatusTooManyRequests || !pause(ctx, 200*time.Millisecond) {
			return r, err
		}
	}
}

func (s *storm) forward(ctx context.Context, batch []text) (map[string]int, error) {
	data, err := json.Marshal(batch)
	if err != nil {
		return nil, err
	}
	r, err := patiently(ctx, func() (reply, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.h.inst.APIURL+"/api/sms", strings.NewReader(string(data)))
		if err != nil {
			return reply{}, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("token", s.m.key)
		return send(req)
	})
	if err != nil {
		return nil, err
	}
	if r.status != http.StatusOK {
		return nil, fmt.Errorf("sms: %d %s", r.status, r.body)
	}
	var answer struct {
		Messages []smsResult `json:"messages"`
	}
	if err := json.Unmarshal(r.body, &answer); err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, m := range answer.Messages {
		counts[m.Result]++
	}
	return counts, nil
}
