package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/sense"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/all"
	"watchpost/drivers/board"
)

// Readout reads the sensors named by ids, or all of them when there are none,
// straight from the hardware until ctx ends, and hands each observation to
// each, one at a time. Nothing is stored, raised or sent. It is for checking
// wiring while the agent does not run: the kernel lets only one program have a
// GPIO line or a serial port. Errors are those of the configuration; what is
// wrong with a sensor comes as a reading of quality fault.
func Readout(ctx context.Context, cfg *configs.Config, ids []string, host board.Host, log *slog.Logger, each func(sense.Observation)) (err error) {
	chosen, err := choose(cfg, ids)
	if err != nil {
		return err
	}
	source, err := clock.System()
	if err != nil {
		return err
	}
	b := board.New(host, board.Options{})
	defer func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), boardGrace)
		defer cancel()
		err = errors.Join(err, b.Close(grace))
	}()
	sensors, err := buildSensors(chosen, b)
	if err != nil {
		return err
	}
	sense.New(clock.New(source, time.Time{}), each, nil, log).Run(ctx, sensors)
	return nil
}

// Observed is one quantity of one configured sensor.
type Observed struct {
	Sensor   string
	Quantity drivers.Quantity
}

// Plan lists what the sensors named by ids observe, or all sensors when there
// are none, in the order of the configuration. An id the configuration does not
// have is an *UnknownSensorError.
func Plan(cfg *configs.Config, ids []string) (plan []Observed, err error) {
	chosen, err := choose(cfg, ids)
	if err != nil {
		return nil, err
	}
	for _, s := range chosen.Sensors {
		driver, ok := all.Lookup(s.Driver)
		if !ok {
			return nil, fmt.Errorf("read sensor %s: no driver %q", s.ID, s.Driver)
		}
		for _, q := range driver.Quantities(s.Options) {
			plan = append(plan, Observed{Sensor: s.ID, Quantity: q})
		}
	}
	return plan, nil
}

// choose is cfg with the sensors of these ids only.
func choose(cfg *configs.Config, ids []string) (*configs.Config, error) {
	if len(ids) == 0 {
		return cfg, nil
	}
	chosen := *cfg
	chosen.Sensors = nil
	for _, id := range ids {
		at := slices.IndexFunc(cfg.Sensors, func(s configs.Sensor) bool { return s.ID == id })
		if at < 0 {
			return nil, &UnknownSensorError{ID: id, Known: sensorIDs(cfg)}
		}
		chosen.Sensors = append(chosen.Sensors, cfg.Sensors[at])
	}
	return &chosen, nil
}

// UnknownSensorError is the error of an id that the configuration does not have.
type UnknownSensorError struct {
	ID    string
	Known []string // the ids it has
}

func (e *UnknownSensorError) Error() string {
	known := "none"
	if len(e.Known) > 0 {
		known = strings.Join(e.Known, ", ")
	}
	return fmt.Sprintf("read sensor %q: the configuration has no such sensor; it has %s", e.ID, known)
}

func sensorIDs(cfg *configs.Config) (ids []string) {
	for _, s := range cfg.Sensors {
		ids = append(ids, s.ID)
	}
	return ids
}
