package gateway

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/health"
	"watchpost/agent/sense"
	"watchpost/configs"
	"watchpost/drivers"
)

// A site key that cannot be had at first is looked for again: nobody restarts a
// gateway because its data directory came late, or a key file's mode was put right.
func TestSiteKeyComesLate(t *testing.T) {
	own, given := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "site.key")
	if _, err := sense.CreateSiteKey(given); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(given, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg    configs.Config
		repair func() error
	}{
		"data directory": {configs.Config{Data: own}, func() error { return os.Mkdir(own, 0o700) }},
		"key file":       {configs.Config{Cards: configs.Cards{KeyFile: given}}, func() error { return os.Chmod(given, 0o600) }},
	} {
		g := &gateway{
			cfg: &c.cfg, log: slog.New(slog.DiscardHandler), health: health.New(time.Now),
			sensors: []sense.Sensor{{ID: "gate", Quantities: []drivers.Quantity{drivers.Card, drivers.Misread}}},
		}
		missing := func() bool {
			return slices.ContainsFunc(g.health.Active(), func(c health.Active) bool { return c.Code == health.SiteKeyMissing })
		}
		supervisor := sense.New(clock.New(clock.Source{}, time.Time{}), nil, nil, nil)
		for range 2 {
			if g.nameCards(supervisor); g.cards != nil || !missing() {
				t.Errorf("%s: there is no site key, and no condition says so", name)
			}
		}
		if err := c.repair(); err != nil {
			t.Fatal(err)
		}
		if g.nameCards(supervisor); g.cards == nil || missing() {
			t.Errorf("%s: put right, and still no site key: %+v", name, g.health.Active())
		}
	}
}
