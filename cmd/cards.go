package cmd

import (
	"crypto/rand"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/banksms"
	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

func cardCommand() *cobra.Command {
	c := &cobra.Command{Use: "card", Short: "The cards that payers of a merchant send money to"}
	c.AddCommand(cardAdd(), cardList(), cardDisable())
	return c
}

func cardAdd() *cobra.Command {
	var bank, holder string
	var accounts []string
	c := &cobra.Command{
		Use:   "add MERCHANT",
		Short: "Add or change a card; its number is read from standard input",
		Long: "The account is what tells deposits apart: write it as the bank's SMS prints it. An SMS of that bank with\n" +
			"another account waits for a person.",
		Example: "  paysaga merchant card add bakery --holder 'سارا نمونه' --account 826-810-3456701-1 < card.txt",
		Args:    cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, cfg config.Config, s *store.Store) error {
			number, err := io.ReadAll(io.LimitReader(c.InOrStdin(), 100)) // never an argument: those are seen by everybody
			if err != nil {
				return fmt.Errorf("read card number: %w", err)
			}
			card, err := vault.ParsePAN(strings.TrimSpace(string(number)))
			if err != nil {
				return err
			}
			at, err := bankOf(bank, card)
			if err != nil {
				return err
			}
			v, err := vault.New(cfg.VaultKeys.Reveal())
			if err != nil {
				return err
			}
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			sealed, err := v.Seal(m.ID, card)
			if err != nil {
				return err
			}
			err = s.AddDestinationCard(c.Context(), m.ID, store.DestinationCard{Bank: string(at), Holder: holder, Accounts: accounts, Card: sealed})
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "card", card, "at", at)
			return nil
		}),
	}
	c.Flags().StringVar(&bank, "bank", "", "bank of the card, e.g. saman (default: by its first digits)")
	c.Flags().StringVar(&holder, "holder", "", "name on the card")
	c.Flags().StringArrayVar(&accounts, "account", nil, "account behind the card as the bank's SMS prints it; may be repeated")
	_ = c.MarkFlagRequired("holder")
	return c
}

func bankOf(named string, card vault.PAN) (banksms.Bank, error) {
	if named != "" {
		bank, ok := banksms.BankNamed(named)
		if !ok {
			return "", fmt.Errorf("no bank is called %q", named)
		}
		return bank, nil
	}
	bank, ok := banksms.BankOfCard(string(card))
	if !ok {
		return "", fmt.Errorf("the bank of %s is not known; name it with --bank", card)
	}
	return bank, nil
}

func cardList() *cobra.Command {
	return &cobra.Command{
		Use: "list MERCHANT", Short: "List the cards that payers are shown", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			cards, err := s.DestinationCards(c.Context(), m.ID)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "NUMBER", "CARD", "BANK", "HOLDER", "ACCOUNTS")
			for _, d := range cards {
				t.row(fmt.Sprint(d.ID), d.Card.Bin+"******"+d.Card.Last4, d.Bank, d.Holder, strings.Join(d.Accounts, ","))
			}
			return t.flush()
		}),
	}
}

func cardDisable() *cobra.Command {
	return &cobra.Command{
		Use: "disable MERCHANT NUMBER", Short: "Show a card to payers no longer; what arrives on it is still seen", Args: cobra.ExactArgs(2),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			id, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is not the number of a card; see `paysaga merchant card list`", args[1])
			}
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			return s.DisableDestinationCard(c.Context(), m.ID, id)
		}),
	}
}

func deviceCommand() *cobra.Command {
	c := &cobra.Command{Use: "device", Short: "The phones that forward a merchant's bank SMS"}
	c.AddCommand(deviceAdd(), deviceList(), deviceRevoke())
	return c
}

func deviceAdd() *cobra.Command {
	var label string
	c := &cobra.Command{
		Use: "add MERCHANT", Short: "Add a phone and print its id and secret; they are shown only now", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, cfg config.Config, s *store.Store) error {
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			v, err := vault.New(cfg.VaultKeys.Reveal())
			if err != nil {
				return err
			}
			id, secret := strings.ToLower(rand.Text()[:12]), rand.Text()
			if err := s.AddDevice(c.Context(), m.ID, id, label, v.SealText(m.ID, vault.DeviceSecret, secret)); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "X-Device: %s\nsecret: %s\n", id, secret)
			return nil
		}),
	}
	c.Flags().StringVar(&label, "label", "", "whose phone it is")
	return c
}

func deviceList() *cobra.Command {
	return &cobra.Command{
		Use: "list MERCHANT", Short: "List a merchant's phones", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			list, err := s.Devices(c.Context(), m.ID)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "ID", "LABEL", "CREATED (UTC)", "STATE")
			for _, d := range list {
				state := "live"
				if d.RevokedAt != nil {
					state = "revoked"
				}
				t.row(d.ID, d.Label, d.CreatedAt.UTC().Format(time.DateTime), state)
			}
			return t.flush()
		}),
	}
}

func deviceRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "End a phone's right to send", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			return s.RevokeDevice(c.Context(), args[0])
		}),
	}
}
