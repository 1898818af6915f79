package board_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/relay"
	"watchpost/drivers/sim"
)

var _ relay.Output = (*board.Output)(nil)

func TestOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		real := r.host.Output("gpiochip0:22")
		output := r.board.Output("/dev/gpiochip0:22", true)
		if r.board.Output("gpiochip0:22", true) != output {
			t.Error("one output was made twice")
		}
		if real.Opens() != 0 {
			t.Error("an output was requested before it was set")
		}
		for _, on := range []bool{true, false, true} {
			if err := output.Set(on); err != nil || real.On() != on || real.High() == on {
				t.Errorf("set %t: %v, on %t, high %t", on, err, real.On(), real.High())
			}
		}
		wantReason(t, r.board.Output("gpiochip0:22", false).Set(true), drivers.BadWiring)
		r.close(t)
		if real.On() {
			t.Error("the output is on after the board closed")
		}
		var states []bool
		for _, s := range real.History() {
			states = append(states, s.On)
		}
		if want := []bool{true, false, true, false}; !slices.Equal(states, want) {
			t.Errorf("set %v, want %v", states, want)
		}
	})
}

func TestLineIsInputOrOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		for _, name := range []string{"gpiochip0:1", "gpiochip0:2"} {
			r.host.Line(name)
			r.host.Output(name)
		}
		if _, err := r.board.Line("gpiochip0:1", gpio.PullUp).Level(); err != nil {
			t.Error(err)
		}
		wantReason(t, r.board.Output("/dev/gpiochip0:1", false).Set(true), drivers.BadWiring)
		if r.host.Output("gpiochip0:1").Opens() != 0 {
			t.Error("an input was requested as an output")
		}
		if err := r.board.Output("gpiochip0:2", false).Set(true); err != nil {
			t.Error(err)
		}
		_, err := r.board.Line("gpiochip0:2", gpio.PullUp).Level()
		wantReason(t, err, drivers.BadWiring)
		_, err = r.board.Line("gpiochip0:2", gpio.PullUp).WaitForEdge(time.Second)
		wantReason(t, err, drivers.BadWiring)
		if !r.host.Output("gpiochip0:2").On() {
			t.Error("asked for as an input, the output dropped")
		}
		// Who came first keeps the line.
		if _, err := r.board.Line("gpiochip0:1", gpio.PullUp).Level(); err != nil {
			t.Error(err)
		}
	})
}

// A relay whose line is lost is off, is requested anew, and is on again.
func TestRelayOnTheBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		real := r.host.Output("gpiochip0:22")
		siren := relay.New(r.board.Output("gpiochip0:22", false), relay.Options{})
		ended := make(chan error, 1)
		go func() { ended <- siren.Run(t.Context()) }()
		synctest.Wait()
		if real.Opens() != 1 || real.On() {
			t.Errorf("at the start requested %d times, on %t", real.Opens(), real.On())
		}
		if err := siren.On(); err != nil || !real.On() {
			t.Errorf("on: %v, %t", err, real.On())
		}
		real.Fail(errors.New("no such device"))
		pass(30 * time.Second)
		real.Fail(nil)
		pass(time.Minute)
		if !real.On() || real.Opens() < 2 {
			t.Errorf("its line is back: on %t, requested %d times", real.On(), real.Opens())
		}
		r.wantReports(t, "gpiochip0:22 bus_down", "gpiochip0:22 up")
		if err := siren.Close(); err != nil || real.On() {
			t.Errorf("close: %v, on %t", err, real.On())
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// An output has no way to be read: not through the board, not through its host,
// not by the code that opens it. The last part looks at the source for names that
// would read or reconfigure a line in periph and in go-gpiocdev.
func TestNothingReadsAnOutput(t *testing.T) {
	for typ, want := range map[reflect.Type][]string{
		reflect.TypeFor[board.HostOutput](): {"Close", "Set"},
		reflect.TypeFor[*board.Output]():    {"Set", "String"},
		reflect.TypeFor[relay.Output]():     {"Set"},
	} {
		var got []string
		for method := range typ.Methods() {
			got = append(got, method.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has methods %v, want %v", typ, got, want)
		}
	}
	for _, file := range []string{"output.go", "output_linux.go", "../relay/relay.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range readsOutput(t, string(source)) {
			t.Errorf("%s: %s", file, fault)
		}
	}
}

func TestReadingAnOutputIsFound(t *testing.T) {
	for source, faults := range map[string]int{
		`package x; func f(l *gpiocdev.Line) { _ = l.SetValue(1) }`:         0,
		`package x; func f(l *gpiocdev.Line) { _, _ = l.Value() }`:          1,
		`package x; func f(l *gpiocdev.Line) { _ = l.Reconfigure() }`:       1,
		`package x; func f(p gpio.PinIO) { _, _ = p.Read(), p.Func() }`:     2,
		`package x; import _ "periph.io/x/host/v3/gpioioctl"`:               1,
		`package x; func f() { g(gpiocdev.AsInput) }`:                       1,
		`package x; func f(l outputLine) { h := l.line.Value; _, _ = h() }`: 1,
	} {
		if got := readsOutput(t, source); len(got) != faults {
			t.Errorf("%s: found %q, want %d faults", source, got, faults)
		}
	}
}

// readsOutput is what in a file reads or reconfigures a line.
func readsOutput(t *testing.T, source string) (faults []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		if strings.Contains(spec.Path.Value, "periph.io/") {
			faults = append(faults, "imports "+spec.Path.Value)
		}
	}
	readers := []string{"Read", "Func", "Function", "SetFunc", "In", "Value", "Values", "Reconfigure", "AsInput", "AsIs", "Level", "Info"}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(readers, s.Sel.Name) {
			faults = append(faults, "uses "+s.Sel.Name)
		}
		return true
	})
	return faults
}

func TestSPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		real := r.host.SPI("spidev0.0")
		real.Attach(mirror{})
		port := r.board.SPI("/dev/spidev0.0", 1e12, 0)
		if r.board.SPI("SPI0.0", 1e12, 0) != port {
			t.Error("two spellings of a port are two ports")
		}
		in := []byte{9, 9, 9}
		if err := port.Tx([]byte{1, 2, 3}, in); err != nil || !slices.Equal(in, []byte{254, 253, 252}) {
			t.Errorf("Tx read % x, %v", in, err)
		}
		if err := port.Tx([]byte{1}, nil); err != nil {
			t.Errorf("a transaction that only writes: %v", err)
		}
		if speed, mode := real.Settings(); speed != 1e12 || mode != 0 {
			t.Errorf("opened at %s in %s", speed, mode)
		}
		wantReason(t, r.board.SPI("spidev0.0", 2e12, 0).Tx(nil, in), drivers.BadWiring)
		wantReason(t, r.board.SPI("spidev0.0", 1e12, 3).Tx(nil, in), drivers.BadWiring)
		wantReason(t, r.board.SPI("spidev0.1", 1e12, 0).Tx(nil, in), drivers.Missing)
		wantReason(t, port.Tx([]byte{1, 2}, in), drivers.BadWiring)
		real.Fail(sim.ErrTimeout)
		in = []byte{9}
		wantReason(t, port.Tx([]byte{1}, in), drivers.Stuck)
		if in[0] != 9 {
			t.Error("an error left something in the answer")
		}
	})
}

// mirror answers with the complement of what it gets.
type mirror struct{}

func (mirror) Tx(w, r []byte) error {
	for i := range r {
		r[i] = ^w[i]
	}
	return nil
}

func TestNamesOfPorts(t *testing.T) {
	for in, want := range map[string]string{
		"/dev/spidev0.1": "spidev0.1", "spidev0.1": "spidev0.1", "SPI0.1": "spidev0.1",
		"SPI0": "SPI0", "spidev01.0": "spidev01.0", "spidev0.": "spidev0.", "": "", "reader": "reader",
	} {
		if got := board.SPIName(in); got != want {
			t.Errorf("SPIName(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"/dev/ttyS1": "ttyS1", "ttyS1": "ttyS1", "/dev/serial/by-id/usb-1": "serial/by-id/usb-1",
	} {
		if got := board.SerialName(in); got != want {
			t.Errorf("SerialName(%q) = %q, want %q", in, got, want)
		}
	}
}
