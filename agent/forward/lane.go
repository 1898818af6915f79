package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"watchpost/agent/link"
	"watchpost/buffer"
)

// lookAgain is how often a lane with nothing to send looks into the buffer
// without having been told of an append: a store that is opened late, or anew,
// brings back records that nobody appends again.
const lookAgain = 10 * time.Second

// laneSender sends one lane over one connection.
type laneSender struct {
	*session
	lane   buffer.Lane
	after  buffer.Position // last record handed to the link, filtered out or given up
	prev   buffer.Position // last record handed to the link
	begun  bool            // something was read over this connection
	window window          // of readings
	silent bool            // the buffer's refusal to take a confirmation was logged
	unable bool            // that the lane cannot be read was logged
}

// packed is a batch of messages and what each settles.
type packed struct {
	messages []link.Message
	upTo     []buffer.Position // last record of each
	records  []int             // in each
	skipped  buffer.Position   // last record that was filtered out after the last message
	bytes    int
	bad      *UnreadableError // follows the batch
}

// serveLane reads after the cursor and sends until running ends. sending bounds
// what is in flight then.
func (s *session) serveLane(running, sending context.Context, lane buffer.Lane) error {
	l := &laneSender{session: s, lane: lane, window: window{within: s.f.options.InFlight}}
	l.after = s.f.options.Source.Cursor(s.f.options.Platform, lane)
	// The cursor also moves over what was never sent, so it is prev only until
	// this process has sent something itself.
	l.prev = s.f.sent[lane]
	if l.prev == (buffer.Position{}) {
		l.prev = l.after
	}
	defer l.f.progress.rests(l.loop())
	for running.Err() == nil {
		entries, err := l.gather(running)
		if err != nil {
			return err
		}
		if running.Err() != nil {
			return nil
		}
		batch, err := l.pack(entries)
		if err != nil {
			return err
		}
		if len(batch.messages) > 0 {
			if l.takeTurn(running); running.Err() != nil {
				return nil
			}
		}
		if err := l.send(sending, batch); err != nil {
			return err
		}
		if batch.bad != nil {
			if err := l.giveUp(batch.bad); err != nil {
				return err
			}
		}
	}
	return nil
}

// loop names the lane's goroutine.
func (l *laneSender) loop() loop { return loop{l.lane.String(), l.second} }

// gather waits until there is something to send. Each record is read once: when a store comes back, the buffer returns older records
// a single time, whatever position is asked for.
func (l *laneSender) gather(ctx context.Context) ([]buffer.Entry, error) {
	source, platform := l.f.options.Source, l.f.options.Platform
	for ctx.Err() == nil {
		l.f.progress.moved(l.loop(), lookAgain)
		appended := source.Appended(l.lane)
		entries, err := source.Next(platform, l.lane, l.after, l.most(), l.f.options.BatchBytes)
		if err != nil {
			if err := l.unread(ctx, err, appended); err != nil {
				return nil, err
			}
			continue
		}
		l.unable = false
		if len(entries) > 0 {
			l.begun = true
			l.gate.set(l.lane, nil)
			return entries, nil
		}
		l.gate.set(l.lane, appended)
		// The first record over a connection is to be seen at once.
		if awaitAppend(ctx, appended, lookAgain) && l.begun {
			pause(ctx, l.f.options.Linger[l.lane])
		}
	}
	return nil, nil
}

// most bounds the records looked at for one batch. The second way has no pipe
// in which an alarm would stand behind readings: each message is a request.
func (l *laneSender) most() int {
	if l.lane == buffer.Readings && !l.second {
		return l.window.limit()
	}
	return readMost
}

// awaitAppend waits for an append, no longer than d; it reports whether there
// was one.
func awaitAppend(ctx context.Context, appended <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-appended:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// takeTurn waits until the higher lanes have nothing unsent, or had patience
// batches since. It comes last before sending: what became urgent while a batch
// was encoded goes first.
func (l *laneSender) takeTurn(ctx context.Context) {
	since := l.gate.ahead(l.lane)
	for {
		l.f.progress.moved(l.loop(), 0)
		if l.second { // the lane ahead may be waiting for what the platform asked for
			l.f.progress.rests(l.loop())
		}
		open, moved := l.gate.open(l.lane, since)
		if open {
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// unread is a lane that cannot be read just now. It must not hold up the others,
// and is tried again soon, at the next append too: that one may be in memory.
func (l *laneSender) unread(ctx context.Context, err error, appended <-chan struct{}) error {
	if errors.Is(err, buffer.ErrClosed) {
		return err
	}
	if !l.unable {
		l.f.log.Error("lane cannot be read", "lane", l.lane, "error", err)
	}
	l.unable = true
	l.gate.set(l.lane, make(chan struct{}))
	if awaitAppend(ctx, appended, lookAgain) {
		pause(ctx, l.f.options.BackoffMin) // appends may be many
	}
	return nil
}

// pack encodes leading entries until the batch is full.
func (l *laneSender) pack(entries []buffer.Entry) (packed, error) {
	var b packed
	prev, largest := l.prev, 0
	for len(entries) > 0 && len(b.messages) < l.f.options.BatchMessages {
		if len(b.messages) > 0 && b.bytes+largest > l.f.options.BatchBytes {
			break // the next one will hardly fit: spare the encoding
		}
		share := entries
		if l.second {
			share = l.f.second.share(l.lane, entries)
		}
		m, used, err := l.f.options.Encoder.Encode(l.lane, prev, share)
		if bad, ok := errors.AsType[*UnreadableError](err); ok {
			b.bad = bad
			return b, nil
		}
		if err == nil && (used < 1 || used > len(share)) {
			err = fmt.Errorf("the encoder took %d of %d records", used, len(share))
		}
		if err != nil {
			return b, fmt.Errorf("encode %s after seq %d: %w", l.lane, prev.Seq, err)
		}
		last := entries[used-1].Position
		if m.Topic == "" {
			b.skipped = last
		} else {
			if len(b.messages) > 0 && b.bytes+len(m.Payload) > l.f.options.BatchBytes {
				break
			}
			b.messages = append(b.messages, m)
			b.upTo = append(b.upTo, last)
			b.records = append(b.records, used)
			b.bytes += len(m.Payload)
			b.skipped = buffer.Position{}
			largest = max(largest, len(m.Payload))
			prev = last
		}
		entries = entries[used:]
	}
	return b, nil
}

// send hands the batch to the link and confirms what the far side confirmed.
func (l *laneSender) send(ctx context.Context, b packed) error {
	if len(b.messages) > 0 {
		l.f.progress.moved(l.loop(), 0)
		if l.second { // which may wait as long as the platform says, within the link's own limits
			l.f.progress.rests(l.loop())
		}
		start := time.Now()
		n, err := l.link.Send(ctx, b.messages)
		if err == nil {
			l.window.took(sum(b.records), time.Since(start))
		}
		if n > 0 {
			l.prev = b.upTo[n-1]
			l.f.sent[l.lane] = l.prev
			l.session.confirmed.Store(true)
			l.session.carriedOne()
			l.count(b, n)
			if err := l.confirm(l.prev); err != nil {
				return err
			}
		}
		if l.second && errors.Is(err, link.ErrTooLarge) && n < len(b.records) {
			err = l.f.second.halve(l.lane, b.records[n], err)
		}
		if err != nil {
			return fmt.Errorf("send %s: %w", l.lane, err)
		}
	}
	if b.skipped != (buffer.Position{}) {
		return l.confirm(b.skipped)
	}
	return nil
}

func sum(numbers []int) (n int) {
	for _, m := range numbers {
		n += m
	}
	return n
}

func (l *laneSender) count(b packed, n int) {
	l.f.stats.messages.Add(uint64(n))
	for i, m := range b.messages[:n] {
		l.f.stats.bytes.Add(uint64(len(m.Payload)))
		l.f.stats.records[l.lane].Add(uint64(b.records[i]))
	}
}

// confirm moves the cursor. A buffer that cannot take it now takes the next one,
// which covers this one too; until then a restart would send twice.
func (l *laneSender) confirm(upTo buffer.Position) error {
	l.after = upTo
	err := l.f.options.Source.Confirm(l.f.options.Platform, l.lane, upTo)
	if errors.Is(err, buffer.ErrClosed) {
		return err
	}
	if err != nil && !l.silent {
		l.f.log.Error("confirmation not stored", "lane", l.lane, "error", err)
	}
	l.silent = err != nil
	return nil
}

// giveUp passes over a record that cannot be decoded, so that it does not block
// the ones behind it.
func (l *laneSender) giveUp(bad *UnreadableError) error {
	l.f.log.Error("record given up", "lane", l.lane, "error", bad)
	err := l.f.options.Source.GiveUp(l.f.options.Platform, l.lane, bad.Position, buffer.LossUnreadable)
	if errors.Is(err, buffer.ErrClosed) {
		return err
	}
	if err != nil && !errors.Is(err, buffer.ErrNotDurable) {
		return fmt.Errorf("give up a record of %s: %w", l.lane, err)
	}
	l.f.stats.givenUp[l.lane].Add(1)
	l.after = bad.Position
	return nil
}
