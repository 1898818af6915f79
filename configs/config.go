package configs

import "time"

// Config is one gateway's configuration, whole and checked.
type Config struct {
	Version   int        `yaml:"version" required:"true" min:"1" max:"1"`
	Gateway   Gateway    `yaml:"gateway" required:"true"`
	Data      string     `yaml:"data" default:"/var/lib/watchpost" form:"directory"`
	Buffer    Buffer     `yaml:"buffer"`
	Page      Page       `yaml:"page"`
	Platforms []Platform `yaml:"platforms"` // empty: forwards to nobody
	Sensors   []Sensor   `yaml:"sensors"`
}

// Gateway names the place the gateway stands in.
type Gateway struct {
	ID           string   `yaml:"id" required:"true" form:"id"`
	Compound     string   `yaml:"compound"`
	Building     string   `yaml:"building"`
	Organisation string   `yaml:"organisation"` // the property company
	Grid         *Grid    `yaml:"grid"`         // nil: none
	Longitude    *float64 `yaml:"longitude" min:"-180" max:"180"`
	Latitude     *float64 `yaml:"latitude" min:"-90" max:"90"`
}

// Grid is the city's code for the place, and the name of the scheme it is from.
type Grid struct {
	Scheme string `yaml:"scheme" required:"true"`
	Code   string `yaml:"code" required:"true"`
}

// Buffer is what the store may use.
type Buffer struct {
	// CommitEvery is the longest a reading waits in memory: what a power cut
	// may cost.
	CommitEvery time.Duration `yaml:"commit_every" default:"10s" min:"100ms" max:"1h"`
	// MaxBytes caps what the store holds. The most is what a 32-bit processor can
	// map; the least leaves room for an hour of readings.
	MaxBytes Bytes `yaml:"max_bytes" default:"64MB" min:"1MB" max:"512MiB"`
}

// Page is the local page.
type Page struct {
	// Listen is host:port, or "off".
	Listen string `yaml:"listen" default:"127.0.0.1:8080" form:"listen"`
}

// Off reports whether there is to be no page.
func (p Page) Off() bool { return p.Listen == "off" }

// Platform is one receiver.
type Platform struct {
	ID string `yaml:"id" required:"true" form:"id"`
	// Server is tcp://host:port.
	Server string `yaml:"server" required:"true" form:"server"`
	// AllowPlaintext must be true: with tcp anyone on the way can read and change
	// what is sent.
	AllowPlaintext bool `yaml:"allow_plaintext" default:"false"`
	// ClientID is watchpost-<gateway id> unless set.
	ClientID     string        `yaml:"client_id"`
	Username     string        `yaml:"username"`
	PasswordFile string        `yaml:"password_file" form:"file"`
	Root         string        `yaml:"root" default:"watchpost/v1" form:"topic"`
	KeepAlive    time.Duration `yaml:"keep_alive" default:"30s" min:"5s" max:"18h"`
}

// Sensor is one configured thing that is read.
type Sensor struct {
	ID     string `yaml:"id" required:"true" form:"id"`
	Name   Name   `yaml:"name"`
	Place  Place  `yaml:"place"`
	Driver string `yaml:"driver"` // required: sensor in decode.go says so, and which there are
	// Options is the driver's own options, as Catalogue made them and the file
	// filled them; its keys stand beside the sensor's.
	Options any           `yaml:"-"`
	Sample  time.Duration `yaml:"sample" default:"1s" min:"10ms" max:"24h"`
	Report  Report        `yaml:"report"`
	Alarm   *Alarm        `yaml:"alarm"` // nil: raises none
}

// Name is what people call a sensor. Either may be empty; show the id then.
type Name struct {
	Zh string `yaml:"zh"`
	En string `yaml:"en"`
}

// Place is where a sensor is, within the gateway's place.
type Place struct {
	Building string `yaml:"building"`
	Unit     string `yaml:"unit"`
	Room     string `yaml:"room"`
	At       string `yaml:"at"` // free text
}

// Report is what is sent of what is sampled. A change of quality or of a
// contact always reports.
type Report struct {
	Every time.Duration `yaml:"every" default:"5m" min:"100ms" max:"24h"`
	// Change reports at once when the value moved by this much; nil: never.
	Change *Length `yaml:"change" min:"1mm"`
	// InAlarm replaces Every while the sensor is in alarm.
	InAlarm time.Duration `yaml:"in_alarm" default:"1s" min:"100ms" max:"24h"`
}

// Alarm is a sensor's rule. A level has both thresholds, a contact neither: it
// is in alarm when it is active.
type Alarm struct {
	Above      *Length `yaml:"above"`
	ClearBelow *Length `yaml:"clear_below"`
	Level      Level   `yaml:"level" required:"true"`
}

// Level is how grave an alarm is.
type Level string

// The levels of China's emergency warnings, mildest first.
const (
	Blue   Level = "blue"
	Yellow Level = "yellow"
	Orange Level = "orange"
	Red    Level = "red"
)

// Values lists the levels.
func (Level) Values() []string {
	return []string{string(Blue), string(Yellow), string(Orange), string(Red)}
}
