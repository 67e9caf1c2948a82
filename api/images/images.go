// Package images has the merchants' images for the payer's pages: fetched from where the merchant keeps them,
// drawn anew, and kept for a while. A payer's browser never asks the merchant's host.
package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/paysaga/paysaga/outbound"
)

const (
	// MaxBytes is the most that a merchant's file may weigh.
	MaxBytes = 256 << 10
	// MaxSide is the most pixels that it may be wide or high.
	MaxSide = 2048
	// Side is how many pixels what payers get is wide and high.
	Side = 144
	// Type is its content type.
	Type = "image/png"

	fresh     = time.Hour       // after so long an image is fetched anew
	patience  = 5 * time.Minute // how long a failure stands before the next try
	stale     = 24 * time.Hour  // how long an image is shown that cannot be fetched any more
	fetchTime = 5 * time.Second // a slower host is one that fails
	atOnce    = 2               // fetches
	maxKept   = 8 << 20         // bytes of all images together
	maxHosts  = 1024            // addresses remembered, images or not
)

// ErrNone means that there is no image to show.
var ErrNone = errors.New("no image")

// Getter fetches an address under a guard, for example [outbound.Client].
type Getter interface {
	Get(ctx context.Context, target string, most int) (outbound.Answer, error)
}

// Image is one that is safe to serve from our own origin.
type Image struct {
	Body []byte // a PNG
	Tag  string // changes with the content
}

// Images keeps what it has fetched. It is safe for concurrent use.
type Images struct {
	getter Getter
	log    *slog.Logger
	now    func() time.Time
	once   singleflight.Group
	slots  chan struct{}

	mu   sync.Mutex
	kept map[string]*entry
	size int
}

type entry struct {
	image *Image // nil when none could be had
	at    time.Time
	next  time.Time // when to fetch again
	asked time.Time // last; the longest not asked for goes first
}

// New makes an empty store.
func New(getter Getter, log *slog.Logger) *Images {
	return &Images{getter: getter, log: log, now: time.Now, slots: make(chan struct{}, atOnce), kept: map[string]*entry{}}
}

// Get answers the image at a merchant's address, or [ErrNone]. It waits for the first fetch only: later ones
// happen behind what is known.
func (i *Images) Get(ctx context.Context, address string) (Image, error) {
	known, due := i.look(address)
	if known != nil && known.image != nil {
		if due {
			go func() { _ = i.renew(context.WithoutCancel(ctx), address) }()
		}
		return *known.image, nil
	}
	if known == nil || due {
		if err := i.renew(ctx, address); err != nil {
			return Image{}, err
		}
		known, _ = i.look(address)
	}
	if known == nil || known.image == nil {
		return Image{}, ErrNone
	}
	return *known.image, nil
}

// look answers a copy of what is known, and whether it is time to fetch.
func (i *Images) look(address string) (*entry, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.kept[address]
	if e == nil {
		return nil, true
	}
	now := i.now()
	e.asked = now
	copied := *e
	if copied.image != nil && now.Sub(copied.at) > stale {
		copied.image = nil
	}
	return &copied, !now.Before(e.next)
}

// renew fetches once for all who wait, and goes on for the others when one of them leaves.
func (i *Images) renew(ctx context.Context, address string) error {
	done := i.once.DoChan(address, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
		defer cancel()
		select {
		case i.slots <- struct{}{}:
			defer func() { <-i.slots }()
		case <-ctx.Done():
			return nil, nil // too many at once: not this address's fault, nothing is remembered
		}
		i.keep(address, i.fetch(ctx, address))
		return nil, nil
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w yet", ErrNone)
	}
}

type fetched struct {
	image *Image
	err   error
}

func (i *Images) fetch(ctx context.Context, address string) fetched {
	answer, err := i.getter.Get(ctx, address, MaxBytes)
	switch {
	case err != nil:
		return fetched{err: err}
	case answer.Status != http.StatusOK:
		return fetched{err: fmt.Errorf("answered %d", answer.Status)}
	case answer.Truncated:
		return fetched{err: fmt.Errorf("longer than %d bytes, or broke off", MaxBytes)}
	}
	face, err := redraw(answer.Body)
	if err != nil {
		return fetched{err: err}
	}
	sum := sha256.Sum256(face)
	return fetched{image: &Image{Body: face, Tag: hex.EncodeToString(sum[:8])}}
}

// keep remembers an image, or that there is none. One that was good stays when it cannot be fetched again.
func (i *Images) keep(address string, f fetched) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	e := i.kept[address]
	if e == nil {
		e = &entry{asked: now}
		i.kept[address] = e
	}
	if f.err != nil {
		e.next = now.Add(patience)
		if e.image != nil && now.Sub(e.at) > stale {
			i.size -= len(e.image.Body)
			e.image = nil
		}
		i.log.Warn("no merchant's image", "error", f.err) // the address may hold a secret
	} else {
		if e.image != nil {
			i.size -= len(e.image.Body)
		}
		i.size += len(f.image.Body)
		e.image, e.at, e.next = f.image, now, now.Add(fresh)
	}
	i.makeRoom(address)
}

func (i *Images) makeRoom(but string) {
	for i.size > maxKept || len(i.kept) > maxHosts {
		oldest := ""
		for address, e := range i.kept {
			if address != but && (oldest == "" || e.asked.Before(i.kept[oldest].asked)) {
				oldest = address
			}
		}
		if oldest == "" {
			return
		}
		if image := i.kept[oldest].image; image != nil {
			i.size -= len(image.Body)
		}
		delete(i.kept, oldest)
	}
}
