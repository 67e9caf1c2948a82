package cmd

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

func keySigning() *cobra.Command {
	var kind string
	var keepOld time.Duration
	var endOld bool
	c := &cobra.Command{
		Use: "signing MERCHANT", Args: cobra.ExactArgs(1),
		Short: "Make a signing key and print it, shown only now; without --kind list them",
		Long: "Signing keys sign a merchant's requests under /v1 and the webhooks to it: one for payments and wallets, one for payouts.\n" +
			"Making another replaces the one before: webhooks are signed with the new one at once, requests may be signed\n" +
			"with the old one for --keep-old more.",
		Example: "  paysaga key signing bakery --kind payment\n  paysaga key signing bakery --kind payment --end-old",
		RunE: withStore(func(c *cobra.Command, args []string, cfg config.Config, s *store.Store) error {
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			k := store.SigningKind(kind)
			switch {
			case kind == "" && (endOld || c.Flags().Changed("keep-old")):
				return errors.New("say which key: --kind payment or --kind payout")
			case kind == "":
				return listSigningKeys(c, s, m)
			case k != store.PaymentKey && k != store.PayoutKey:
				return fmt.Errorf("--kind is %q; it is payment or payout", kind)
			case keepOld < 0:
				return errors.New("--keep-old cannot be negative")
			case endOld:
				return s.EndReplacedKeys(c.Context(), m.ID, k)
			}
			v, err := vault.New(cfg.VaultKeys.Reveal())
			if err != nil {
				return err
			}
			key := store.NewSigningKey()
			if err := s.RotateSigningKey(c.Context(), v, m.ID, k, key, keepOld); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "merchant: %s\n%s key: %s\n", m.UUID, kind, key)
			return nil
		}),
	}
	c.Flags().StringVar(&kind, "kind", "", "payment (also wallets) or payout")
	c.Flags().DurationVar(&keepOld, "keep-old", 24*time.Hour, "how long requests may still be signed with the key before; 0 ends it")
	c.Flags().BoolVar(&endOld, "end-old", false, "make no key; let no request be signed any more with the ones before")
	c.MarkFlagsMutuallyExclusive("keep-old", "end-old")
	return c
}

func listSigningKeys(c *cobra.Command, s *store.Store, m store.Merchant) error {
	keys, err := s.SigningKeys(c.Context(), m.ID)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.OutOrStdout(), "merchant:", m.UUID)
	t := table(c.OutOrStdout(), "KIND", "ENDS IN", "CREATED (UTC)", "STATE")
	for _, k := range keys {
		state := "live"
		switch {
		case k.EndsAt != nil && time.Now().Before(*k.EndsAt):
			state = "replaced, good until " + k.EndsAt.UTC().Format(time.DateTime)
		case k.EndsAt != nil:
			state = "ended"
		}
		t.row(string(k.Kind), k.Hint, k.CreatedAt.UTC().Format(time.DateTime), state)
	}
	return t.flush()
}
