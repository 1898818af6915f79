package page

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"watchpost/agent/health"
	"watchpost/agent/people"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// View is everything the page shows, at one moment. The page never changes one.
type View struct {
	Gateway Gateway
	Version string
	// Build says what it was built with and for, such as go1.26.1 linux/arm.
	Build string
	Run   string
	// Now is when the view was made; all ages are counted from it.
	Now        time.Time
	Sensors    []Sensor
	Alarms     []Alarm
	Conditions []health.Active
	Platforms  []Platform
	Store      Store
	Events     []Event // newest first
	Clock      Clock
	// CountedSince is since when bytes are counted: midnight, or the start of this
	// run if that was later. Zero: not known yet.
	CountedSince time.Time
}

// Gateway says where the gateway stands.
type Gateway struct {
	ID       string // names a place, such as GW-0317
	Compound string
	Building string
}

// Sensor is one quantity of one configured sensor, with its newest sample.
type Sensor struct {
	ID       string
	NameZH   string // shown in both languages where NameEN is empty
	NameEN   string
	Place    string
	Quantity drivers.Quantity
	// Value is nil when Quality is Fault, and is not shown then if it is set.
	Value   *drivers.Decimal
	Unit    drivers.Unit
	Quality drivers.Quality // the zero Quality: no sample yet
	Reason  drivers.Reason
	// Raw is what the newest sample was made from, such as a loop's current; it
	// may be there in a fault. Only the API gives it.
	Raw   drivers.Raw
	At    time.Time // of the newest sample; zero: none yet
	Since time.Time // since when Quality has been what it is; zero: not known
	// Period is the time between samples. Over three of them, and at least 3 s,
	// without a sample the value counts as stale. 0 (a sensor that speaks by itself): never.
	Period time.Duration
	// LastGood is the newest value that was not a fault; nil when there is none.
	LastGood   *drivers.Decimal
	LastGoodAt time.Time
	// veiled is a card reader before somebody without the password: neither value
	// nor times, since they tell when people passed. old says that it is stale.
	veiled, old bool
}

// sampled reports whether there was a sample.
func (x Sensor) sampled() bool { return !x.At.IsZero() || x.veiled && x.Quality != 0 }

// faulty reports a sensor whose newest sample has no value.
func (x Sensor) faulty() bool {
	return x.sampled() && !shown(x) && !(x.veiled && (x.Quality == drivers.Good || x.Quality == drivers.Uncertain))
}

// Alarm is an alarm that holds, or one that lately cleared.
type Alarm struct {
	ID     string
	Sensor string // its id; marks the sensor's row
	TextZH string // one sentence, such as 集水井 1.84 m，高于警戒 1.80 m
	TextEN string
	Level  record.Severity
	State  record.AlarmState
	Since  time.Time
	// KnownBy acknowledged the alarm at KnownSince, saying KnownNote; zero: nobody
	// did. It stays so through the steps that follow. Name and note are shown to
	// those who gave the password only, so TextZH and TextEN must not have them.
	KnownBy, KnownNote string
	KnownSince         time.Time
	// Over says that the condition ended and the alarm only waits for a person.
	Over bool
	// Where it is, what to do now, and whom to call; each may be empty.
	Where       string
	Todo        health.Text
	Duty, Phone string
}

// known reports whether somebody knows of the alarm.
func (a Alarm) known() bool { return a.State == record.Acknowledged || !a.KnownSince.IsZero() }

// The ways to a platform.
const (
	ViaMQTT  = "mqtt"
	ViaHTTPS = "https"
)

// Platform is one receiver and its link.
type Platform struct {
	ID        string
	Connected bool
	// Via is the way that carries the lanes while Connected: ViaMQTT or ViaHTTPS.
	Via string
	// Fallback says that there is a second way.
	Fallback  bool
	Since     time.Time // of the present state; zero: never connected in this run
	LastError string    // for the technician; shown only while not connected
	// Backlog counts the records that wait to be sent, by record.Lane.
	Backlog [3]uint64
	// HoldsDays is how long the store has room for what comes at the present
	// rate, if nothing is sent: 0 while it is not known, and +Inf when nothing comes.
	HoldsDays float64
	// Sent and SentPerDay are bytes sent to it, since View.CountedSince and on
	// average over this run; 0 while it is not known.
	Sent, SentPerDay int64
}

// Waiting is the backlog over all lanes.
func (p Platform) Waiting() uint64 { return p.Backlog[0] + p.Backlog[1] + p.Backlog[2] }

// Store is the buffer on flash.
type Store struct {
	Durable bool  // false: records are kept in memory only
	Bytes   int64 // on flash now
	Cap     int64 // 0: not known
	Written int64 // bytes written to flash since View.CountedSince
	// WrittenPerDay is the average over this run; 0 while it is not known.
	WrittenPerDay int64
}

// Event is one line of the log, in words.
type Event struct {
	At     time.Time
	TextZH string
	TextEN string
	// By did it, saying Note; shown to those who gave the password only.
	By, Note string
	// Private events, such as a card at a door, are shown to those who gave the
	// password only.
	Private bool
}

// Clock says whether something outside has set the time.
type Clock struct {
	Synced bool
	Since  time.Time // since when it is so; zero: not known
}

// Source gives the page what it shows. Both methods are called from many
// goroutines and must not wait for hardware, flash or network.
type Source interface {
	View() View
	// Changed is closed at the next change worth showing. It is taken before
	// View is called, so that no change falls in between.
	Changed() <-chan struct{}
}

// Probe answers the two questions of a supervisor. The error's text is shown to
// whoever asks.
type Probe interface {
	// Live is nil while the process runs as it should.
	Live() error
	// Ready is nil while the pipeline moves: sensors are sampled and records
	// committed. A dead uplink is no reason: a restart would not help.
	Ready() error
}

// What Acknowledge says that people see in words.
var (
	// ErrOver is an alarm that ended before it was acknowledged, or that nobody
	// knows of any more.
	ErrOver = errors.New("nothing is left to acknowledge")
	// ErrNotKept is an acknowledgement that counts until a power cut.
	ErrNotKept = errors.New("acknowledged in memory only")
)

// Options are what a page is made of.
type Options struct {
	Source Source
	Probe  Probe        // nil: always live and ready
	Log    *slog.Logger // nil: silent
	// People keeps the password and who gave it; nil: nobody can log in.
	People *people.Keeper
	// Acknowledge notes that somebody knows of an alarm, durably; nil: alarms
	// cannot be acknowledged here. Its error is shown; one that wraps ErrOver or
	// ErrNotKept in words.
	Acknowledge func(ctx context.Context, alarm, by, note string) error
	// History has the last day of each sensor; nil: there are no charts.
	History History
	// Metrics writes the Prometheus text of /metrics; nil: an empty answer. See
	// Metrics in this package.
	Metrics func(io.Writer)
	// Hosts are the names, beside localhost and IP addresses, under which the
	// page may be asked for. Other names are turned away: a foreign site could
	// have its name resolve to this gateway and read the page (DNS rebinding).
	Hosts []string
	// Zone is where the gateway stands; nil: China's UTC+8.
	Zone *time.Location
}
