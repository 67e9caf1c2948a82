package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/outbound"
	"github.com/paysaga/paysaga/store"
)

func merchantCommand() *cobra.Command {
	c := &cobra.Command{Use: "merchant", Short: "Create and change merchants, their branches and destination cards"}
	c.AddCommand(merchantList(), merchantPut(), merchantSwitch("disable", true), merchantSwitch("enable", false), branchAdd(), cardCommand(), deviceCommand())
	return c
}

func merchantList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List merchants", Args: cobra.NoArgs,
		RunE: withStore(func(c *cobra.Command, _ []string, _ config.Config, s *store.Store) error {
			merchants, err := s.Merchants(c.Context())
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "ID", "NAME", "COLLECT WITHIN", "GATEWAYS", "STATE")
			for _, m := range merchants {
				state := "enabled"
				if !m.Enabled() {
					state = "disabled"
				}
				t.row(m.PublicID, m.DisplayName, m.CollectWindow.Duration().String(), strings.Join(m.Gateways, ","), state)
			}
			return t.flush()
		}),
	}
}

// What the table of merchants accepts, said before it refuses.
var merchantID = regexp.MustCompile(`^[A-Za-z0-9_-]{3,40}$`)

const mostToCollect = 20 * time.Minute

func merchantPut() *cobra.Command {
	var m store.Merchant
	var window, transferWindow, smsDelay, patience time.Duration
	var step, delta int64
	var gateways string
	c := &cobra.Command{
		Use:   "put ID",
		Short: "Create a merchant, or change the one with this id",
		Example: "  paysaga merchant put bakery --name 'نانوایی سنگک' --gateways asanpardakht,zarinpal\n" +
			"  paysaga key create bakery",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case !merchantID.MatchString(args[0]):
				return fmt.Errorf("%q: an ID has 3 to 40 letters, digits, - or _", args[0])
			case window <= 0 || window > mostToCollect:
				return fmt.Errorf("--collect-within is %s; it must be more than 0 and at most %s", window, mostToCollect)
			case transferWindow < 0 || smsDelay < 0 || patience < 0 || step < 0 || delta < 0:
				return errors.New("card-to-card settings cannot be negative")
			}
			cfg, s, done, err := openStore(c.Context())
			if err != nil {
				return err
			}
			defer done()
			m.PublicID, m.CollectWindow, m.Gateways = args[0], store.Seconds(window.Seconds()), nameList(gateways)
			if err := knownBanks(cfg, m.Gateways); err != nil {
				return err
			}
			if m.ImageURL != "" {
				if m.ImageURL, err = outbound.CheckURL(m.ImageURL, cfg.Dev()); err != nil {
					return fmt.Errorf("--image: %w", err)
				}
			}
			m.TransferWindow, m.SMSDelay = store.Seconds(transferWindow.Seconds()), store.Seconds(smsDelay.Seconds())
			m.AmountStep, m.AmountDelta, m.DepositPatience = money.Rial(step), money.Rial(delta), store.Seconds(patience.Seconds())
			if _, err := s.PutMerchant(c.Context(), m); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "merchant", m.PublicID)
			return nil
		},
	}
	c.Flags().StringVar(&m.DisplayName, "name", "", "name shown to payers")
	c.Flags().StringVar(&m.BizName, "biz-name", "", "registered business name")
	c.Flags().StringVar(&m.ImageURL, "image", "", "address of the merchant's image: PNG, JPEG or WebP, at most 256 KiB; fetched and kept by the API")
	c.Flags().StringVar(&m.ReturnURL, "return-url", "", "page payers go back to; ?token=… is added")
	c.Flags().DurationVar(&window, "collect-within", mostToCollect, "time from creation in which a paid payment must be collected, at most 20m")
	c.Flags().StringVar(&gateways, "gateways", "", "banks offered to payers, in this order, comma-separated")
	c.Flags().DurationVar(&transferWindow, "transfer-within", 0, "time a payer has for a card-to-card transfer (default 15m)")
	c.Flags().DurationVar(&smsDelay, "sms-delay", 0, "how late a bank's SMS may come: a transfer's amount stays reserved so much longer (default 1h)")
	c.Flags().Int64Var(&step, "amount-step", 0, "rial between unique amounts; 10 can be paid in every banking app (default 10)")
	c.Flags().Int64Var(&delta, "amount-delta", 0, "most rial that a unique amount may add to a price (default 5000)")
	c.Flags().DurationVar(&patience, "deposit-patience", 0, "how long a deposit without an owner may wait for a person (default 24h)")
	_ = c.MarkFlagRequired("gateways")
	return c
}

func merchantSwitch(verb string, disabled bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID", Short: strings.ToUpper(verb[:1]) + verb[1:] + " new payments of a merchant; running ones go on", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			return s.SetMerchantDisabled(c.Context(), args[0], disabled)
		}),
	}
}

func branchAdd() *cobra.Command {
	var id int64
	var name string
	c := &cobra.Command{
		Use: "branch MERCHANT", Short: "Give a merchant a branch", Example: "  paysaga merchant branch bakery --id 31 --name 'شعبهٔ مرکزی'",
		Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			return s.AddBranch(c.Context(), args[0], id, name)
		}),
	}
	c.Flags().Int64Var(&id, "id", 0, "number of the branch, as it stands in its tokens")
	c.Flags().StringVar(&name, "name", "", "name of the branch")
	_ = c.MarkFlagRequired("id")
	return c
}

func keyCommand() *cobra.Command {
	c := &cobra.Command{Use: "key", Short: "Create, list and revoke API keys; make signing keys"}
	c.AddCommand(keyCreate(), keyList(), keyRevoke(), keySigning())
	return c
}

func keyCreate() *cobra.Command {
	var label string
	var operator, sms bool
	c := &cobra.Command{
		Use: "create MERCHANT", Short: "Make an API key and print it; it is shown only now", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			scopes := []string{auth.ScopeMerchant}
			switch {
			case sms && operator:
				return errors.New("--sms and --operator exclude each other")
			case sms:
				scopes = []string{auth.ScopeSMS}
			case operator:
				scopes = append(scopes, auth.ScopeOperator)
			}
			key := store.NewKey()
			if err := s.PutKey(c.Context(), args[0], key, label, scopes); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), key)
			return nil
		}),
	}
	c.Flags().StringVar(&label, "label", "", "what the key is for")
	c.Flags().BoolVar(&sms, "sms", false, "the key can forward bank SMS and nothing else: for a phone")
	c.Flags().BoolVar(&operator, "operator", false, "the key's holder also sees saga links and may resolve what needs a person")
	return c
}

func keyList() *cobra.Command {
	return &cobra.Command{
		Use: "list MERCHANT", Short: "List a merchant's keys", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			keys, err := s.Keys(c.Context(), args[0])
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "NUMBER", "ENDS IN", "LABEL", "SCOPES", "CREATED (UTC)", "STATE")
			for _, k := range keys {
				state := "live"
				if k.RevokedAt != nil {
					state = "revoked"
				}
				t.row(fmt.Sprint(k.ID), k.Hint, k.Label, strings.Join(k.Scopes, ","), k.CreatedAt.UTC().Format(time.DateTime), state)
			}
			return t.flush()
		}),
	}
}

func keyRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke NUMBER", Short: "End a key; it is dead within a second", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var id int64
			if _, err := fmt.Sscan(args[0], &id); err != nil {
				return fmt.Errorf("%q is not the number of a key; see `paysaga key list`", args[0])
			}
			_, s, done, err := openStore(c.Context())
			if err != nil {
				return err
			}
			defer done()
			return s.RevokeKey(c.Context(), id)
		},
	}
}

func tokenCommand() *cobra.Command {
	var branch int64
	var merchant string
	var life time.Duration
	c := &cobra.Command{
		Use: "token", Short: "Print a token that speaks for one branch, or for all of a merchant's", Args: cobra.NoArgs,
		Example: "  paysaga token --branch 31\n  paysaga token --merchant bakery",
		RunE: withStore(func(c *cobra.Command, _ []string, cfg config.Config, s *store.Store) error {
			a, err := authenticator(cfg, s)
			if err != nil {
				return err
			}
			token, err := issueToken(c.Context(), a, s, branch, merchant, life)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), token)
			return nil
		}),
	}
	c.Flags().Int64Var(&branch, "branch", 0, "number of the branch")
	c.Flags().StringVar(&merchant, "merchant", "", "the merchant whose admin gets the token")
	c.Flags().DurationVar(&life, "for", 24*time.Hour, "how long the token lives")
	c.MarkFlagsOneRequired("branch", "merchant")
	c.MarkFlagsMutuallyExclusive("branch", "merchant")
	return c
}

func issueToken(ctx context.Context, a *auth.Authenticator, s *store.Store, branch int64, merchant string, life time.Duration) (string, error) {
	if merchant != "" {
		if _, err := s.Merchant(ctx, merchant); err != nil {
			return "", err
		}
		return a.IssueAdminToken(merchant, life)
	}
	if _, err := s.BranchMerchant(ctx, branch); err != nil {
		return "", err
	}
	return a.IssueToken(branch, life)
}

// tablePrinter writes aligned columns.
type tablePrinter struct{ w *tabwriter.Writer }

func table(out io.Writer, columns ...string) *tablePrinter {
	t := &tablePrinter{tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)}
	t.row(columns...)
	return t
}

func (t *tablePrinter) row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")) }
func (t *tablePrinter) flush() error        { return t.w.Flush() }
