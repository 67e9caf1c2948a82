package api

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits are token buckets per credential and per address, in this process.
type limits struct {
	calls  rateSet[int64]  // by API key
	phones rateSet[string] // the same, by forwarding device
	lists  rateSet[int64]  // the payments list, by API key
	wrong  rateSet[string] // wrong credentials, by address
	miss   rateSet[string] // unknown pay links, by address
	pay    rateSet[string] // attempts opened, by payment
	notes  rateSet[string] // notices of deposits, by address
	tests  rateSet[int64]  // test webhooks, by merchant: each is a call to somebody
}

func newLimits(perSecond float64, burst, listsPerMinute int) *limits {
	return &limits{
		calls:  newRateSet[int64](rate.Limit(perSecond), burst),
		phones: newRateSet[string](rate.Limit(perSecond), burst),
		lists:  newRateSet[int64](rate.Limit(float64(listsPerMinute)/60), listsPerMinute),
		wrong:  newRateSet[string](rate.Every(2*time.Second), 30),
		miss:   newRateSet[string](rate.Every(3*time.Second), 30),
		pay:    newRateSet[string](rate.Every(2*time.Second), 5),
		notes:  newRateSet[string](rate.Limit(perSecond), burst),
		tests:  newRateSet[int64](2, 60),
	}
}

// rateSet is a token bucket for each key. Buckets that are full again are forgotten.
type rateSet[K comparable] struct {
	limit rate.Limit
	burst int
	mu    *sync.Mutex
	by    map[K]*rate.Limiter
}

const mostBuckets = 20_000

func newRateSet[K comparable](limit rate.Limit, burst int) rateSet[K] {
	return rateSet[K]{limit: limit, burst: burst, mu: &sync.Mutex{}, by: map[K]*rate.Limiter{}}
}

// take uses one of the key's tokens, or says when there will be one.
func (s rateSet[K]) take(key K) error {
	r := s.bucket(key).Reserve()
	if wait := r.Delay(); wait > 0 {
		r.Cancel()
		return tooMany(wait)
	}
	return nil
}

func (s rateSet[K]) bucket(key K) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.by[key]
	if !ok {
		if len(s.by) >= mostBuckets {
			s.forgetFull()
		}
		l = rate.NewLimiter(s.limit, s.burst)
		s.by[key] = l
	}
	return l
}

func (s rateSet[K]) forgetFull() {
	for key, l := range s.by {
		if l.Tokens() >= float64(s.burst) {
			delete(s.by, key)
		}
	}
}

func tooMany(wait time.Duration) *problem {
	wait = max(wait, time.Second)
	return &problem{status: http.StatusTooManyRequests, code: "too_many_requests", retry: wait,
		message: fmt.Sprintf("Too many requests; try again in %d s", int(wait.Round(time.Second).Seconds()))}
}
