package cmd

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/workflows"
)

func walletCommand() *cobra.Command {
	c := &cobra.Command{Use: "wallet", Short: "Look at static wallets and what arrived on them"}
	c.AddCommand(walletStuck(), walletList(), walletShow())
	return c
}

func walletStuck() *cobra.Command {
	return &cobra.Command{
		Use: "stuck", Short: "List wallets that wait for a person", Args: cobra.NoArgs,
		RunE: withStore(func(c *cobra.Command, _ []string, cfg config.Config, s *store.Store) error {
			list, err := s.WalletsNeedingAttention(c.Context())
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "UUID", "STATE", "PROVIDER", "IBAN", "WHY", "SAGA")
			for _, w := range list {
				t.row(w.UUID, string(w.State), w.Provider, address(w), *w.NeedsAttention, sagaclient.Link(cfg.UIURL, cfg.TemporalNamespace, workflows.WalletID(w.UUID)))
			}
			return t.flush()
		}),
	}
}

func walletList() *cobra.Command {
	return &cobra.Command{
		Use: "list MERCHANT", Short: "List a merchant's latest wallets", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			list, err := s.Wallets(c.Context(), m.ID, 0, latest)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "AT (UTC)", "UUID", "ORDER", "STATE", "IBAN")
			for _, w := range list {
				t.row(w.CreatedAt.UTC().Format(time.DateTime), w.UUID, w.OrderID, string(w.State), address(w))
			}
			return t.flush()
		}),
	}
}

func walletShow() *cobra.Command {
	return &cobra.Command{
		Use: "show UUID", Short: "Show a wallet and its latest deposits", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, cfg config.Config, s *store.Store) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return fmt.Errorf("%q is not the uuid of a wallet; see `paysaga wallet list MERCHANT`", args[0])
			}
			w, err := s.WalletByUUID(c.Context(), id.String())
			if err != nil {
				return err
			}
			deposits, err := s.WalletDeposits(c.Context(), w.ID, latest)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s at %s, %s, booked up to the bank's deposit %q\n", address(w), w.Provider, w.State, w.Seen)
			if w.Why != "" {
				fmt.Fprintln(c.OutOrStdout(), w.Why)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s\n\n", sagaclient.Link(cfg.UIURL, cfg.TemporalNamespace, workflows.WalletID(w.UUID)))
			t := table(c.OutOrStdout(), "AT (UTC)", "RIAL", "FROM", "TRACKING ID", "UUID")
			for _, d := range deposits {
				t.row(d.At.UTC().Format(time.DateTime), d.Amount.String(), d.Payer, d.TrackingID, d.UUID)
			}
			return t.flush()
		}),
	}
}

// address is a wallet's account, in words while it has none.
func address(w store.Wallet) string {
	if w.Address == nil {
		return "no account yet"
	}
	return *w.Address
}
