package watchdog

import (
	"context"
	"log/slog"
	"time"
)

// share is the part of the manager's timeout after which it is fed again. A
// quarter leaves three more tries when the machine is busy.
const share = 4

// refresh is how often the status is looked at where the manager does not
// watch.
const refresh = 15 * time.Second

// Probe is one room's word on itself.
type Probe struct {
	Room string
	// Stalled is nil while the room moves, or has nothing to do; otherwise it
	// says what has not moved, and for how long. It must change nothing. A probe
	// that does not return stops the feeding too.
	Stalled func() error
}

// Options make a Feeder.
type Options struct {
	Manager *Manager // nil: nobody listens
	Probes  []Probe
	// Status is one sentence for people on how the agent does; nil: none.
	Status func() string
	Log    *slog.Logger // nil: silent
}

// Feeder is the agent's side of the watchdog. Run it once.
type Feeder struct {
	options Options
	status  string
	unheard bool            // that the manager cannot be told was logged
	stalled map[string]bool // rooms that were logged as stalled
}

// New makes a Feeder.
func New(options Options) *Feeder {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Feeder{options: options, stalled: map[string]bool{}}
}

// Run tells the manager that the agent is ready when ready is closed, then its
// status at each change, and feeds the watchdog while no probe is stalled. When
// ctx ends it says that the agent is stopping, and returns.
func (f *Feeder) Run(ctx context.Context, ready <-chan struct{}) {
	if f.options.Manager == nil {
		return
	}
	select {
	case <-ready:
		f.tell("READY=1")
	case <-ctx.Done():
		f.tell("STOPPING=1")
		return
	}
	every := f.options.Manager.Timeout() / share
	if every <= 0 {
		every = refresh
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		f.turn()
		select {
		case <-ctx.Done():
			f.tell("STOPPING=1")
			return
		case <-ticker.C:
		}
	}
}

// turn feeds the watchdog when all rooms move, and renews the status.
func (f *Feeder) turn() {
	var lines []string
	if f.moving() && f.options.Manager.Timeout() > 0 {
		lines = append(lines, "WATCHDOG=1")
	}
	if f.options.Status != nil {
		if status := f.options.Status(); status != f.status {
			f.status = status
			lines = append(lines, "STATUS="+status)
		}
	}
	if len(lines) > 0 {
		f.tell(lines...)
	}
}

// moving asks every room, so that the log names all that are stalled.
func (f *Feeder) moving() bool {
	all := true
	for _, p := range f.options.Probes {
		err := p.Stalled()
		all = all && err == nil
		if was := f.stalled[p.Room]; was == (err != nil) {
			continue
		}
		f.stalled[p.Room] = err != nil
		if err != nil {
			f.options.Log.Error("room is stalled, the watchdog is not fed", "stalled", p.Room, "err", err)
		} else {
			f.options.Log.Info("room moves again", "stalled", p.Room)
		}
	}
	return all
}

// tell logs only the first of several failures in a row.
func (f *Feeder) tell(assignments ...string) {
	err := f.options.Manager.Tell(assignments...)
	if err != nil && !f.unheard {
		f.options.Log.Warn("service manager was not told", "err", err)
	}
	if f.unheard = err != nil; f.unheard {
		f.status = "" // to be told again
	}
}
