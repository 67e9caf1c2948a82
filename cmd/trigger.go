package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/demo"
)

func triggerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "trigger [EVENT]",
		Short: "Make something happen in a running development instance, with the webhooks that tell of it",
		Long: "Plays merchant, payer and bank over the public API and the sandbox until the event has happened, and prints\n" +
			"every call. Without an event it lists them. `paysaga listen` shows the webhooks.",
		Example: "  paysaga trigger payment.collected",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				t := table(c.OutOrStdout(), "EVENT", "MERCHANT", "WHAT HAPPENS")
				for _, e := range demo.Events() {
					t.row(e.Name, e.Merchant, e.About)
				}
				return t.flush()
			}
			cfg, err := load()
			if err != nil {
				return err
			}
			if !cfg.Dev() {
				return errOnlyDev
			}
			token, err := devToken(cfg)
			if err != nil {
				return err
			}
			err = demo.Trigger(c.Context(), demo.Config{
				APIURL: cfg.APIURL, SandboxURL: cfg.SandboxURL, UIURL: cfg.UIURL, Namespace: cfg.TemporalNamespace, BranchToken: token, Out: c.OutOrStdout(),
			}, args[0])
			if err != nil {
				return fmt.Errorf("trigger %s: %w", args[0], err)
			}
			return nil
		},
	}
}
