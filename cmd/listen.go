package cmd

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/listen"
)

var errOnlyDev = errors.New("it works only with PAYSAGA_ENV=dev: it uses the development merchants and the sandbox")

func listenCommand() *cobra.Command {
	var to, inbox string
	c := &cobra.Command{
		Use:   "listen",
		Short: "Print the webhooks of a running development instance, and forward them to your own machine",
		Long: "Follows an inbox of the sandbox, where the webhooks of the development merchant arrive. What comes is printed\n" +
			"with both signature verdicts and forwarded as it came: the same bytes, the same signature headers. The inbox has\n" +
			"accepted a message before you get it, so an error of your receiver is shown here and not tried again.\n\n" +
			"In another terminal, `paysaga trigger payment.collected` makes one happen.",
		Example: "  paysaga listen --forward-to http://localhost:3000/webhooks",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if to != "" {
				if err := listen.CheckTarget(to); err != nil {
					return wrap("--forward-to", err)
				}
			}
			cfg, err := load()
			if err != nil {
				return err
			}
			if !cfg.Dev() {
				return errOnlyDev
			}
			return listen.Run(c.Context(), listen.Config{SandboxURL: cfg.SandboxURL, Inbox: inbox, ForwardTo: to, Out: c.OutOrStdout()})
		},
	}
	c.Flags().StringVar(&to, "forward-to", "", "your receiver's address; without it, messages are only printed")
	c.Flags().StringVar(&inbox, "inbox", fixtures.DevInbox, "the inbox's name")
	return c
}
