package main

import (
	"slices"

	"watchpost/agent/gateway"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/all"
)

// catalogue is the gateway's drivers, with what they say of options that are
// right one by one but not together.
type catalogue struct{ gateway.Catalogue }

var _ configs.Catalogue = catalogue{}

// Validate is what the driver says against options.
func (catalogue) Validate(_ string, options any) map[string]string {
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

// Thresholds reports whether the driver measures anything but contacts.
func (catalogue) Thresholds(driver string, options any) bool {
	d, ok := all.Lookup(driver)
	return ok && slices.ContainsFunc(d.Quantities(options), func(q drivers.Quantity) bool { return !q.Contact() })
}
