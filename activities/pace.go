package activities

import (
	"sync"
	"time"
)

// Pace shares one process's deliveries between endpoints: each has a few at once, so that a slow receiver holds up
// only what is meant for it.
type Pace struct {
	perEndpoint int
	now         func() time.Time

	mu        sync.Mutex
	endpoints map[int64]*lane
}

// lane is one endpoint as this process knows it.
type lane struct {
	inside int
	usual  time.Duration // how long it takes, lately
	turn   time.Time     // when the next one who found it full should come
}

const (
	slowReceiver = time.Second // such a receiver is not waited for inside a workflow task
	shortestTurn = 200 * time.Millisecond
	manyLanes    = 10_000
)

// NewPace allows perEndpoint deliveries at once to each endpoint.
func NewPace(perEndpoint int) *Pace {
	return &Pace{perEndpoint: perEndpoint, now: time.Now, endpoints: map[int64]*lane{}}
}

// Enter begins a delivery, which ends with leave. When the endpoint has enough, leave is nil and wait says when
// to come again: those who wait are spread over the time that the ones before them will take.
func (p *Pace) Enter(endpoint int64) (leave func(took time.Duration), wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lane(endpoint)
	if l.inside >= p.perEndpoint {
		now := p.now()
		if l.turn.Before(now) {
			l.turn = now.Add(shortestTurn)
		}
		wait = l.turn.Sub(now)
		l.turn = l.turn.Add(max(l.usual, 10*time.Millisecond) / time.Duration(p.perEndpoint))
		return nil, wait
	}
	l.inside++
	return func(took time.Duration) { p.leave(l, took) }, 0
}

func (p *Pace) leave(l *lane, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.inside--
	l.usual = (3*l.usual + took) / 4
}

// Slow says whether an endpoint has been slow lately.
func (p *Pace) Slow(endpoint int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lane(endpoint).usual > slowReceiver
}

// lane finds an endpoint's, and forgets idle ones when there are many.
func (p *Pace) lane(endpoint int64) *lane {
	if l, ok := p.endpoints[endpoint]; ok {
		return l
	}
	if len(p.endpoints) >= manyLanes {
		for id, l := range p.endpoints {
			if l.inside == 0 {
				delete(p.endpoints, id)
			}
		}
	}
	l := &lane{}
	p.endpoints[endpoint] = l
	return l
}
