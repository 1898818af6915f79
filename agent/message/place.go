package message

import "watchpost/drivers"

// Place says where something is, in the words a platform files it under. Empty
// fields are left out.
type Place struct {
	// Grid is the urban management grid cell; its code is kept as it was given,
	// since length and make-up depend on the scheme: 15 digits for GB/T 30428.1
	// and DB11, 20 for CJ/T 349-2010.
	Grid         *Grid            `json:"grid,omitempty"`
	Compound     string           `json:"compound,omitempty"`
	Building     string           `json:"building,omitempty"`
	Unit         string           `json:"unit,omitempty"`
	Room         string           `json:"room,omitempty"`
	Text         string           `json:"text,omitempty"`
	Longitude    *drivers.Decimal `json:"longitude,omitempty"` // degrees, WGS 84
	Latitude     *drivers.Decimal `json:"latitude,omitempty"`
	Organisation string           `json:"organisation,omitempty"` // property company
}

// Grid is a grid code and the scheme it belongs to.
type Grid struct {
	Scheme string `json:"scheme"`
	Code   string `json:"code"`
}

func (p Place) isZero() bool { return p == Place{} }

// within fills p, a sensor's place, from its gateway's. Grid, compound and
// organisation are taken over one by one. The rest is one address: half of the
// gateway's would put the sensor where nothing is.
func (p Place) within(gateway Place) Place {
	address := p
	address.Grid, address.Compound, address.Organisation = nil, "", ""
	if address.isZero() {
		address = gateway
	}
	address.Grid, address.Compound, address.Organisation = p.Grid, p.Compound, p.Organisation
	if address.Grid == nil {
		address.Grid = gateway.Grid
	}
	if address.Compound == "" {
		address.Compound = gateway.Compound
	}
	if address.Organisation == "" {
		address.Organisation = gateway.Organisation
	}
	return address
}
