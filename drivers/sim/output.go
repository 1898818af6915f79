package sim

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"watchpost/drivers/board"
)

// Switching is one Set of an output, in order.
type Switching struct {
	// Order counts the settings of all outputs of a board, from 1.
	Order int64
	At    time.Time
	On    bool
}

// Output is one simulated output, such as a relay or a siren. It remembers every
// setting. Nothing of it can be read through the board.
type Output struct {
	name  string
	order *atomic.Int64

	// mu guards everything that follows.
	mu        sync.Mutex
	opened    *openOutput
	activeLow bool
	on        bool
	fail      error
	opens     int
	history   []Switching
}

// Output is the output of that name, made at the first call.
func (b *Board) Output(name string) *Output {
	name = board.LineName(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	output, ok := b.outputs[name]
	if !ok {
		output = &Output{name: name, order: &b.order}
		b.outputs[name] = output
	}
	return output
}

// OpenOutput opens an output that Output made; there are no others.
func (b *Board) OpenOutput(name string, activeLow bool) (board.HostOutput, error) {
	b.mu.Lock()
	output, ok := b.outputs[board.LineName(name)]
	b.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("open line %s: no such line", name)
	}
	return output.open(activeLow)
}

// On says whether the output is on.
func (o *Output) On() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.on
}

// High says whether the line is at its high level.
func (o *Output) High() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.on != o.activeLow
}

// History is every setting so far.
func (o *Output) History() []Switching {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.history)
}

// Opens counts how often the line was requested.
func (o *Output) Opens() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opens
}

// Fail lets every Set and request of the line end with err, and the line be off,
// as when its chip was pulled out; nil ends the fault.
func (o *Output) Fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail = err
	if err != nil {
		o.on = false
	}
}

func (o *Output) open(activeLow bool) (board.HostOutput, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.fail != nil:
		return nil, fmt.Errorf("open line %s: %w", o.name, o.fail)
	case o.opened != nil:
		return nil, fmt.Errorf("open line %s: device or resource busy", o.name)
	}
	o.opened = &openOutput{output: o}
	o.activeLow, o.on = activeLow, false
	o.opens++
	return o.opened, nil
}

// openOutput is one request of an output.
type openOutput struct{ output *Output }

func (o *openOutput) Set(on bool) error {
	out := o.output
	out.mu.Lock()
	defer out.mu.Unlock()
	switch {
	case out.opened != o:
		return os.ErrClosed
	case out.fail != nil:
		return out.fail
	}
	out.on = on
	out.history = append(out.history, Switching{Order: out.order.Add(1), At: time.Now(), On: on})
	return nil
}

// Close leaves the line as it is, as the kernel may.
func (o *openOutput) Close() error {
	out := o.output
	out.mu.Lock()
	defer out.mu.Unlock()
	if out.opened == o {
		out.opened = nil
	}
	return nil
}
