package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/paysaga/paysaga/money"
)

// WalletAccount is an account that belongs to one reference for good.
type WalletAccount struct {
	Reference string    `json:"reference"`
	Holder    string    `json:"holder"` // of the first opening
	IBAN      string    `json:"iban"`
	At        time.Time `json:"at"`
}

// WalletDeposit is money that arrived on an account; Amount is rial. It never changes.
type WalletDeposit struct {
	ID         string     `json:"id"` // rises from deposit to deposit, over all accounts
	IBAN       string     `json:"iban"`
	Amount     money.Rial `json:"amount"`
	From       string     `json:"from,omitempty"` // masked, also in the book on disk
	TrackingID string     `json:"tracking_id"`
	At         time.Time  `json:"at"`
}

// Wallets is what the bank of static accounts did.
type Wallets struct {
	Accounts []WalletAccount `json:"accounts"`
	Deposits []WalletDeposit `json:"deposits"`
}

// noWallets is an empty book, with lists that are not null.
func noWallets() Wallets {
	return Wallets{Accounts: []WalletAccount{}, Deposits: []WalletDeposit{}}
}

// Numbers are high, so that nobody takes one for another.
const firstWalletDeposit = 600_000_000_001

var (
	errNoAccount = errors.New("no such account")
	errNoDeposit = errors.New("no such deposit on this account")
)

// walletLine is a line of the journal: one of the two.
type walletLine struct {
	Account *WalletAccount `json:"account,omitempty"`
	Deposit *WalletDeposit `json:"deposit,omitempty"`
}

// walletBook is every account and what arrived on it.
type walletBook struct {
	mu       sync.Mutex
	journal  *journal
	accounts []WalletAccount // in order of opening
	deposits []WalletDeposit // in order of arrival
	byRef    map[string]int  // index of an account
	byIBAN   map[string]int
	arrived  map[string][]int // indexes of an account's deposits, by IBAN
}

func openWalletBook(path string) (*walletBook, error) {
	b := &walletBook{byRef: map[string]int{}, byIBAN: map[string]int{}, arrived: map[string][]int{}}
	j, err := openJournal(path, func(line []byte) error {
		var l walletLine
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		return b.keep(l)
	})
	if err != nil {
		return nil, err
	}
	b.journal = j
	return b, nil
}

func (b *walletBook) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.journal.close()
}

// keep takes a line into memory.
func (b *walletBook) keep(l walletLine) error {
	switch {
	case l.Account != nil && l.Account.Reference != "" && l.Account.IBAN != "":
		b.byRef[l.Account.Reference], b.byIBAN[l.Account.IBAN] = len(b.accounts), len(b.accounts)
		b.accounts = append(b.accounts, *l.Account)
	case l.Deposit != nil:
		if _, ok := b.byIBAN[l.Deposit.IBAN]; !ok {
			return fmt.Errorf("deposit %s: %w", l.Deposit.ID, errNoAccount)
		}
		b.arrived[l.Deposit.IBAN] = append(b.arrived[l.Deposit.IBAN], len(b.deposits))
		b.deposits = append(b.deposits, *l.Deposit)
	default:
		return errors.New("neither an account nor a deposit")
	}
	return nil
}

func (b *walletBook) store(l walletLine) error {
	if err := b.journal.append(l); err != nil {
		return err
	}
	return b.keep(l)
}

// open gives out the account of a reference. refuse stops it from becoming a new one.
func (b *walletBook) open(reference, holder string, now time.Time, refuse bool) (got WalletAccount, fresh bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i, ok := b.byRef[reference]; ok {
		return b.accounts[i], false, nil
	}
	if refuse {
		return WalletAccount{}, false, errNoAccount
	}
	a := WalletAccount{Reference: reference, Holder: holder, IBAN: b.number(reference), At: now}
	if err := b.store(walletLine{Account: &a}); err != nil {
		return WalletAccount{}, false, err
	}
	return a, true, nil
}

// number invents a free account number. It comes from the reference alone, so a bank that lost its book does not
// give one customer's number to another.
func (b *walletBook) number(reference string) string {
	for n := 0; ; n++ {
		iban := ibanOf(fmt.Sprintf("%s/%d", reference, n))
		if _, taken := b.byIBAN[iban]; !taken {
			return iban
		}
	}
}

// sandboxBankCode is no bank's, so that nobody pays real money into an account of the sandbox.
const sandboxBankCode = "099"

// ibanOf is an IBAN with right check digits, always the same one for a seed.
func ibanOf(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	account := sandboxBankCode + fmt.Sprintf("0%018d", binary.BigEndian.Uint64(sum[:8])%1_000_000_000_000_000_000)
	for check := 2; check <= 98; check++ {
		iban := fmt.Sprintf("IR%02d%s", check, account)
		if _, err := money.ParseIBAN(iban); err == nil {
			return iban
		}
	}
	return "" // some check digits always fit
}

// deposit books money that arrived on an account.
func (b *walletBook) deposit(d WalletDeposit, now time.Time) (WalletDeposit, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.byIBAN[d.IBAN]; !ok {
		return WalletDeposit{}, errNoAccount
	}
	d.ID, d.At = strconv.Itoa(firstWalletDeposit+len(b.deposits)), now
	d.TrackingID = "9602" + d.ID
	if err := b.store(walletLine{Deposit: &d}); err != nil {
		return WalletDeposit{}, err
	}
	return d, nil
}

// after lists what arrived on an account after a deposit of it, oldest first, at most limit.
func (b *walletBook) after(iban, id string, limit int) ([]WalletDeposit, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.byIBAN[iban]; !ok {
		return nil, errNoAccount
	}
	rest := b.arrived[iban]
	if id != "" {
		i, ok := b.position(rest, id)
		if !ok {
			return nil, errNoDeposit
		}
		rest = rest[i+1:]
	}
	out := []WalletDeposit{}
	for _, at := range rest[:min(len(rest), limit)] {
		out = append(out, b.deposits[at])
	}
	return out, nil
}

// position finds a deposit among those of its account. The lock is held.
func (b *walletBook) position(of []int, id string) (int, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != id {
		return 0, false
	}
	return slices.BinarySearch(of, int(n-firstWalletDeposit))
}

// find returns the account of an IBAN or a reference.
func (b *walletBook) find(iban, reference string) (WalletAccount, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, ok := b.byIBAN[iban]
	if iban == "" {
		i, ok = b.byRef[reference]
	}
	if !ok {
		return WalletAccount{}, false
	}
	return b.accounts[i], true
}

// list copies the book; key is a reference, an IBAN, a deposit's id, or empty for all.
func (b *walletBook) list(key string) Wallets {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := noWallets()
	for _, a := range b.accounts {
		if key == "" || a.Reference == key || a.IBAN == key {
			out.Accounts = append(out.Accounts, a)
		}
	}
	for _, d := range b.deposits {
		if key == "" || d.ID == key || d.IBAN == key || b.accounts[b.byIBAN[d.IBAN]].Reference == key {
			out.Deposits = append(out.Deposits, d)
		}
	}
	return out
}
