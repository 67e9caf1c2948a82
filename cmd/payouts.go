package cmd

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/workflows"
)

func payoutCommand() *cobra.Command {
	c := &cobra.Command{Use: "payout", Short: "Look at payouts that need a person, and resolve them"}
	c.AddCommand(payoutStuck(), payoutList(), payoutShow(), payoutResolve())
	return c
}

func payoutStuck() *cobra.Command {
	return &cobra.Command{
		Use: "stuck", Short: "List payouts that wait for a person", Args: cobra.NoArgs,
		RunE: withStore(func(c *cobra.Command, _ []string, cfg config.Config, s *store.Store) error {
			list, err := s.PayoutsNeedingAttention(c.Context())
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "UUID", "STATE", "RIAL", "PROVIDER", "CODE", "WHY", "SAGA")
			for _, p := range list {
				t.row(p.UUID, string(p.State), p.Amount.String(), p.Provider, p.Code, *p.NeedsAttention,
					sagaclient.Link(cfg.UIURL, cfg.TemporalNamespace, workflows.PayoutID(p.UUID)))
			}
			return t.flush()
		}),
	}
}

// latest is how many of a merchant's records a command lists.
const latest = 50

func payoutList() *cobra.Command {
	return &cobra.Command{
		Use: "list MERCHANT", Short: "List a merchant's latest payouts", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			list, err := s.Payouts(c.Context(), m.ID, 0, latest)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "AT (UTC)", "UUID", "ORDER", "STATE", "RIAL", "FEE", "TO")
			for _, p := range list {
				t.row(p.CreatedAt.UTC().Format(time.DateTime), p.UUID, p.OrderID, string(p.State), p.Amount.String(), p.Fee.String(), p.Destination)
			}
			return t.flush()
		}),
	}
}

func payoutShow() *cobra.Command {
	return &cobra.Command{
		Use: "show UUID", Short: "Show a payout's timeline", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, cfg config.Config, s *store.Store) error {
			id, err := payoutUUID(args[0])
			if err != nil {
				return err
			}
			p, err := s.Payout(c.Context(), id)
			if err != nil {
				return err
			}
			events, err := s.PayoutTimeline(c.Context(), p.ID)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s rial by %s through %s, %s, the bank's number %q, tracking id %q\n%s\n\n", p.Amount, p.Rail, p.Provider, p.State,
				p.ProviderID, p.TrackingID, sagaclient.Link(cfg.UIURL, cfg.TemporalNamespace, workflows.PayoutID(p.UUID)))
			t := table(c.OutOrStdout(), "AT (UTC)", "WHAT", "NOTE")
			for _, e := range events {
				t.row(e.At.UTC().Format(time.DateTime), e.Kind, e.Note)
			}
			return t.flush()
		}),
	}
}

func payoutResolve() *cobra.Command {
	var r store.PayoutResolution
	var as string
	c := &cobra.Command{
		Use:   "resolve UUID",
		Short: "Decide a payout that its bank does not, by a person's word",
		Long: "Use it only after you have seen at the bank what happened: paid spends the merchant's money, refused (the bank will\n" +
			"not, or sent it back) and unsent (it never got there) give it back. Who decided and why stays in the timeline.\n" +
			"There is no undo.",
		Example: "  paysaga payout resolve 0197a3f2-6f3e-7c11-9a44-1f1f7d0f0b11 --as paid --tracking-id 140509010042 --by 'Sara N.' --reason 'seen in the bank panel'",
		Args:    cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			id, err := payoutUUID(args[0])
			if err != nil {
				return err
			}
			r.UUID, r.As = id, state.Payout(as)
			if r.As != state.PayoutPaid && r.As != state.PayoutRefused && r.As != state.PayoutUnsent {
				return fmt.Errorf("--as is %q; it is paid, refused or unsent", as)
			}
			if err := named(r.By, r.Why); err != nil {
				return err
			}
			return s.ResolvePayout(c.Context(), r)
		}),
	}
	c.Flags().StringVar(&as, "as", "", "paid, refused or unsent")
	c.Flags().StringVar(&r.TrackingID, "tracking-id", "", "the rail's number of a paid one")
	c.Flags().StringVar(&r.By, "by", "", "who decided")
	c.Flags().StringVar(&r.Why, "reason", "", "why, for whoever reads the timeline")
	for _, name := range []string{"as", "by", "reason"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

func payoutUUID(text string) (string, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%q is not the uuid of a payout; see `paysaga payout stuck`", text)
	}
	return id.String(), nil
}
