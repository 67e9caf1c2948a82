package images

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

var errNotImage = errors.New("not a PNG, JPEG or WebP")

// codecs read an image's size and its pixels. The content alone says which; what the host calls it does not matter.
var codecs = map[string]struct {
	size   func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}{
	"image/png":  {png.DecodeConfig, png.Decode},
	"image/jpeg": {jpeg.DecodeConfig, jpeg.Decode},
	"image/webp": {webp.DecodeConfig, webp.Decode},
}

// Nothing is a transparent dot: what browsers show in the place of an image that is not there. A page that has
// something beneath needs no script for it.
var Nothing = transparent()

func transparent() []byte {
	var out bytes.Buffer
	_ = png.Encode(&out, image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.Transparent}))
	return out.Bytes()
}

// redraw draws what a host sent anew, as a square PNG on white: nothing of the original file reaches a payer but its
// pixels. What would unpack to more of them than a page can need is not unpacked.
func redraw(file []byte) ([]byte, error) {
	codec, ok := codecs[http.DetectContentType(file)]
	if !ok {
		return nil, errNotImage
	}
	size, err := codec.size(bytes.NewReader(file))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNotImage, err)
	case size.Width < 1 || size.Height < 1 || size.Width > MaxSide || size.Height > MaxSide:
		return nil, fmt.Errorf("%d by %d pixels", size.Width, size.Height)
	}
	original, err := codec.decode(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotImage, err)
	}
	face := image.NewRGBA(image.Rect(0, 0, Side, Side))
	draw.Draw(face, face.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.CatmullRom.Scale(face, fit(original.Bounds()), original, original.Bounds(), draw.Over, nil)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, face); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// fit is the largest place for a picture of these proportions in the middle of the square.
func fit(of image.Rectangle) image.Rectangle {
	width, height := of.Dx(), of.Dy()
	most := max(width, height)
	width, height = max(1, width*Side/most), max(1, height*Side/most)
	left, top := (Side-width)/2, (Side-height)/2
	return image.Rect(left, top, left+width, top+height)
}
