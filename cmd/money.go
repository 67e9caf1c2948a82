package cmd

import (
	"golang.org/x/time/rate"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/gateways/payouts"
	"github.com/paysaga/paysaga/gateways/wallets"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// The ways on which money leaves and static accounts are rented. So far there is the simulated one, in development.

const simulated = "sandbox"

func payoutProviders(cfg config.Config) payouts.Registry {
	registry := payouts.Registry{}
	if cfg.Dev() {
		registry[simulated] = payouts.NewSandbox(payouts.SandboxConfig{BaseURL: cfg.SandboxURL})
	}
	return registry
}

func walletProviders(cfg config.Config) wallets.Registry {
	registry := wallets.Registry{}
	if cfg.Dev() {
		registry[simulated] = wallets.NewSandbox(wallets.SandboxConfig{BaseURL: cfg.SandboxURL})
	}
	return registry
}

// payoutActivities call every provider within the same rate as a bank.
func payoutActivities(cfg config.Config, s *store.Store, v *vault.Vault) *activities.Payouts {
	registry := payoutProviders(cfg)
	limits := make(map[string]*rate.Limiter, len(registry))
	for name := range registry {
		limits[name] = rate.NewLimiter(rate.Limit(cfg.BankCallsPerSecond), max(1, int(cfg.BankCallsPerSecond)))
	}
	return &activities.Payouts{Store: s, Vault: v, Providers: registry, Limits: limits}
}

// payoutBank is the provider of new payouts; without one none is taken.
func payoutBank(cfg config.Config) api.PayoutBank {
	provider, err := payoutProviders(cfg).Get(simulated)
	if err != nil {
		return api.PayoutBank{}
	}
	return api.PayoutBank{Provider: provider.Name(), Rail: func(network string, amount money.Rial) (string, error) {
		rail, err := railFor(provider.Capabilities(), network, amount)
		return string(rail), err
	}}
}

// railFor is the rail that was named, or, for an account, the one that takes the amount.
func railFor(can payouts.Capabilities, network string, amount money.Rial) (payouts.Rail, error) {
	kind := payouts.KindIBAN
	if network == string(payouts.Card) {
		kind = payouts.KindCard
	}
	for _, r := range can.Rails {
		if string(r.Rail) != network {
			continue
		}
		if amount < r.Min || amount > r.Max {
			return "", &payouts.NoRail{Kind: kind, Min: r.Min, Max: r.Max}
		}
		return r.Rail, nil
	}
	r, err := can.RailFor(amount, kind)
	return r.Rail, err
}

func walletBank(cfg config.Config) string {
	if _, err := walletProviders(cfg).Get(simulated); err != nil {
		return ""
	}
	return simulated
}
