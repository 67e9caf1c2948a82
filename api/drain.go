package api

import (
	"io"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	mostDrained  = 4 << 20 // bytes
	drainTime    = 2 * time.Second
	drainSilence = 20 * time.Millisecond
)

// drain reads on what is too large to be looked at. The connection is closed after the answer, and closing one that
// still has something to read resets it: the caller, who is still sending, would see that and not the answer.
func drain(c *fiber.Ctx, p *problem) {
	conn := c.Context().Conn()
	if p.status != http.StatusRequestEntityTooLarge || conn == nil {
		return
	}
	// Some of the body has been read into the buffer already, we do not know how much.
	rest := c.Request().Header.ContentLength() - readHeaderSize
	if err := conn.SetReadDeadline(time.Now().Add(drainTime)); err != nil {
		return
	}
	if rest > 0 {
		if _, err := io.CopyN(io.Discard, conn, int64(min(rest, mostDrained))); err != nil {
			return
		}
	}
	buffer := make([]byte, 4<<10)
	for range 16 {
		if err := conn.SetReadDeadline(time.Now().Add(drainSilence)); err != nil {
			return
		}
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}
