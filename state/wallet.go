package state

// Wallet is the state of a static place to pay into.
type Wallet string

const (
	WalletOpening Wallet = "opening"
	WalletActive  Wallet = "active"
	WalletBlocked Wallet = "blocked"
)

// Wallets is the machine of wallets. What arrives is credited in every state: money at the bank is never ignored.
var Wallets = Machine[Wallet]{
	Name:    "wallet",
	Initial: WalletOpening,
	Transitions: []Transition[Wallet]{
		{WalletOpening, WalletActive, "the bank gave it an account number"},
		{WalletOpening, WalletBlocked, "the bank will not give one"},
		{WalletActive, WalletBlocked, "a person closed it"},
	},
}
