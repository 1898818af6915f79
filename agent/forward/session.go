package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"watchpost/agent/link"
	"watchpost/buffer"
)

var errEnding = errors.New("forwarding ends")

// session is one connection and its goroutines.
type session struct {
	f         *Forwarder
	number    uint64
	link      link.Link
	gate      *gate
	second    bool        // lanes only, without documents
	confirmed atomic.Bool // the far side confirmed something
	carried   atomic.Bool // a message of a lane

	overwritten chan struct{} // holds one token: our own document has to be sent again
	published   map[string][]byte
}

// attempt dials once and, when that works, serves the connection to its end.
func (f *Forwarder) attempt(ctx context.Context) error {
	f.change(func(s *State) {
		s.Session++
		s.Attempts++
		s.NextTry = time.Time{}
	})
	s := newSession(f)
	s.number = f.now().Session
	var err error
	s.link, err = f.options.Dialer.Dial(ctx, link.Opening{
		Will:      f.options.Documents.Will(s.number),
		Subscribe: f.options.Inbox.Subscribe(),
		Receive:   s.receive,
	})
	if err != nil {
		return err
	}
	since := time.Now()
	f.change(func(s *State) { s.Connected = true })
	f.log.Info("link up", "session", s.number)
	err = s.serve(ctx)
	stable := time.Since(since) > f.options.StableAfter
	if stable && s.confirmed.Load() {
		f.change(func(s *State) { s.Attempts = 0 })
	}
	// What lived long had nothing that waited for its confirmation.
	if stable || s.carried.Load() {
		f.second.begin()
	}
	return err
}

func newSession(f *Forwarder) *session {
	return &session{
		f: f, gate: newGate(),
		overwritten: make(chan struct{}, 1), published: map[string][]byte{},
	}
}

// receive runs in the link's goroutine.
func (s *session) receive(m link.Message) {
	if !s.f.options.Inbox.Receive(m) {
		return
	}
	select {
	case s.overwritten <- struct{}{}:
	default:
	}
}

// serve sends the documents, then everything, until something fails or ctx ends.
func (s *session) serve(ctx context.Context) error {
	// The connection is given up whatever Close says.
	defer func() { _ = s.link.Close() }()

	// What is in flight when ctx ends has the goodbye's time to be confirmed.
	sending, abandon := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abandon(errEnding)
	late := context.AfterFunc(ctx, func() {
		time.AfterFunc(s.f.options.Goodbye, func() { abandon(errEnding) })
	})
	defer late()

	running, stop := context.WithCancelCause(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop(nil)

	select {
	case <-s.overwritten: // the opening documents put that right
	default:
	}
	changed := s.f.options.Documents.Changed()
	if !s.second {
		if err := s.publish(sending); err != nil {
			return err
		}
		// The first way works. From here on it alone moves the cursor.
		s.f.second.stop()
	}
	start := func(part func(running, sending context.Context) error) {
		all.Go(func() {
			if err := part(running, sending); err != nil {
				stop(err)
				abandon(err)
			}
		})
	}
	if !s.second {
		start(func(running, sending context.Context) error { return s.watchDocuments(running, sending, changed) })
	}
	for lane := range lanes() {
		start(func(running, sending context.Context) error { return s.serveLane(running, sending, lane) })
	}
	if !s.second {
		s.f.progress.rests(loop{name: connecting}) // the lanes move now
		defer s.f.progress.moved(loop{name: connecting}, 0)
	}
	select {
	case <-running.Done():
	case <-s.link.Done():
		stop(s.lost())
		abandon(s.lost())
	}
	all.Wait()
	if ctx.Err() != nil {
		if !s.second {
			s.goodbye(sending)
		}
		return ctx.Err()
	}
	return context.Cause(running)
}

func (s *session) lost() error {
	if err := s.link.Err(); err != nil {
		return err
	}
	return errors.New("connection lost")
}

// goodbye publishes what the far side would have published had we just gone.
func (s *session) goodbye(ctx context.Context) {
	will := s.f.options.Documents.Will(s.number)
	if will.Topic == "" {
		return
	}
	if _, err := s.link.Send(ctx, []link.Message{will}); err != nil {
		s.f.log.Warn("last document not sent", "error", err)
	}
}

// publish sends every document that differs from what was last sent on this
// connection.
func (s *session) publish(ctx context.Context) error {
	var batch []link.Message
	for _, m := range s.f.options.Documents.Opening(s.number) {
		if was, ok := s.published[m.Topic]; !ok || !bytes.Equal(was, m.Payload) {
			batch = append(batch, m)
		}
	}
	if len(batch) == 0 {
		return nil
	}
	n, err := s.link.Send(ctx, batch)
	for _, m := range batch[:n] {
		s.published[m.Topic] = m.Payload
	}
	s.f.stats.documents.Add(uint64(n))
	if n > 0 {
		s.confirmed.Store(true)
	}
	if err != nil {
		return fmt.Errorf("send documents: %w", err)
	}
	return nil
}

// watchDocuments sends changed documents, the newest only and not too often, and
// at once those that an older session's late will has overwritten.
func (s *session) watchDocuments(running, sending context.Context, changed <-chan struct{}) error {
	quiet := s.f.options.DocumentsMin
	sent, restored := time.Now(), time.Time{}
	for {
		var rest time.Duration
		select {
		case <-changed:
			rest = quiet - time.Since(sent)
		case <-s.overwritten:
			// At once, yet two gateways that take themselves for one must not
			// make each other spin.
			rest = quiet - time.Since(restored)
			restored = time.Now().Add(max(rest, 0))
			clear(s.published)
		case <-running.Done():
			return nil
		}
		if !pause(running, rest) {
			return nil
		}
		changed = s.f.options.Documents.Changed()
		sent = time.Now()
		if err := s.publish(sending); err != nil {
			return err
		}
	}
}

// pause waits for d; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// patience is how many batches of higher lanes a waiting lane lets pass before it
// sends one of its own: a flood of events must not silence the readings.
const patience = 8

// gate keeps a lane waiting while a higher one has something unsent.
type gate struct {
	mu      sync.Mutex
	drained [3]<-chan struct{} // set when a lane has nothing unsent; closed by its next append
	batches [3]int             // that each lane had ready so far
	moved   chan struct{}      // closed when drained or batches change
}

func newGate() *gate { return &gate{moved: make(chan struct{})} }

// set says that the lane has nothing unsent until appended is closed; nil says
// that it has a batch ready.
func (g *gate) set(lane buffer.Lane, appended <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drained[lane] = appended
	if appended == nil {
		g.batches[lane]++
	}
	close(g.moved)
	g.moved = make(chan struct{})
}

// ahead counts the batches of the lanes above.
func (g *gate) ahead(lane buffer.Lane) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.above(lane)
}

func (g *gate) above(lane buffer.Lane) (n int) {
	for higher := range lane {
		n += g.batches[higher]
	}
	return n
}

// open reports that every higher lane is drained, or had its share since; if
// not, the channel is closed when that may have changed.
func (g *gate) open(lane buffer.Lane, since int) (bool, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.above(lane)-since > patience {
		return true, nil
	}
	for higher := range lane {
		appended := g.drained[higher]
		if appended == nil {
			return false, g.moved
		}
		select {
		case <-appended:
			return false, g.moved
		default:
		}
	}
	return true, nil
}
