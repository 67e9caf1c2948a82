// Package services knows in which currencies and on which networks money can be taken and sent. The table is
// data: pairs.csv. Only pairs that are available move money; the others are there so that a receiver of webhooks can be
// tried with them.
package services

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/paysaga/paysaga/payload"
)

// ErrUnknown means that a pair is not in the table.
var ErrUnknown = errors.New("no such service")

// Pair is a currency on a network. Amounts are decimal numbers in this currency; IRR is rial.
type Pair struct {
	Service   payload.Kind
	Currency  string // as written in bodies: "IRR", "ETH"
	Network   string // "card", "eth"
	Available bool   // money really moves
	Min, Max  *big.Rat
	Fee       *big.Rat // of each transaction
	Percent   *big.Rat // of its amount, besides the fee
}

//go:embed pairs.csv
var table []byte

var pairs = sync.OnceValues(func() ([]Pair, error) { return read(table) })

// List is what a service supports, in the order of the table.
func List(service payload.Kind) ([]Pair, error) {
	all, err := pairs()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(p Pair) bool { return p.Service != service }), nil
}

// Find is one pair. Currency and network are compared letter by letter, as everywhere in bodies.
func Find(service payload.Kind, currency, network string) (Pair, error) {
	all, err := pairs()
	if err != nil {
		return Pair{}, err
	}
	for _, p := range all {
		if p.Service == service && p.Currency == currency && p.Network == network {
			return p, nil
		}
	}
	return Pair{}, fmt.Errorf("%s %s on %s: %w", service, currency, network, ErrUnknown)
}

// Takes says whether an amount is within the limits.
func (p Pair) Takes(amount *big.Rat) bool { return amount.Cmp(p.Min) >= 0 && amount.Cmp(p.Max) <= 0 }

// Commission is what an amount costs, in the pair's currency.
func (p Pair) Commission(amount *big.Rat) *big.Rat {
	part := new(big.Rat).Mul(amount, p.Percent)
	part.Quo(part, big.NewRat(100, 1))
	return part.Add(part, p.Fee)
}

var columns = []string{"service", "currency", "network", "available", "min", "max", "fee", "percent"}

func read(data []byte) ([]Pair, error) {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("table of services: %w", err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], columns) {
		return nil, fmt.Errorf("table of services: the first line is not %s", strings.Join(columns, ","))
	}
	var list []Pair
	seen := map[string]bool{}
	for i, row := range rows[1:] {
		p, err := readPair(row)
		name := strings.Join(row[:3], " ")
		if err == nil && seen[name] {
			err = errors.New("it is there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("table of services, line %d (%s): %w", i+2, name, err)
		}
		seen[name] = true
		list = append(list, p)
	}
	return list, nil
}

func readPair(row []string) (Pair, error) {
	p := Pair{Service: payload.Kind(row[0]), Currency: row[1], Network: row[2], Available: row[3] == "yes"}
	switch {
	case !slices.Contains([]payload.Kind{payload.KindPayment, payload.KindPayout, payload.KindWallet}, p.Service):
		return p, errors.New("the service is not payment, payout or wallet")
	case p.Currency == "" || p.Currency != strings.ToUpper(p.Currency) || p.Network == "" || p.Network != strings.ToLower(p.Network):
		return p, errors.New("currencies are in capitals, networks are not")
	case row[3] != "yes" && row[3] != "no":
		return p, errors.New("available is yes or no")
	}
	for i, to := range []**big.Rat{&p.Min, &p.Max, &p.Fee, &p.Percent} {
		n, ok := new(big.Rat).SetString(row[4+i])
		if !ok || n.Sign() < 0 || strings.ContainsAny(row[4+i], "/eE") {
			return p, fmt.Errorf("%s is no amount", columns[4+i])
		}
		*to = n
	}
	if p.Min.Cmp(p.Max) > 0 {
		return p, errors.New("min is above max")
	}
	return p, nil
}
