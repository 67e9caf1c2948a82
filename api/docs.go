package api

import (
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/docs"
	"github.com/paysaga/paysaga/api/pages"
)

func (a *API) docsRoutes() {
	// Made for the first who asks: most processes are never asked.
	site := sync.OnceValues(func() (*docs.Site, error) { return docs.New(openAPI, a.PublicURL) })
	show := func(c *fiber.Ctx) error {
		if c.Params("page") == docs.TryPage {
			return sendDocs(c, docs.TryPolicy, docs.Try())
		}
		s, err := site()
		if err != nil {
			return err
		}
		return showDocs(c, s, c.Params("page"))
	}
	a.app.Get("/docs", show)
	a.app.Get("/docs/:page", show)
	a.app.Get("/docs/assets/:name", docsAsset)
}

func showDocs(c *fiber.Ctx, s *docs.Site, name string) error {
	reader := pages.ReaderOf(c.Query("lang"), c.Get(fiber.HeaderAcceptLanguage))
	page, ok, err := s.Page(name, reader, c.Query("code"))
	if err != nil {
		return err
	}
	if !ok {
		return fiber.ErrNotFound
	}
	c.Vary(fiber.HeaderAcceptLanguage)
	return sendDocs(c, docs.Policy, page)
}

func sendDocs(c *fiber.Ctx, policy string, page []byte) error {
	c.Set(fiber.HeaderContentSecurityPolicy, policy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Send(page)
}

func docsAsset(c *fiber.Ctx) error {
	file, ok := docs.Asset(c.Params("name"))
	if !ok {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderContentType, file.ContentType)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "public, max-age=86400")
	if file.Encoding != "" {
		c.Set(fiber.HeaderContentEncoding, file.Encoding)
	}
	return c.Send(file.Body)
}
