package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	diskFile  = 16 << 20
	diskBlock = 8 << 10
)

// besideDisk measures, and watches what a flush of one block takes meanwhile, as often as requests come. Every answer
// that changes something waits for such a flush, so a disk that stalls for 50 ms stands in the p99 of ten seconds.
func (b *bench) besideDisk(ctx context.Context, measure func() error) (latency, error) {
	file, err := os.OpenFile(filepath.Join(b.instance.Home, "disk"), os.O_RDWR|os.O_CREATE|syscall.O_DSYNC, 0o600)
	if err != nil {
		return latency{}, fmt.Errorf("watch the disk: %w", err)
	}
	defer file.Close()
	if _, err := file.Write(make([]byte, diskFile)); err != nil { // as in a database's log, its room is there before
		return latency{}, fmt.Errorf("watch the disk: %w", err)
	}
	measured := make(chan error, 1)
	go func() { measured <- measure() }()
	var took []time.Duration
	for at := int64(0); ; at = (at + diskBlock) % diskFile {
		began := time.Now()
		if _, err := file.WriteAt(make([]byte, diskBlock), at); err != nil {
			return latency{}, fmt.Errorf("watch the disk: %w", err)
		}
		took = append(took, time.Since(began))
		select {
		case err := <-measured:
			slices.Sort(took)
			n := len(took)
			return latency{p50: took[n/2], p99: took[n*99/100], max: took[n-1]}, err
		case <-time.After(time.Second / latencyRate):
		}
	}
}
