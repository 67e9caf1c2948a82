package cmd

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/workflows"
)

func paymentCommand() *cobra.Command {
	c := &cobra.Command{Use: "payment", Short: "Look at payments that need a person, and resolve them"}
	c.AddCommand(paymentStuck(), paymentShow(), paymentResolve())
	return c
}

func paymentStuck() *cobra.Command {
	return &cobra.Command{
		Use: "stuck", Short: "List payments that wait for a person", Args: cobra.NoArgs,
		RunE: withStore(func(c *cobra.Command, _ []string, cfg config.Config, s *store.Store) error {
			list, err := s.PaymentsNeedingAttention(c.Context())
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "TOKEN", "STATE", "RIAL", "WHY", "SAGA")
			for _, p := range list {
				t.row(p.Token, string(p.State), p.Total().String(), *p.NeedsAttention,
					sagaclient.Link(cfg.UIURL, cfg.TemporalNamespace, workflows.PaymentID(p.Token)))
			}
			return t.flush()
		}),
	}
}

func paymentShow() *cobra.Command {
	return &cobra.Command{
		Use: "show TOKEN", Short: "Show a payment's timeline", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, cfg config.Config, s *store.Store) error {
			p, err := s.PaymentByToken(c.Context(), args[0])
			if err != nil {
				return err
			}
			events, err := s.Timeline(c.Context(), p.ID)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s rial, %s\n%s\n\n", p.Total(), p.State,
				sagaclient.Link(cfg.UIURL, cfg.TemporalNamespace, workflows.PaymentID(p.Token)))
			t := table(c.OutOrStdout(), "AT (UTC)", "ATTEMPT", "WHAT", "NOTE")
			for _, e := range events {
				attempt := ""
				if e.AttemptID != nil {
					attempt = fmt.Sprint(*e.AttemptID)
				}
				t.row(e.At.UTC().Format(time.DateTime), attempt, e.Kind, e.Note)
			}
			return t.flush()
		}),
	}
}

func paymentResolve() *cobra.Command {
	var r store.Resolution
	var as string
	c := &cobra.Command{
		Use:   "resolve TOKEN",
		Short: "End an attempt that its bank does not confirm, by a person's word",
		Long: "Use it only after you have seen at the bank what happened. The word is booked as if the bank had given\n" +
			"it, the saga goes on, and who decided and why stays in the timeline.",
		Example: "  paysaga payment resolve AsF42Sg53 --attempt 7 --as refunded --by 'Sara N.' --reason 'seen in the bank panel'",
		Args:    cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			r.Token, r.As = args[0], state.Attempt(as)
			return s.ResolveAttempt(c.Context(), r)
		}),
	}
	c.Flags().Int64Var(&r.AttemptID, "attempt", 0, "number of the attempt")
	c.Flags().StringVar(&as, "as", "", "settled, refunded or failed")
	c.Flags().StringVar(&r.By, "by", "", "who decided")
	c.Flags().StringVar(&r.Reason, "reason", "", "why, for whoever reads the timeline")
	for _, name := range []string{"attempt", "as", "by", "reason"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}
