package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/payload"
	"github.com/paysaga/paysaga/services"
)

const amountDigits = 8 // behind the point

// listServices answers in which currencies and on which networks something works.
func (a *API) listServices(kind payload.Kind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if _, err := readV1(c); err != nil {
			return err
		}
		pairs, err := services.List(kind)
		if err != nil {
			return err
		}
		list := make([]contracts.V1Service, len(pairs))
		for i, p := range pairs {
			list[i] = contracts.V1Service{
				Network: p.Network, Currency: p.Currency, IsAvailable: p.Available,
				Limit:      contracts.V1ServiceLimit{MinAmount: p.Min.FloatString(amountDigits), MaxAmount: p.Max.FloatString(amountDigits)},
				Commission: contracts.V1ServiceFee{FeeAmount: p.Fee.FloatString(amountDigits), Percent: p.Percent.FloatString(2)},
			}
		}
		return v1OK(c, list)
	}
}
