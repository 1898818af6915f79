package gateway

import (
	"fmt"
	"slices"
	"strings"

	"watchpost/agent/message"
	"watchpost/agent/sense"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/all"
	"watchpost/drivers/board"
)

// Catalogue lets the configuration loader know the drivers there are.
type Catalogue struct{}

// Names lists the drivers.
func (Catalogue) Names() (names []string) {
	for _, d := range all.Drivers() {
		names = append(names, d.Name)
	}
	return names
}

// Options is a pointer to a driver's fresh options.
func (Catalogue) Options(driver string) (any, bool) {
	d, ok := all.Lookup(driver)
	if !ok {
		return nil, false
	}
	return d.Options(), true
}

// Validate is what the driver says against options that are right one by one but
// not together: what was expected, by key.
func (Catalogue) Validate(_ string, options any) map[string]string {
	o, ok := options.(all.Options)
	if !ok {
		return nil
	}
	wrong := map[string]string{}
	for _, p := range o.Validate() {
		wrong[p.Key] = p.Want
	}
	return wrong
}

// Thresholds reports whether the driver measures a level, which alarms and
// reports compare with lengths.
func (Catalogue) Thresholds(driver string, options any) bool {
	d, ok := all.Lookup(driver)
	return ok && slices.Contains(d.Quantities(options), drivers.Level)
}

// Alarms reports whether the driver measures anything that can be in alarm: a
// level or a contact, not a count of cards.
func (Catalogue) Alarms(driver string, options any) bool {
	d, ok := all.Lookup(driver)
	return ok && slices.ContainsFunc(d.Quantities(options), func(q drivers.Quantity) bool { return q == drivers.Level || q.Contact() })
}

var _ configs.Catalogue = Catalogue{}

// parents names the buses and lines a sensor hangs on: what bus_down says of
// them explains the sensor's fault.
func parents(options any) (names []string) {
	o, ok := options.(all.Options)
	if !ok {
		return nil
	}
	for _, claim := range o.Claims() {
		bus, _, _ := strings.Cut(claim, "@")
		names = append(names, bus)
	}
	return names
}

// buildSensors joins each configured sensor with its driver and bus. No
// hardware is touched.
func buildSensors(cfg *configs.Config, b *board.Board) (sensors []sense.Sensor, err error) {
	for _, c := range cfg.Sensors {
		driver, ok := all.Lookup(c.Driver)
		if !ok {
			return nil, fmt.Errorf("build sensor %s: no driver %q", c.ID, c.Driver)
		}
		built, err := driver.Build(b, c.Options, c.Sample)
		if err != nil {
			return nil, fmt.Errorf("build sensor %s: %w", c.ID, err)
		}
		sensors = append(sensors, sense.Sensor{
			ID:         c.ID,
			Quantities: driver.Quantities(c.Options),
			Sampler:    built.Sampler,
			Watcher:    built.Watcher,
			Every:      c.Sample,
			Report:     policy(c.Report),
		})
	}
	return sensors, nil
}

func policy(r configs.Report) sense.Policy {
	p := sense.Policy{Every: r.Every, InAlarm: r.InAlarm}
	if r.Change != nil {
		p.Change = drivers.Decimal(*r.Change)
	}
	return p
}

// inventory is what messages say of the sensors.
func inventory(cfg *configs.Config) map[string]message.SensorInfo {
	sensors := map[string]message.SensorInfo{}
	for _, c := range cfg.Sensors {
		info := message.SensorInfo{NameZH: c.Name.Zh, NameEN: c.Name.En, Place: sensorPlace(c.Place), Driver: c.Driver}
		if d, ok := all.Lookup(c.Driver); ok {
			for _, q := range d.Quantities(c.Options) {
				info.Kind = string(q)
			}
		}
		sensors[c.ID] = info
	}
	return sensors
}
