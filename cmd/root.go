// Package cmd holds the commands of the one binary. It knows every other package.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/stack"
)

// Version is set by the build.
var Version = "dev"

// Main runs the command line and returns the exit code.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:   "paysaga",
		Short: "A self-hosted payment gateway in which every payment is a durable saga",
		Long: "paysaga takes payments for Iranian merchants. PostgreSQL holds the facts, Temporal holds the time.\n\n" +
			"Start with `paysaga up`: it runs everything on this machine and walks through a few payments.\n" +
			"Settings come from the environment; .env.example explains each.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(upCommand(), apiCommand(), workerCommand(), sandboxCommand(), migrateCommand(), demoCommand(),
		auditCommand(), replayCommand(), merchantCommand(), gatewayCommand(), keyCommand(), tokenCommand(), paymentCommand(), topUpCommand(), payoutCommand(), walletCommand(), balanceCommand(), productCommand(), smsCommand(), listenCommand(), triggerCommand(), versionCommand())
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(os.Stderr, "paysaga:", err)
	return 1
}

// exitCode ends the process after the command has said everything itself.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// load reads the settings. A command for people finds the instance that runs in PAYSAGA_HOME by
// itself, unless the environment already says which database is meant.
func load() (config.Config, error) {
	if os.Getenv("DATABASE_URL") == "" {
		home := os.Getenv("PAYSAGA_HOME")
		if home == "" {
			home = ".paysaga"
		}
		instance, err := stack.Find(home)
		if err != nil {
			return config.Config{}, err
		}
		for _, pair := range instance.Vars() {
			name, value, _ := strings.Cut(pair, "=")
			if os.Getenv(name) == "" {
				if err := os.Setenv(name, value); err != nil {
					return config.Config{}, fmt.Errorf("environment: %w", err)
				}
			}
		}
	}
	return config.Load()
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run:   func(c *cobra.Command, _ []string) { fmt.Fprintln(c.OutOrStdout(), Version) },
	}
}
