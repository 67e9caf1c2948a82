package gateways

// WithLimits is a bank with other windows than its own: those of a simulated bank whose clock runs faster.
func WithLimits(b Bank, l Limits) Bank { return limitedBank{b, l} }

type limitedBank struct {
	Bank
	limits Limits
}

func (b limitedBank) Limits() Limits { return b.limits }

func (b limitedBank) Open(c Credentials) (Gateway, error) {
	g, err := b.Bank.Open(c)
	if err != nil {
		return nil, err
	}
	return limitedGateway{g, b.limits}, nil
}

type limitedGateway struct {
	Gateway
	limits Limits
}

func (g limitedGateway) Limits() Limits { return g.limits }
