package board

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/warthog618/go-gpiocdev"
	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// OpenEdges requests lines of one chip as inputs in one request, through
// go-gpiocdev: periph drops the kernel's stamps and sequence numbers and cannot
// enlarge the event buffer. Only version 2 of the kernel's interface will do
// (Linux 5.10): version 1 has a request for each line, no order between them and
// no sequence numbers. The stamps are CLOCK_MONOTONIC; asking for another clock
// fails on vendor kernels of 5.10.
func (h *periphHost) OpenEdges(lines []string, opts EdgeOptions) (HostEdges, error) {
	chipName, offsets, err := findLines(lines)
	if err != nil {
		return nil, err
	}
	chip, err := openChip(chipName)
	if err != nil {
		return nil, explain("line", lines[0], "gpio", err)
	}
	defer func() { _ = chip.Close() }() // the lines stay ours without it
	for i, offset := range offsets {
		if offset >= chip.Lines() {
			return nil, missing(fmt.Errorf("open line %s: %s has lines 0 to %d", lines[i], chipName, chip.Lines()-1))
		}
	}
	e := &cdevEdges{offsets: offsets, queue: newEdgeQueue(maxQueuedEdges), values: make([]int, len(offsets)), log: h.log.With("lines", lines)}
	if e.lines, err = chip.RequestLines(offsets, edgeRequest(opts, e.handle)...); err != nil {
		return nil, explain("line", lines[0], "gpio", err)
	}
	return e, nil
}

func openChip(name string) (*gpiocdev.Chip, error) {
	return gpiocdev.NewChip(name, gpiocdev.WithABIVersion(2), gpiocdev.WithConsumer("watchpost"))
}

// findLines finds the one chip of all lines and their offsets on it.
func findLines(lines []string) (chip string, offsets []int, err error) {
	for i, line := range lines {
		on, offset, ok := splitLine(line)
		if !ok {
			if on, offset, err = findNamed(line); err != nil {
				return "", nil, err
			}
		}
		switch {
		case i == 0:
			chip = on
		case chip != on:
			return "", nil, drivers.Because(drivers.BadWiring, fmt.Errorf("open lines %q: %w", lines, errTwoChips(chip, on)))
		case slices.Contains(offsets, offset):
			return "", nil, drivers.Because(drivers.BadWiring, fmt.Errorf("open lines %q: both names are of line %d of %s", lines, offset, on))
		}
		offsets = append(offsets, offset)
	}
	return chip, offsets, nil
}

// findNamed looks for the kernel's name of a line on every chip.
func findNamed(name string) (chip string, offset int, err error) {
	if !realName(name) {
		return "", 0, missing(fmt.Errorf("open line %q: no such name; write gpiochip0:17 for line 17 of the first chip", name))
	}
	chips := gpiocdev.Chips()
	if len(chips) == 0 {
		return "", 0, missing(fmt.Errorf("open line %s: no GPIO chip: kernel older than 5.10, or GPIO not enabled?", name))
	}
	var unread error
	for _, candidate := range chips {
		c, err := openChip(candidate)
		if err != nil {
			unread = err
			continue
		}
		offset, err := c.FindLine(name)
		_ = c.Close() // it was only asked
		if err == nil {
			return candidate, offset, nil
		}
	}
	if unread != nil {
		return "", 0, explain("line", name, "gpio", unread)
	}
	return "", 0, missing(fmt.Errorf("open line %s: no line of that name; write gpiochip0:17 for line 17 of the first chip", name))
}

// edgeRequest is the request in go-gpiocdev's words.
func edgeRequest(opts EdgeOptions, handle gpiocdev.EventHandler) []gpiocdev.LineReqOption {
	edges := gpiocdev.WithBothEdges
	if opts.FallingOnly {
		edges = gpiocdev.WithFallingEdge
	}
	request := []gpiocdev.LineReqOption{
		gpiocdev.AsInput,
		edges,
		gpiocdev.WithMonotonicEventClock,
		gpiocdev.WithEventBufferSize(opts.Buffer),
		gpiocdev.WithEventHandler(handle),
	}
	switch opts.Pull {
	case gpio.PullUp:
		request = append(request, gpiocdev.WithPullUp)
	case gpio.PullDown:
		request = append(request, gpiocdev.WithPullDown)
	case gpio.Float:
		request = append(request, gpiocdev.WithBiasDisabled)
	}
	return request
}

// cdevEdges are lines requested through go-gpiocdev, whose own goroutine reads
// the events and calls handle. That goroutine takes an event that cannot be read
// for none and looks again at once: of a chip that was unplugged it would never
// hear, and spin. So every silence ends with a look at the levels, which fails
// then; the owner closes the request, and the goroutine ends.
type cdevEdges struct {
	lines   *gpiocdev.Lines
	offsets []int
	queue   *edgeQueue
	values  []int
	log     *slog.Logger
	dropped int64 // as told to the log
}

// handle must not wait: Close waits for it.
func (e *cdevEdges) handle(event gpiocdev.LineEvent) { e.queue.put(toEdge(event, e.offsets)) }

func toEdge(event gpiocdev.LineEvent, offsets []int) drivers.Edge {
	return drivers.Edge{
		Line:   slices.Index(offsets, event.Offset),
		Rising: event.Type == gpiocdev.LineEventRisingEdge,
		At:     event.Timestamp,
		Seqno:  event.Seqno,
	}
}

func (e *cdevEdges) Next(edges []drivers.Edge, timeout time.Duration) (int, error) {
	n := e.queue.next(edges, timeout)
	if dropped := e.queue.dropped.Load(); dropped != e.dropped && n == 0 {
		e.log.Warn("edges were lost: nobody fetched them in time", "lost", dropped-e.dropped)
		e.dropped = dropped
	}
	if n > 0 {
		return n, nil
	}
	return 0, e.look()
}

func (e *cdevEdges) look() error {
	if err := e.lines.Values(e.values); err != nil {
		return fmt.Errorf("read levels: %w", err)
	}
	return nil
}

func (e *cdevEdges) Levels() ([]gpio.Level, error) {
	if err := e.look(); err != nil {
		return nil, err
	}
	levels := make([]gpio.Level, len(e.values))
	for i, v := range e.values {
		levels[i] = v != 0
	}
	return levels, nil
}

func (e *cdevEdges) Close() error {
	err := e.lines.Close()
	if errors.Is(err, gpiocdev.ErrClosed) {
		return nil
	}
	return err
}
