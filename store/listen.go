package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Listen calls wake whenever another process says that the outbox has work, until ctx ends or the
// connection breaks. Polling covers the time without a listener.
func Listen(ctx context.Context, url string, wake func()) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+OutboxChannel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		wake()
	}
}
