package cmd

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
)

// realBanks are the adapters by method name. An empty address is the bank's own.
var realBanks = map[string]func(baseURL string, client *http.Client) gateways.Bank{
	"asanpardakht": func(url string, c *http.Client) gateways.Bank { return gateways.NewAsanpardakht(url, url, c) },
	"zarinpal":     func(url string, c *http.Client) gateways.Bank { return gateways.NewZarinpal(url, url, c) },
	"zibal":        gateways.NewZibal,
	"saman":        gateways.NewSaman,
	"mellat":       gateways.NewMellat,
}

// bankTimeout bounds one call to a bank, in seconds of a payer who waits for a session: less than what a request of
// ours may take, so that the payer hears of it.
const bankTimeout = 8 * time.Second

// banks lists the gateways of this installation. In production that is every bank there is an adapter for: a merchant
// uses those where it has an account. In development the generic simulated bank answers under their names, unless
// PAYSAGA_BANK_WIRES or PAYSAGA_BANK_URLS sends an adapter to an address.
func banks(cfg config.Config) (gateways.Registry, error) {
	registry := gateways.Registry{}
	client := gateways.NewHTTPClient(bankTimeout)
	for name, address := range cfg.BankURLs {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("PAYSAGA_BANK_URLS: the address of %s is not an absolute web address", name)
		}
		if realBanks[name] == nil {
			return nil, fmt.Errorf("PAYSAGA_BANK_URLS: no bank is called %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(realBanks)), ", "))
		}
	}
	for name, open := range realBanks {
		if address := bankAddress(cfg, name); address != "" || !cfg.Dev() {
			registry[name] = paced(cfg, name, open(address, client))
		}
	}
	if !cfg.Dev() {
		return registry, nil
	}
	limits := gateways.Limits{
		SessionLife: cfg.SandboxSessionLife, AutoReverse: 30 * time.Minute, UndoWindow: 3 * time.Hour, MinAmount: 1,
	}
	simulated := gateways.NewHTTPClient(5 * time.Second)
	for _, name := range append(slices.Collect(maps.Keys(realBanks)), "sandbox") {
		if registry[name] == nil {
			registry[name] = gateways.NewSandbox(name, cfg.SandboxURL, simulated, limits)
		}
	}
	return registry, nil
}

// paced is a bank whose sessions end as soon as those of the sandbox's wire, where it is sent there.
func paced(cfg config.Config, name string, bank gateways.Bank) gateways.Bank {
	if !onWire(cfg, name) {
		return bank
	}
	limits := bank.Limits()
	limits.SessionLife = sandbox.Paced(limits.SessionLife, cfg.SandboxSessionLife)
	return gateways.WithLimits(bank, limits)
}

// onWire says that an adapter talks to the sandbox's bank of its name.
func onWire(cfg config.Config, name string) bool {
	return cfg.Dev() && cfg.BankWires && cfg.BankURLs[name] == "" && slices.Contains(sandbox.Wires(), name)
}

// bankAddress is where an adapter is sent in development; empty leaves the name to the generic simulated bank.
func bankAddress(cfg config.Config, name string) string {
	if onWire(cfg, name) {
		return cfg.SandboxURL + "/wire/" + name
	}
	return cfg.BankURLs[name]
}

// bankNamed finds one bank of this installation.
func bankNamed(cfg config.Config, name string) (gateways.Bank, error) {
	registry, err := banks(cfg)
	if err != nil {
		return nil, err
	}
	bank, err := registry.Get(name)
	if err != nil {
		return nil, fmt.Errorf("no bank is called %q; there are %s", name, strings.Join(registry.Names(), ", "))
	}
	return bank, nil
}

// knownBanks refuses an empty list, and names that no payer would ever be offered.
func knownBanks(cfg config.Config, names []string) error {
	if len(names) == 0 {
		return errors.New("--gateways names no bank")
	}
	for i, name := range names {
		if _, err := bankNamed(cfg, name); err != nil {
			return err
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("--gateways names %s twice", name)
		}
	}
	return nil
}
