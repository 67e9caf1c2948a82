package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/worker"
	"github.com/paysaga/paysaga/workflows"
)

func topUpCommand() *cobra.Command {
	c := &cobra.Command{Use: "topup", Short: "Look at top-ups that need a person, and resolve them"}
	c.AddCommand(topUpStuck(), topUpShow(), topUpResolve())
	return c
}

func topUpStuck() *cobra.Command {
	return &cobra.Command{
		Use: "stuck", Short: "List top-ups that wait for a person", Args: cobra.NoArgs,
		RunE: withStore(func(c *cobra.Command, _ []string, cfg config.Config, s *store.Store) error {
			list, err := s.TopUpsNeedingAttention(c.Context())
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "NUMBER", "STATE", "RIAL", "PROVIDER", "CODE", "WHY", "SAGA")
			for _, u := range list {
				t.row(fmt.Sprint(u.ID), string(u.State), u.Amount.String(), u.Provider, u.OperatorCode, *u.NeedsAttention,
					sagaclient.Link(cfg.UIURL, cfg.TemporalNamespace, workflows.TopUpID(u.ID)))
			}
			return t.flush()
		}),
	}
}

func topUpShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NUMBER", Short: "Show a top-up's timeline", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, cfg config.Config, s *store.Store) error {
			id, err := topUpNumber(args[0])
			if err != nil {
				return err
			}
			u, err := s.TopUp(c.Context(), id)
			if err != nil {
				return err
			}
			events, err := s.TopUpTimeline(c.Context(), id)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s rial at %s, %s, reference %q\n%s\n\n", u.Amount, u.Provider, u.State, u.Reference,
				sagaclient.Link(cfg.UIURL, cfg.TemporalNamespace, workflows.TopUpID(id)))
			t := table(c.OutOrStdout(), "AT (UTC)", "WHAT", "NOTE")
			for _, e := range events {
				t.row(e.At.UTC().Format(time.DateTime), e.Kind, e.Note)
			}
			return t.flush()
		}),
	}
}

func topUpResolve() *cobra.Command {
	var r store.TopUpResolution
	var as string
	c := &cobra.Command{
		Use:   "resolve NUMBER",
		Short: "Decide a top-up that its reseller does not, by a person's word",
		Long: "Use it only after you have seen at the reseller what happened: delivered spends the merchant's money,\n" +
			"reversed gives it back. Who decided and why stays in the timeline. There is no undo.",
		Example: "  paysaga topup resolve 17 --as delivered --by 'Sara N.' --reason 'seen in the reseller panel'",
		Args:    cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			id, err := topUpNumber(args[0])
			if err != nil {
				return err
			}
			r.TopUpID, r.As = id, state.TopUp(as)
			if r.As != state.TopUpDelivered && r.As != state.TopUpReversed {
				return fmt.Errorf("--as is %q; it is delivered or reversed", as)
			}
			if err := named(r.By, r.Why); err != nil {
				return err
			}
			return s.ResolveTopUp(c.Context(), r)
		}),
	}
	c.Flags().StringVar(&as, "as", "", "delivered or reversed")
	c.Flags().StringVar(&r.By, "by", "", "who decided")
	c.Flags().StringVar(&r.Why, "reason", "", "why, for whoever reads the timeline")
	for _, name := range []string{"as", "by", "reason"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

// named refuses a person's word without the person or the reason.
func named(by, reason string) error {
	if strings.TrimSpace(by) == "" || strings.TrimSpace(reason) == "" {
		return errors.New("--by and --reason must not be empty")
	}
	return nil
}

func topUpNumber(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not the number of a top-up; see `paysaga topup stuck`", text)
	}
	return id, nil
}

func balanceCommand() *cobra.Command {
	c := &cobra.Command{Use: "balance", Short: "Merchants' prepaid balances"}
	c.AddCommand(balanceShow(), balanceCredit())
	return c
}

func balanceShow() *cobra.Command {
	return &cobra.Command{
		Use: "show MERCHANT", Short: "Show what a merchant may spend", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			b, err := s.Balance(c.Context(), m.ID)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s rial, and %s held for top-ups and payouts\n", b.Available, b.Held)
			return nil
		}),
	}
}

func balanceCredit() *cobra.Command {
	var amount int64
	var by, reason string
	c := &cobra.Command{
		Use: "credit MERCHANT", Short: "Add money that a merchant paid in by another way", Args: cobra.ExactArgs(1),
		Example: "  paysaga balance credit bakery --amount 50000000 --by 'Sara N.' --reason 'transfer 140509010042'",
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			if amount <= 0 || money.Rial(amount) > money.Max {
				return errors.New("--amount is a whole number of rial above zero")
			}
			if err := named(by, reason); err != nil {
				return err
			}
			return s.CreditBalance(c.Context(), args[0], money.Rial(amount), by, reason)
		}),
	}
	c.Flags().Int64Var(&amount, "amount", 0, "rial")
	c.Flags().StringVar(&by, "by", "", "who saw the money")
	c.Flags().StringVar(&reason, "reason", "", "where it came from")
	for _, name := range []string{"amount", "by", "reason"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

func productCommand() *cobra.Command {
	c := &cobra.Command{Use: "product", Short: "The products of the top-up API"}
	c.AddCommand(productLoad(), productRefresh(), carrierSwitch())
	return c
}

func productLoad() *cobra.Command {
	return &cobra.Command{
		Use: "load", Short: "Create or change products; a JSON list is read from standard input", Args: cobra.NoArgs,
		Long: "Each product has id, provider, operator_id, type, sim_card_type, name, price (rial), order, active, and optionally\n" +
			"second_price (upper end of a range), profile_id (the carrier's package code), name_en, description, capacity, period.",
		Example: "  paysaga product load < products.json",
		RunE: withStore(func(c *cobra.Command, _ []string, _ config.Config, s *store.Store) error {
			d := json.NewDecoder(io.LimitReader(c.InOrStdin(), 16<<20))
			d.DisallowUnknownFields()
			var list []store.Product
			if err := d.Decode(&list); err != nil {
				return fmt.Errorf("read products: %w", err)
			}
			for _, p := range list {
				if err := s.PutProduct(c.Context(), p); err != nil {
					return fmt.Errorf("product %d: %w", p.ID, err)
				}
			}
			fmt.Fprintf(c.OutOrStdout(), "%d products\n", len(list))
			return nil
		}),
	}
}

func productRefresh() *cobra.Command {
	return &cobra.Command{
		Use: "refresh RESELLER", Short: "Refresh products from a reseller's catalogue now; a worker does it", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := load()
			if err != nil {
				return err
			}
			temporal, err := openTemporal(cfg, slog.New(slog.DiscardHandler), nil)
			if err != nil {
				return err
			}
			defer temporal.Close()
			return worker.RefreshNow(c.Context(), temporal, args[0])
		},
	}
}

func carrierSwitch() *cobra.Command {
	var off bool
	c := &cobra.Command{
		Use: "carrier NUMBER", Short: "Sell a carrier's products, or stop: 1 MCI, 2 Irancell, 3 Rightel, 4 Aptel, 5 Shatel", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			id, err := strconv.Atoi(args[0])
			if err != nil {
				return fmt.Errorf("%q is not the number of a carrier", args[0])
			}
			return s.SetCarrierActive(c.Context(), id, !off)
		}),
	}
	c.Flags().BoolVar(&off, "off", false, "stop")
	return c
}
