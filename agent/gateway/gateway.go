package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/health"
	"watchpost/agent/page"
	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/agent/watchdog"
	"watchpost/buffer"
	"watchpost/configs"
	"watchpost/drivers/board"
)

// The times of starting and stopping.
const (
	// storeWait is how long the pipeline waits for the store before it starts
	// on memory; sensors are read meanwhile.
	storeWait = 2 * time.Second
	// observationQueue holds what sensors say while the pipeline waits for a
	// slow store: at 32 sensors and 1 Hz half a minute.
	observationQueue = 1024
	// boardGrace is what open buses get to end their transactions.
	boardGrace = 2 * time.Second
	// housekeepingEvery is the pace of looking at clock and store for
	// conditions nobody announces.
	housekeepingEvery = 5 * time.Second
	// newsFor is how long something that happened once is shown as a condition.
	newsFor = 24 * time.Hour
	// heldFor is how long a connection must hold before nobody else is taken to
	// use our client id.
	heldFor = time.Minute
)

// Options are what Run needs beside the configuration.
type Options struct {
	// Host is the hardware.
	Host board.Host
	// Executable is this program, for checking a store in a process of its own;
	// empty checks it in this one.
	Executable string
	// Version is shown on the page and in state; BuiltAt is the earliest time
	// the clock can be right about, zero when unknown.
	Version string
	BuiltAt time.Time
	// Reconnect bounds the wait between two attempts to reach a platform; zero
	// means a minute, which spares a fleet's platform.
	Reconnect time.Duration
	// Page serves the page in place of the configured address; nil opens that
	// one. Run closes it.
	Page net.Listener
	// Dial makes the connections that MQTT runs on, in tests; nil means TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Clock replaces the system's clock in tests; nil means clock.System.
	Clock *clock.Source
	// Manager is the service manager, nil when none started this process. It is
	// told that the agent is ready when sensors are taken in: the store is open
	// then, or has been waited for long enough.
	Manager  *watchdog.Manager
	Language configs.Language // of what the manager is told
	Log      *slog.Logger     // nil: silent
}

// gateway is one running agent.
type gateway struct {
	cfg      *configs.Config
	opts     Options
	log      *slog.Logger
	clock    *clock.Clock
	boots    *clock.Table      // boot to UTC
	cards    *sense.Pseudonyms // nil: no reader, or no site key yet
	keyless  bool              // it was said that there is no site key
	health   *health.Table
	board    *board.Board
	buffer   *buffer.Buffer
	live     *live
	wear     wear
	clockIs  standing
	changed  *broadcast // documents and page
	sampled  *broadcast // page only: a reading was taken in
	sensors  []sense.Sensor
	uplinks  []*uplink
	pipeline *pipeline
	siren    *siren // nil: no output
	page     *page.Page
	listener net.Listener // nil: no page
}

// Run is the agent from start to orderly end. It returns nil when ctx ended,
// and an error when it cannot start: a configuration no sensor can be built
// from, an address that is taken, a data directory another process holds.
// Missing hardware, a damaged store and a dead platform are no errors: they
// are conditions, and Run goes on.
func Run(ctx context.Context, cfg *configs.Config, opts Options) error {
	g, err := build(ctx, cfg, opts)
	if err != nil {
		return err
	}
	g.run(ctx)
	return g.close()
}

// build makes every room without touching a sensor or a platform.
func build(ctx context.Context, cfg *configs.Config, opts Options) (_ *gateway, err error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	g := &gateway{cfg: cfg, opts: opts, log: opts.Log, changed: newBroadcast(), sampled: newBroadcast(), health: health.New(time.Now)}
	source, err := clockSource(opts.Clock)
	if err != nil {
		return nil, err
	}
	g.clock, g.boots = clock.New(source, opts.BuiltAt), clock.NewTable()
	g.board = board.New(opts.Host, board.Options{Report: g.reportBus})
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	if g.sensors, err = buildSensors(cfg, g.board); err != nil {
		return nil, err
	}
	for _, c := range cfg.Sensors {
		for _, parent := range parents(c.Options) {
			g.health.Belongs(c.ID, parent)
		}
	}
	g.listener = opts.Page
	if g.listener == nil && !cfg.Page.Off() {
		var lc net.ListenConfig
		if g.listener, err = lc.Listen(ctx, "tcp", cfg.Page.Listen); err != nil {
			return nil, fmt.Errorf("open page on %s: %w", cfg.Page.Listen, err)
		}
	}
	if g.buffer, err = g.openBuffer(); err != nil {
		return nil, err
	}
	if cfg.Output != nil {
		g.siren = newSiren(cfg.Output, g.board)
	}
	g.live = newLive()
	g.pipeline = newPipeline(g)
	for _, platform := range cfg.Platforms {
		u, err := g.newUplink(platform)
		if err != nil {
			return nil, err
		}
		g.uplinks = append(g.uplinks, u)
	}
	g.page, err = page.New(page.Options{Source: g, Probe: g, Acknowledge: g.AcknowledgeAlarm, History: g, People: g.people(), Metrics: g.metrics, Log: g.log.With("room", "page")})
	if err != nil {
		return nil, err
	}
	return g, nil
}

func clockSource(given *clock.Source) (clock.Source, error) {
	if given != nil {
		return *given, nil
	}
	return clock.System()
}

// openBuffer opens the store; what is wrong with it becomes a condition.
func (g *gateway) openBuffer() (*buffer.Buffer, error) {
	var platforms []string
	for _, p := range g.cfg.Platforms {
		platforms = append(platforms, p.ID)
	}
	var doctor buffer.Doctor = buffer.InProcess{}
	if g.opts.Executable != "" {
		doctor = child{executable: g.opts.Executable}
	}
	return buffer.Open(buffer.Options{
		Dir:         g.cfg.Data,
		Platforms:   platforms,
		CommitEvery: g.cfg.Buffer.CommitEvery,
		MaxBytes:    int64(g.cfg.Buffer.MaxBytes),
		Doctor:      doctor,
		Log:         g.log.With("room", "buffer"),
		EncodeLoss: func(loss buffer.Loss) []byte {
			g.health.Set(health.RecordsLost, "", fmt.Sprintf("%s: %d (%s)", loss.Lane, loss.Count, loss.Reason))
			return record.EncodeEvent(record.Event{At: g.clock.Now(), Kind: record.EventLoss, Loss: recordLoss(loss)})
		},
		Notify: func(s buffer.State) {
			set(g.health, !s.Durable, health.StoreNotDurable, "", s.Why)
			if s.Quarantined != "" {
				g.health.Set(health.StoreQuarantined, "", s.Quarantined)
			}
		},
	})
}

// run starts the rooms and stops them in the order that loses nothing: first
// the sensors, then the pipeline when it has taken in what they said, then the
// uplinks, which say goodbye, and the page last.
func (g *gateway) run(ctx context.Context) {
	observations := make(chan sense.Observation, observationQueue)
	supervisor := sense.New(g.clock, func(o sense.Observation) { observations <- o }, g.live.inAlarm, g.log.With("room", "sense"))
	g.nameCards(supervisor)

	late, stopLate := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLate()
	var outlets sync.WaitGroup
	for _, u := range g.uplinks {
		outlets.Go(func() {
			select { // what is sent first is corrected by what earlier runs knew of the clock
			case <-g.pipeline.started:
			case <-late.Done():
				return
			}
			if err := u.forwarder.Run(late); err != nil && !errors.Is(err, context.Canceled) {
				g.log.Error("uplink ended", "platform", u.platform.ID, "err", err)
			}
		})
	}
	if g.listener != nil {
		outlets.Go(func() {
			if err := g.page.Serve(late, g.listener); err != nil {
				g.log.Error("page ended", "err", err)
			}
		})
	}
	if g.siren != nil {
		outlets.Go(func() { g.siren.run(late, g) })
	}
	outlets.Go(func() { g.housekeep(late, supervisor) })
	outlets.Go(func() { g.health.Run(late) })
	outlets.Go(func() { g.relayHealth(late) })
	outlets.Go(func() { g.tellManager(ctx) })

	fixes := make(chan clock.Fix)
	var work, watch sync.WaitGroup
	work.Go(func() { g.pipeline.run(ctx, observations, fixes) })
	watch.Go(func() { g.watchClock(ctx, fixes) })
	supervisor.Run(ctx, g.sensors)
	watch.Wait()
	close(observations)
	work.Wait()
	stopLate()
	outlets.Wait()
}

// close releases what build opened, in reverse.
func (g *gateway) close() error {
	var errs []error
	if g.buffer != nil {
		errs = append(errs, g.buffer.Close())
	}
	if g.listener != nil {
		if err := g.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err) // the page, once served, has closed it
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), boardGrace)
	defer cancel()
	return errors.Join(append(errs, g.board.Close(ctx))...)
}

// watchClock hands on what the table learns of the clock, until ctx ends.
func (g *gateway) watchClock(ctx context.Context, fixes chan<- clock.Fix) {
	g.boots.Watch(ctx, g.clock, housekeepingEvery, func(fix clock.Fix) {
		select {
		case fixes <- fix:
		case <-ctx.Done():
		}
	})
}

// reportBus is called by the board with the bus locked.
func (g *gateway) reportBus(device string, err error) {
	if g.cfg.Output != nil && device == board.LineName(g.cfg.Output.Line) {
		return // no sensor hangs on it; the siren has a condition of its own
	}
	if err != nil {
		g.log.Warn("bus is down", "bus", device, "err", err)
		g.health.Set(health.BusDown, device, err.Error())
		return
	}
	g.log.Info("bus answers again", "bus", device)
	g.health.Clear(health.BusDown, device)
}

// housekeep looks for conditions nobody announces, and again for what was missing.
func (g *gateway) housekeep(ctx context.Context, supervisor *sense.Supervisor) {
	ticker := time.NewTicker(housekeepingEvery)
	defer ticker.Stop()
	for {
		g.nameCards(supervisor)
		set(g.health, !g.clock.Now().Synced, health.ClockUnsynced, "", "")
		stats := g.buffer.Stats()
		set(g.health, stats.LiveBytes > stats.MaxBytes/10*9, health.StoreNearlyFull, "",
			fmt.Sprintf("%d of %d bytes", stats.LiveBytes, stats.MaxBytes))
		g.wear.turn(g.clock.Now(), stats.BytesWritten)
		g.clockIs.see(g.clock.Now())
		for _, u := range g.uplinks {
			u.sent.turn(g.clock.Now(), u.bytesSent())
			if s := u.linkState(); s.Connected && time.Since(s.Since) > heldFor {
				g.health.Clear(health.DuplicateClientID, u.platform.ID)
			}
			set(g.health, u.unheard(time.Now()), health.UplinkUnheard, u.platform.ID, "")
		}
		for _, c := range g.health.Active() {
			if (c.Code == health.RecordsLost || c.Code == health.StoreQuarantined) && time.Since(c.Since) > newsFor {
				g.health.Clear(c.Code, c.Subject)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// relayHealth makes a change of conditions a change of documents and page.
func (g *gateway) relayHealth(ctx context.Context) {
	for {
		changed := g.health.Changed()
		g.changed.notify()
		g.sampled.notify()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// set sets a condition while it holds and clears it when it does not.
func set(t *health.Table, holds bool, code health.Code, subject, detail string) {
	if holds {
		t.Set(code, subject, detail)
	} else {
		t.Clear(code, subject)
	}
}
