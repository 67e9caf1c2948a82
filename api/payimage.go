package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/images"
	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/store"
)

// The merchant's image on the payer's pages. It comes from us: the payer's browser asks nobody else, and the
// merchant's host learns nothing of payers.

// imageCacheControl: a changed address is another address here; what changes behind it is seen within a day.
const imageCacheControl = "public, max-age=86400, immutable"

// face is the merchant as payers know them.
func face(m store.Merchant) pages.Merchant {
	out := pages.Merchant{Name: m.DisplayName, BusinessName: m.BizName}
	if m.ImageURL != "" {
		sum := sha256.Sum256([]byte(m.ImageURL))
		out.Image = "/pay/image/" + url.PathEscape(m.PublicID) + "?v=" + hex.EncodeToString(sum[:6])
	}
	return out
}

// merchantImage serves it. Without one the page shows the merchant's initial, which lies beneath.
func (a *API) merchantImage(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	m, err := a.Store.Merchant(ctx, c.Params("merchant"))
	if errors.Is(err, store.ErrNotFound) {
		if limited := a.missed(c, err); !errors.Is(limited, store.ErrNotFound) {
			return limited
		}
		return noImage(c)
	}
	if err != nil {
		return err
	}
	if m.ImageURL == "" {
		return noImage(c)
	}
	image, err := a.images.Get(ctx, m.ImageURL)
	if errors.Is(err, images.ErrNone) {
		return noImage(c)
	}
	if err != nil {
		return err
	}
	imageHeaders(c, imageCacheControl)
	c.Set(fiber.HeaderContentType, images.Type)
	c.Set(fiber.HeaderETag, `"`+image.Tag+`"`)
	return c.Send(image.Body)
}

func noImage(c *fiber.Ctx) error {
	imageHeaders(c, "public, max-age=300")
	c.Set(fiber.HeaderContentType, images.Type)
	return c.Status(http.StatusNotFound).Send(images.Nothing)
}

// imageHeaders leave nothing to do for a file that is not only an image.
func imageHeaders(c *fiber.Ctx, cache string) {
	c.Set(fiber.HeaderCacheControl, cache)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; sandbox")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
}
