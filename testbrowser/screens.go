package testbrowser

import (
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Screens, in CSS pixels.

// Phone is a phone in common use, long enough for most pages.
func Phone() Action { return PhoneOf(390, 1250) }

// PhoneOf is a phone's screen of any size.
func PhoneOf(width, height int64) Action {
	return chromedp.EmulateViewport(width, height, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch)
}

// Desktop is a window on a desk.
func Desktop() Action { return chromedp.EmulateViewport(1200, 1000) }

// WithoutJavaScript turns scripts off.
func WithoutJavaScript() Action {
	return command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// Prefers sets a media feature as its reader's system would: prefers-color-scheme to dark, say.
func Prefers(features ...string) Action {
	params := emulation.SetEmulatedMediaParams{}
	for i := 0; i+1 < len(features); i += 2 {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	return command(emulation.SetEmulatedMedia, params)
}
