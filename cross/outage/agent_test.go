//go:build broker

package outage

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"watchpost/agent/gateway"
	"watchpost/configs"
	"watchpost/drivers/sim"
)

// The agent under test runs in a process of its own, this test program started
// again, so that it can be killed. It is the whole gateway wiring with the real
// drivers; only the chips are simulated.
const (
	envConfig = "WATCHPOST_OUTAGE_CONFIG"
	envLedger = "WATCHPOST_OUTAGE_LEDGER"
	envFirst  = "WATCHPOST_OUTAGE_FIRST" // first value of every sensor in this life
	envDoor   = "WATCHPOST_OUTAGE_DOOR"  // "open" or "closed" at the start
	envSmoke  = "WATCHPOST_OUTAGE_SMOKE" // "alarm" or "normal" at the start
)

// The hardware: one count of the converter is one millimetre of water, so that
// every sample has a value of its own.
const (
	levelSensors = 20
	perBus       = 8
	fourMilliamp = 4800 // counts at 4 mA over 150 ohm, 125 µV each
	doorLine     = "gpiochip0:27"
	smokeLine    = "gpiochip0:17"
)

func TestMain(m *testing.M) {
	if os.Getenv(envConfig) == "" {
		os.Exit(m.Run())
	}
	if err := runAgent(); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

func runAgent() error {
	cfg, err := configs.Load(os.Getenv(envConfig), gateway.Catalogue{})
	if err != nil {
		return err
	}
	// The ledger knows samples: each is reported, also one that follows soon on one
	// that was late.
	for i := range cfg.Sensors {
		if cfg.Sensors[i].Driver == "ads1115" {
			cfg.Sensors[i].Report.Every = time.Millisecond
		}
	}
	ledger, err := os.OpenFile(os.Getenv(envLedger), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(os.Getenv(envFirst))
	if err != nil {
		return err
	}
	board := newBoard(ledger, int64(first))
	setDoor(board, os.Getenv(envDoor))
	setSmoke(board, os.Getenv(envSmoke))
	go func() {
		for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
			switch what, state, _ := strings.Cut(orders.Text(), " "); what {
			case "door":
				setDoor(board, state)
			case "smoke":
				setSmoke(board, state)
			}
		}
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return gateway.Run(ctx, cfg, gateway.Options{
		Host:      board,
		Reconnect: 2 * time.Second, // not a minute: the test is to end soon
		Log:       slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
}

// newBoard has converters whose inputs rise by one count at each conversion. Each
// conversion is written to the ledger before the driver can read it.
func newBoard(ledger *os.File, first int64) *sim.Board {
	board := sim.NewBoard()
	for chip := range levelSensors / 4 {
		var counts [4]atomic.Int64
		adc := sim.NewADS1115(func(channel int) physic.ElectricPotential {
			n := first + counts[channel].Add(1)
			return physic.ElectricPotential(fourMilliamp+n) * 125 * physic.MicroVolt
		})
		adc.OnConversion(func(channel int, code int16) {
			line := fmt.Sprintf("%s %d %d\n", sensorName(chip*4+channel), int(code)-fourMilliamp, sinceBoot())
			if _, err := ledger.WriteString(line); err != nil {
				fmt.Fprintln(os.Stderr, "write ledger:", err)
				os.Exit(3)
			}
		})
		board.I2C(busName(chip)).Attach(uint16(0x48+chip%4), adc)
	}
	return board
}

func busName(chip int) string { return fmt.Sprintf("i2c-%d", chip/(perBus/4)) }

func sensorName(n int) string { return fmt.Sprintf("level-%02d", n) }

func setDoor(board *sim.Board, state string) {
	board.Line(doorLine).Set(gpio.Level(state == "open"))
}

func setSmoke(board *sim.Board, state string) {
	board.Line(smokeLine).Set(gpio.Level(state != "alarm"))
}
