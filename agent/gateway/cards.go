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

// nameCards gives the supervisor what names cards, once there is a site key: a
// data directory that comes late, or a key file put right, needs no restart.
// Until then cards are told without identity, and a condition says why.
func (g *gateway) nameCards(s *sense.Supervisor) {
	hasReader := func(s sense.Sensor) bool { return slices.Contains(s.Quantities, drivers.Card) }
	if g.cards != nil || !slices.ContainsFunc(g.sensors, hasReader) {
		return
	}
	key, err := g.siteKey()
	if err == nil {
		g.cards, err = sense.NewPseudonyms(key)
	}
	if err == nil {
		s.Identify(g.cards)
		g.health.Clear(health.SiteKeyMissing, "")
		return
	}
	if !g.keyless { // said once: the words of a full disk differ each time
		g.keyless = true
		g.log.Error("no site key: cards are told without identity", "err", err)
		g.health.Set(health.SiteKeyMissing, "", err.Error())
	}
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
