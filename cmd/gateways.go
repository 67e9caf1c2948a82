package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/accounts"
	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

func gatewayCommand() *cobra.Command {
	c := &cobra.Command{Use: "gateway", Short: "Merchants' accounts at banks: what they sign in with"}
	c.AddCommand(gatewayBanks(), gatewayPut(), gatewayList(), gatewayRetire(), gatewayTest())
	return c
}

func gatewayBanks() *cobra.Command {
	return &cobra.Command{
		Use: "banks", Short: "List the banks of this installation and the credentials each asks for; [optional ones]", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load()
			if err != nil {
				return err
			}
			registry, err := banks(cfg)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "NAME", "PAYERS GO TO", "CREDENTIALS")
			for _, name := range registry.Names() {
				t.row(name, registry[name].Origin(), fieldNames(registry[name].Fields()))
			}
			return t.flush()
		},
	}
}

func fieldNames(fields []gateways.Field) string {
	if len(fields) == 0 {
		return "none"
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
		if f.Optional {
			names[i] = "[" + f.Name + "]"
		}
	}
	return strings.Join(names, ", ")
}

// onlyNames refuses credentials on the command line.
func onlyNames(c *cobra.Command, args []string) error {
	if len(args) > 2 {
		return errors.New("credentials are never arguments, which everybody on this machine can read: use --from, or be asked for them")
	}
	return cobra.ExactArgs(2)(c, args)
}

func gatewayPut() *cobra.Command {
	var from string
	var sameTerminal bool
	c := &cobra.Command{
		Use:   "put MERCHANT BANK",
		Short: "Give a merchant an account at a bank, or replace the one it has",
		Long: "Reads the credentials from a file of JSON (--from account.json, or --from - for standard input), or asks for\n" +
			"them. `paysaga gateway banks` names what each bank wants. They are stored encrypted and never shown again.\n\n" +
			"New sessions use the new account at once. What is under way is settled and returned with the one it was\n" +
			"begun with, unless --same-terminal says that only the password is new.",
		Example: "  paysaga gateway put bakery zibal --from zibal.json   # {\"merchant\": \"…\"}\n" +
			"  paysaga gateway put bakery zibal                     # asks\n" +
			"  paysaga gateway test bakery zibal",
		Args: onlyNames,
		RunE: withAccounts(func(c *cobra.Command, m store.Merchant, bank gateways.Bank, book accounts.Book) error {
			if len(bank.Fields()) == 0 {
				return fmt.Errorf("%s asks for no credentials; there is nothing to put", bank.Name())
			}
			credentials, err := readCredentials(c, from, bank.Fields())
			if err != nil {
				return err
			}
			account, err := book.Put(c.Context(), m.ID, bank, credentials, sameTerminal)
			if sameTerminal && errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("%s has had no account at %s yet; leave --same-terminal out", m.PublicID, bank.Name())
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "account %d of %s at %s; `paysaga gateway test %s %s` tries it\n", account.ID, m.PublicID, bank.Name(), m.PublicID, bank.Name())
			if !slices.Contains(m.Gateways, bank.Name()) {
				fmt.Fprintf(c.OutOrStdout(), "payers are not offered %s yet: it is not among the merchant's gateways (%s)\n", bank.Name(), strings.Join(m.Gateways, ","))
			}
			return nil
		}),
	}
	c.Flags().StringVar(&from, "from", "", "file with the credentials as JSON, or - for standard input")
	c.Flags().BoolVar(&sameTerminal, "same-terminal", false, "a new password of the same terminal: what is under way goes on with it too")
	return c
}

func gatewayList() *cobra.Command {
	return &cobra.Command{
		Use: "list MERCHANT", Short: "List a merchant's accounts at banks, never what is in them", Args: cobra.ExactArgs(1),
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			list, err := s.GatewayAccounts(c.Context(), m.ID)
			if err != nil {
				return err
			}
			t := table(c.OutOrStdout(), "NUMBER", "BANK", "SINCE (UTC)", "STATE")
			for _, g := range list {
				state := "live"
				if g.RetiredAt != nil {
					state = "retired " + g.RetiredAt.UTC().Format(time.DateTime)
				}
				t.row(fmt.Sprint(g.ID), g.Gateway, g.CreatedAt.UTC().Format(time.DateTime), state)
			}
			return t.flush()
		}),
	}
}

func gatewayRetire() *cobra.Command {
	return &cobra.Command{
		Use: "retire MERCHANT BANK", Short: "Open no new sessions with a merchant's account; what is under way goes on with it", Args: onlyNames,
		RunE: withStore(func(c *cobra.Command, args []string, _ config.Config, s *store.Store) error {
			m, err := s.Merchant(c.Context(), args[0])
			if err != nil {
				return err
			}
			return s.RetireGatewayAccount(c.Context(), m.ID, args[1]) // also of a bank that this binary no longer knows
		}),
	}
}

// checkTime is how long a bank may take to answer a test.
const checkTime = 15 * time.Second

func gatewayTest() *cobra.Command {
	return &cobra.Command{
		Use: "test MERCHANT BANK", Short: "Ask a bank whether it takes a merchant's credentials; no money moves", Args: onlyNames,
		Long: "Opens the merchant's account and asks the bank something that needs its credentials and changes nothing. Run it\n" +
			"from where the API and the worker run: banks also look at the address a call comes from. Exit code 1 unless the\n" +
			"bank took them.",
		RunE: withAccounts(func(c *cobra.Command, m store.Merchant, bank gateways.Bank, book accounts.Book) error {
			ctx, cancel := context.WithTimeout(c.Context(), checkTime)
			defer cancel()
			gateway, err := book.Live(ctx, m.ID, bank)
			switch {
			case errors.Is(err, accounts.ErrNone):
				return fmt.Errorf("%s has no account at %s; `paysaga gateway put` adds one", m.PublicID, bank.Name())
			case err != nil:
				return fmt.Errorf("the account does not open: %w", err)
			}
			if !sayChecked(c.OutOrStdout(), bank.Name(), gateway.Check(ctx)) {
				return exitCode(1)
			}
			return nil
		}),
	}
}

// sayChecked says what a test found, and whether the credentials work.
func sayChecked(out io.Writer, bank string, err error) bool {
	var refused *gateways.Refused
	switch {
	case err == nil:
		fmt.Fprintf(out, "ok: the account opens, %s answers and takes the credentials; no money moved\n", bank)
		return true
	case errors.As(err, &refused):
		fmt.Fprintf(out, "REFUSED: the account opens and %s answers, but it does not take the credentials or this machine's address:\n  %s (code %s)\n",
			bank, refused.Why, refused.Code)
	case gateways.Classify(err) == gateways.ClassUnavailable:
		fmt.Fprintf(out, "NOT ASKED: the account opens, but %s could not be asked; this says nothing of the credentials:\n  %s\n", bank, err)
	default:
		fmt.Fprintf(out, "UNCLEAR: the account opens, but the answer of %s decides nothing:\n  %s\n", bank, err)
	}
	return false
}

// withAccounts is a command about a merchant's account at a bank.
func withAccounts(run func(*cobra.Command, store.Merchant, gateways.Bank, accounts.Book) error) func(*cobra.Command, []string) error {
	return withStore(func(c *cobra.Command, args []string, cfg config.Config, s *store.Store) error {
		bank, err := bankNamed(cfg, args[1])
		if err != nil {
			return err
		}
		m, err := s.Merchant(c.Context(), args[0])
		if err != nil {
			return err
		}
		v, err := vault.New(cfg.VaultKeys.Reveal())
		if err != nil {
			return err
		}
		return run(c, m, bank, accounts.Book{Store: s, Vault: v})
	})
}

// readCredentials reads them from a file or asks for them.
func readCredentials(c *cobra.Command, from string, fields []gateways.Field) (gateways.Credentials, error) {
	in, typed := c.InOrStdin(), false
	switch from {
	case "":
		terminal, done, err := openTerminal(in, c.ErrOrStderr())
		if err != nil {
			return nil, err
		}
		defer done()
		return askCredentials(terminal, fields)
	case "-":
		typed = true
	}
	if !typed {
		file, err := os.Open(from)
		if err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.Mode().Perm()&0o077 != 0 {
			fmt.Fprintf(c.ErrOrStderr(), "warning: others on this machine can read %s; chmod 600 it, and delete it when it is no longer needed\n", from)
		}
		in = file
	}
	return parseCredentials(in)
}
