package cmd

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/audit"
)

func auditCommand() *cobra.Command {
	var grace time.Duration
	c := &cobra.Command{
		Use:   "audit",
		Short: "Check that the books are true; exit code 1 if not",
		Long: "Checks the ledger, the rows, the sandbox bank's own book (in development) and the sagas' results against\n" +
			"each other. Reads only. Safe to run at any time; work in progress may be as old as --grace.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, s, done, err := openStore(c.Context())
			if err != nil {
				return err
			}
			defer done()
			about := audit.Config{Store: s, Grace: grace, Namespace: cfg.TemporalNamespace}
			if cfg.Dev() {
				about.SandboxURL, about.Resellers = cfg.SandboxURL, []string{simulated}
				about.PayoutBanks, about.WalletBanks = []string{simulated}, []string{simulated}
				registry, err := banks(cfg)
				if err != nil {
					return err
				}
				about.Gateways = registry.Names()
			}
			if cfg.TemporalAddress != "" {
				temporal, err := openTemporal(cfg, slog.New(slog.DiscardHandler), nil)
				if err != nil {
					return err
				}
				defer temporal.Close()
				about.Temporal = temporal
			}
			report, err := audit.Run(c.Context(), about)
			if err != nil {
				return err
			}
			for _, b := range report.Breaches {
				fmt.Fprintf(c.OutOrStdout(), "BREACH  %s: %s\n", b.Invariant, b.Subject)
			}
			fmt.Fprintf(c.OutOrStdout(), "%d invariants checked, %d breaches\n", report.Checks, len(report.Breaches))
			if len(report.Breaches) > 0 {
				return exitCode(1)
			}
			return nil
		},
	}
	c.Flags().DurationVar(&grace, "grace", 20*time.Minute, "how old work in progress may be")
	return c
}
