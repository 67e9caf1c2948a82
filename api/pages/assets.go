package pages

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
)

// AssetCacheControl lets browsers keep an asset for good: its address changes with its content.
const AssetCacheControl = "public, max-age=31536000, immutable"

var (
	//go:embed assets/pay.css
	styleSheet []byte
	//go:embed assets/pay.js
	script []byte
	//go:embed assets/transfer.css
	transferStyle []byte
	//go:embed assets/transfer.js
	transferScript []byte
	//go:embed assets/deposits.css
	depositsStyle []byte
	//go:embed assets/deposits.js
	depositsScript []byte
	//go:embed assets/icon.svg
	icon []byte
	//go:embed assets/vazirmatn.woff2
	font []byte
)

const (
	fontName   = "vazirmatn.woff2"
	cssType    = "text/css; charset=utf-8"
	scriptType = "text/javascript; charset=utf-8"
)

type asset struct {
	body        []byte
	contentType string
	hash        string
}

var assets = loadAssets()

func loadAssets() map[string]asset {
	fontAsset := newAsset(font, "font/woff2")
	// The style sheet names the font by the same address as the pages' preload.
	css := bytes.ReplaceAll(styleSheet, []byte(fontName), []byte(fontName+"?v="+fontAsset.hash))
	return map[string]asset{
		"pay.css":      newAsset(css, cssType),
		"pay.js":       newAsset(script, scriptType),
		"transfer.css": newAsset(transferStyle, cssType),
		"transfer.js":  newAsset(transferScript, scriptType),
		"deposits.css": newAsset(depositsStyle, cssType),
		"deposits.js":  newAsset(depositsScript, scriptType),
		"icon.svg":     newAsset(icon, "image/svg+xml"),
		fontName:       fontAsset,
	}
}

func newAsset(body []byte, contentType string) asset {
	sum := sha256.Sum256(body)
	return asset{body: body, contentType: contentType, hash: hex.EncodeToString(sum[:6])}
}

// Asset returns the file served at /pay/assets/{name}. The body must not be changed.
func Asset(name string) (body []byte, contentType string, ok bool) {
	a, ok := assets[name]
	return a.body, a.contentType, ok
}

func assetURL(name string) string {
	return "/pay/assets/" + name + "?v=" + assets[name].hash
}

// FontURL is the font's address, for the pages beside these.
func FontURL() string { return assetURL(fontName) }
