package gateway

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"watchpost/agent/health"
	"watchpost/agent/sense"
	"watchpost/drivers"
)

// siteKeyFile is the site key the agent makes itself, in the data directory.
const siteKeyFile = "site.key"

// pseudonyms is what names cards. Nil without a reader, and when the site key
// cannot be had: cards are then told without identity, and a condition says why.
func (g *gateway) pseudonyms() *sense.Pseudonyms {
	if !slices.ContainsFunc(g.sensors, func(s sense.Sensor) bool { return slices.Contains(s.Quantities, drivers.Card) }) {
		return nil
	}
	key, err := g.siteKey()
	if err == nil {
		var p *sense.Pseudonyms
		if p, err = sense.NewPseudonyms(key); err == nil {
			return p
		}
	}
	g.log.Error("no site key: cards are told without identity", "err", err)
	g.health.Set(health.SiteKeyMissing, "", err.Error())
	return nil
}

// siteKey reads the configured key, or the agent's own, which it makes at first.
func (g *gateway) siteKey() ([]byte, error) {
	if g.cfg.Cards.KeyFile != "" {
		return sense.LoadSiteKey(g.cfg.Cards.KeyFile)
	}
	path := filepath.Join(g.cfg.Data, siteKeyFile)
	key, err := sense.LoadSiteKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sense.CreateSiteKey(path)
	}
	return key, err
}
