package gateway

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	blocked := t.TempDir()
	if err := os.Symlink(filepath.Join(blocked, "nowhere"), filepath.Join(blocked, siteKeyFile)); err != nil {
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
		// The error names a draft, another one each time.
		"key's place": {configs.Config{Data: blocked}, func() error { return os.Remove(filepath.Join(blocked, siteKeyFile)) }},
		"key file":    {configs.Config{Cards: configs.Cards{KeyFile: given}}, func() error { return os.Chmod(given, 0o600) }},
	} {
		var log bytes.Buffer
		g := &gateway{
			cfg: &c.cfg, log: slog.New(slog.NewTextHandler(&log, nil)), health: health.New(time.Now),
			sensors: []sense.Sensor{{ID: "gate", Quantities: []drivers.Quantity{drivers.Card, drivers.Misread}}},
		}
		missing := func() bool {
			return slices.ContainsFunc(g.health.Active(), func(c health.Active) bool { return c.Code == health.SiteKeyMissing })
		}
		supervisor := sense.New(clock.New(clock.Source{}, time.Time{}), nil, nil, nil)
		for range 3 {
			if g.nameCards(supervisor); g.cards != nil || !missing() {
				t.Errorf("%s: there is no site key, and no condition says so", name)
			}
		}
		if err := c.repair(); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 {
			t.Errorf("%s: said %d times:\n%s", name, lines, &log)
		}
		if g.nameCards(supervisor); g.cards == nil || missing() {
			t.Errorf("%s: put right, and still no site key: %+v", name, g.health.Active())
		}
	}
}
