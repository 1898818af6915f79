// Package forward carries records from the buffer to one platform: it reads each
// lane in order, alarms first, has an Encoder shape them into messages, sends
// them through a link, and confirms to the buffer what the far side confirmed.
// Nothing else moves a cursor.
//
// A connection is used until it fails once. The next one starts again after the
// last confirmed record, so a record may arrive twice, but never not at all.
package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"watchpost/agent/link"
	"watchpost/buffer"
)

// Reader is where records come from. *buffer.Buffer is one.
type Reader interface {
	// Next returns the oldest records after a position, none when there are none.
	Next(platform string, lane buffer.Lane, after buffer.Position, maxCount, maxBytes int) ([]buffer.Entry, error)
	// Appended is a channel that is closed at the lane's next append.
	Appended(lane buffer.Lane) <-chan struct{}
}

// Cursor is how far a platform has got. *buffer.Buffer keeps it.
type Cursor interface {
	// Cursor is the last position that is settled, zero when none is.
	Cursor(platform string, lane buffer.Lane) buffer.Position
	// Confirm settles everything up to and including a position.
	Confirm(platform string, lane buffer.Lane, upTo buffer.Position) error
	// GiveUp settles the one record that cannot be sent, and says so as a loss.
	GiveUp(platform string, lane buffer.Lane, at buffer.Position, why buffer.LossReason) error
}

// Source is what a Forwarder needs of the buffer.
type Source interface {
	Reader
	Cursor
}

var _ Source = (*buffer.Buffer)(nil)

// Encoder shapes records into messages. It is called from one goroutine per
// lane at once.
type Encoder interface {
	// Encode makes one message of as many leading entries as fit, and says how
	// many: at least one. prev is the last record sent before these to this
	// platform in this lane, zero when there was none. A message without a topic
	// is not sent: its entries are filtered out for this platform. An undecodable
	// first entry is an UnreadableError, and is given up; an undecodable later one
	// is left for the next call. Any other error ends the connection, which is
	// made anew and meets the same entries.
	Encode(lane buffer.Lane, prev buffer.Position, entries []buffer.Entry) (m link.Message, used int, err error)
}

// UnreadableError is an Encoder's word that a record cannot be decoded.
type UnreadableError struct {
	Position buffer.Position
	Cause    error
}

// Error names the record.
func (e *UnreadableError) Error() string {
	return fmt.Sprintf("decode record %016x-%d/%d: %v", e.Position.Run.Epoch, e.Position.Run.N, e.Position.Seq, e.Cause)
}

// Unwrap is the cause.
func (e *UnreadableError) Unwrap() error { return e.Cause }

// Documents are the retained whole statements. The methods may be called from
// several goroutines.
type Documents interface {
	// Will is what the far side publishes when the connection ends without a
	// goodbye. At an orderly end the Forwarder publishes it itself.
	Will(session uint64) link.Message
	// Opening is the newest of every document, in the order they are sent.
	Opening(session uint64) []link.Message
	// Changed is a channel that is closed at the next change of any document.
	Changed() <-chan struct{}
}

// Inbox takes what the platform sends.
type Inbox interface {
	// Subscribe lists topics.
	Subscribe() []string
	// Receive must not block. It reports true when the message is our own
	// document, overwritten by an older session, that must be sent again.
	Receive(m link.Message) (overwritten bool)
}

// Options make a Forwarder. Zero durations and sizes mean the default.
type Options struct {
	Platform  string
	Source    Source
	Dialer    link.Dialer
	Encoder   Encoder
	Documents Documents // nil: none
	Inbox     Inbox     // nil: none

	// Second makes links that carry the lanes while Dialer's cannot, and nothing
	// else: neither documents nor will nor subscriptions. nil: none.
	Second link.Dialer
	// SecondAfter is for how long the first way must have carried nothing before
	// the second is taken; default 2 min.
	SecondAfter time.Duration

	// A batch is what is in flight of one lane.
	BatchMessages int // default 16
	BatchBytes    int // of payload, default 64 KiB; a single larger message goes alone
	// InFlight bounds how long an alarm waits behind readings on a slow link: no
	// more of them are in flight than it carries in so long, or in a round trip
	// where that is longer; but 16 always. Default 0.5 s.
	InFlight time.Duration
	// Linger is how long each lane waits for company before it sends a batch
	// that could take more: zero for alarms and events.
	Linger [3]time.Duration

	BackoffMin   time.Duration // ceiling of the first wait, default 1 s
	BackoffMax   time.Duration // ceiling of all waits, default 60 s
	StableAfter  time.Duration // a connection that confirmed something and lived longer resets the ceiling; default 60 s
	RefusedRetry time.Duration // after link.ErrRefused and ErrUntrusted, default 5 min
	DocumentsMin time.Duration // between sendings of changed documents, default 1 s
	Goodbye      time.Duration // for what is in flight and the last document at the end, default 1 s

	// Jitter picks a wait from 0 up to a ceiling; nil: evenly at random.
	Jitter func(ceiling time.Duration) time.Duration
	// OnState is told each change, never concurrently; it must not block.
	OnState func(State)
	Log     *slog.Logger // nil: silent
}

// DefaultLinger lets readings wait a second for company, alarms and events not
// at all.
func DefaultLinger() [3]time.Duration {
	return [3]time.Duration{buffer.Readings: time.Second}
}

// State is how the link to the platform does.
type State struct {
	Connected bool
	Since     time.Time // of Connected and Second being what they are
	Session   uint64    // of the connection, or of the last attempt
	LastError string    // why there is no connection; or why the last one ended
	Cause     error     // the same as an error; nil before the first
	Refused   bool      // the platform answered and said no
	Contested bool      // it ends each connection soon after it was made
	Attempts  int       // in a row without a stable connection
	NextTry   time.Time // zero while connected or connecting

	Second      bool   // the second way carries the lanes: something was confirmed over it
	SecondError string // why it does not, when it was tried
}

// Forwarder serves one platform.
type Forwarder struct {
	options  Options
	log      *slog.Logger
	second   *second            // nil: there is no second way
	sent     [3]buffer.Position // last record confirmed by the far side, per lane
	stats    counters
	progress progress

	mu    sync.Mutex // also while OnState is told
	state State
}

// New checks the options.
func New(options Options) (*Forwarder, error) {
	var errs []error
	for _, missing := range []struct {
		what string
		is   bool
	}{
		{"platform", options.Platform == ""}, {"source", options.Source == nil},
		{"dialer", options.Dialer == nil}, {"encoder", options.Encoder == nil},
	} {
		if missing.is {
			errs = append(errs, fmt.Errorf("make forwarder %q: no %s given", options.Platform, missing.what))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	setDefaults(&options)
	f := &Forwarder{
		options: options,
		log:     options.Log.With("platform", options.Platform),
	}
	if options.Second != nil {
		f.second = &second{f: f}
	}
	return f, nil
}

func setDefaults(o *Options) {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.BackoffMin, time.Second}, {&o.BackoffMax, time.Minute},
		{&o.StableAfter, time.Minute}, {&o.RefusedRetry, 5 * time.Minute},
		{&o.DocumentsMin, time.Second}, {&o.Goodbye, time.Second},
		{&o.SecondAfter, 2 * time.Minute}, {&o.InFlight, time.Second / 2},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.BatchMessages <= 0 {
		o.BatchMessages = 16
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = 64 << 10
	}
	if o.Jitter == nil {
		o.Jitter = func(ceiling time.Duration) time.Duration { return rand.N(max(ceiling, 1)) }
	}
	if o.OnState == nil {
		o.OnState = func(State) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Documents == nil {
		o.Documents = noDocuments{}
	}
	if o.Inbox == nil {
		o.Inbox = noInbox{}
	}
}

// Run connects, sends and connects again until ctx ends, then says goodbye and
// returns nil within about two seconds. It returns an error only when the
// buffer was closed under it. Run is called once.
func (f *Forwarder) Run(ctx context.Context) error {
	f.change(func(s *State) {})
	f.second.begin()
	defer f.progress.rests(loop{name: connecting})
	for ctx.Err() == nil {
		f.progress.moved(loop{name: connecting}, 0)
		f.second.start(ctx)
		err := f.attempt(ctx)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, buffer.ErrClosed) {
			f.second.stop()
			f.disconnected(err, time.Time{})
			return fmt.Errorf("forward to %s: %w", f.options.Platform, err)
		}
		if !f.pause(ctx, err) {
			break
		}
	}
	f.second.stop()
	f.disconnected(nil, time.Time{})
	return nil
}

// pause waits before the next attempt; false when ctx ended.
func (f *Forwarder) pause(ctx context.Context, cause error) bool {
	was := f.now()
	wait := f.wait(cause, was.Attempts)
	f.disconnected(cause, time.Now().Add(wait))
	// A night without a link is one line, not a thousand: what is logged is a
	// cause that was not the last one.
	level := slog.LevelDebug
	if was.Connected || cause.Error() != was.LastError {
		level = slog.LevelWarn
	}
	f.log.Log(ctx, level, "link down", "error", cause, "attempts", was.Attempts, "next_try_in", wait.Round(time.Millisecond))
	f.second.start(ctx)
	f.progress.moved(loop{name: connecting}, wait)
	return pause(ctx, wait)
}

// wait is the full jitter of exponential backoff
// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so
// that a fleet does not come back all at once.
func (f *Forwarder) wait(cause error, attempts int) time.Duration {
	if errors.Is(cause, link.ErrRefused) || errors.Is(cause, link.ErrUntrusted) {
		retry := f.options.RefusedRetry
		return retry - retry/10 + f.options.Jitter(retry/10)
	}
	ceiling := f.options.BackoffMin
	for n := attempts; n > 1 && ceiling < f.options.BackoffMax; n-- {
		ceiling *= 2
	}
	return f.options.Jitter(min(ceiling, f.options.BackoffMax))
}

// now is the state as it is.
func (f *Forwarder) now() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// change edits the state and tells of it.
func (f *Forwarder) change(edit func(*State)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.state
	edit(&f.state)
	if f.state.Connected != was.Connected || f.state.Second != was.Second || f.state.Since.IsZero() {
		f.state.Since = time.Now()
	}
	f.options.OnState(f.state)
}

func (f *Forwarder) disconnected(cause error, next time.Time) {
	f.change(func(s *State) {
		s.Connected, s.NextTry = false, next
		if cause != nil {
			s.LastError, s.Cause = cause.Error(), cause
			s.Refused, s.Contested = errors.Is(cause, link.ErrRefused), errors.Is(cause, link.ErrContested)
		}
	})
}

type noDocuments struct{}

func (noDocuments) Will(uint64) link.Message      { return link.Message{} }
func (noDocuments) Opening(uint64) []link.Message { return nil }
func (noDocuments) Changed() <-chan struct{}      { return nil }

type noInbox struct{}

func (noInbox) Subscribe() []string       { return nil }
func (noInbox) Receive(link.Message) bool { return false }
