package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	_ "time/tzdata" // a bare machine has no zone data

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/banksms"
	"github.com/paysaga/paysaga/money"
)

func smsCommand() *cobra.Command {
	c := &cobra.Command{Use: "sms", Short: "Look into bank text messages"}
	c.AddCommand(smsParse())
	return c
}

func smsParse() *cobra.Command {
	return &cobra.Command{
		Use: "parse", Short: "Read bank text messages, one JSON object a line, and print what they say", Args: cobra.NoArgs,
		Long: `Reads lines like {"sender":"Bank Mellat","text":"…"} from standard input and prints one JSON object for each.
Without a sender the layout alone decides. "received_at" (RFC 3339, default now) completes dates without a year.
A line that cannot be read is answered with {"error":"…"}, and the exit code is 1 at the end.`,
		RunE: func(c *cobra.Command, _ []string) error {
			failed, err := parseLines(c.InOrStdin(), c.OutOrStdout(), time.Now())
			if err != nil {
				return err
			}
			if failed {
				return exitCode(1)
			}
			return nil
		},
	}
}

// maxSMSLine is the longest line read, in bytes.
const maxSMSLine = 1 << 20

type smsLine struct {
	Sender     string    `json:"sender"`
	Text       *string   `json:"text"`
	ReceivedAt time.Time `json:"received_at"`
}

type smsReading struct {
	Bank       string       `json:"bank"`
	Type       banksms.Type `json:"type"`
	AmountRial *money.Rial  `json:"amount_rial"`
	Account    *string      `json:"account"`
	PayerCard  *string      `json:"payer_card"`
	Balance    *money.Rial  `json:"balance"`
	At         *string      `json:"at"`
	Settles    bool         `json:"settles"`
}

// parseLines answers each line of in with one on out. failed says that some lines could not be read.
func parseLines(in io.Reader, out io.Writer, now time.Time) (failed bool, err error) {
	lines := bufio.NewReaderSize(in, maxSMSLine)
	w := bufio.NewWriter(out)
	answers := json.NewEncoder(w)
	answers.SetEscapeHTML(false)
	for {
		line, tooLong, err := readLine(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return failed, fmt.Errorf("standard input: %w", err)
		}
		done := errors.Is(err, io.EOF)
		if tooLong || len(bytes.TrimSpace(line)) > 0 {
			reading, err := parseSMS(line, tooLong, now)
			var answer any = reading
			if err != nil {
				failed, answer = true, map[string]string{"error": err.Error()}
			}
			if err := answers.Encode(answer); err != nil {
				return failed, fmt.Errorf("standard output: %w", err)
			}
			// Whoever feeds line by line gets an answer to each.
			if lines.Buffered() == 0 {
				if err := w.Flush(); err != nil {
					return failed, fmt.Errorf("standard output: %w", err)
				}
			}
		}
		if done {
			if err := w.Flush(); err != nil {
				return failed, fmt.Errorf("standard output: %w", err)
			}
			return failed, nil
		}
	}
}

// readLine reads up to the next line break, without it. Of a line that is too long nothing is kept.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			tooLong = true
			continue
		}
		if n := len(part); n > 0 && part[n-1] == '\n' {
			part = part[:n-1]
		}
		return part, tooLong, err
	}
}

func parseSMS(line []byte, tooLong bool, now time.Time) (smsReading, error) {
	if tooLong {
		return smsReading{}, fmt.Errorf("line is longer than %d bytes", maxSMSLine)
	}
	in := smsLine{ReceivedAt: now}
	if err := json.Unmarshal(line, &in); err != nil {
		return smsReading{}, err
	}
	if in.Text == nil {
		return smsReading{}, fmt.Errorf("no text")
	}
	r := banksms.Parse(in.Sender, *in.Text, in.ReceivedAt)
	out := smsReading{Bank: r.Bank.English(), Type: r.Type, Balance: r.Balance, Settles: r.Settles}
	if r.Amount != 0 {
		out.AmountRial = &r.Amount
	}
	if r.Account != "" {
		out.Account = &r.Account
	}
	if r.PayerCard != "" {
		out.PayerCard = &r.PayerCard
	}
	if !r.At.IsZero() {
		at := r.At.In(tehranZone()).Format(time.RFC3339)
		out.At = &at
	}
	return out, nil
}

func tehranZone() *time.Location {
	zone, err := time.LoadLocation("Asia/Tehran")
	if err != nil {
		return time.FixedZone("Asia/Tehran", int((3*time.Hour+30*time.Minute)/time.Second))
	}
	return zone
}
