//go:build debian && live

package deb

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// figures are what the live system showed. Seconds are those of an emulated
// machine on a busy one: they say the order, not what a gateway takes.
type figures struct {
	SecondsToActive    float64 `json:"seconds_from_installed_to_active"`
	SecondsAfterKill   float64 `json:"seconds_from_kill_to_active"`
	SecondsAfterFreeze float64 `json:"seconds_from_freeze_to_active"`
	SecondsToStop      float64 `json:"seconds_to_stop"`
	MemoryMB           float64 `json:"memory_mb_of_unit"`
	Exposure           float64 `json:"exposure_live"`
}

// write puts them where WATCHPOST_MEASURED says.
func (f *figures) write(t *testing.T) {
	t.Helper()
	for _, s := range []*float64{&f.SecondsToActive, &f.SecondsAfterKill, &f.SecondsAfterFreeze, &f.SecondsToStop} {
		*s = math.Round(*s*10) / 10
	}
	t.Logf("%+v", *f)
	name := os.Getenv("WATCHPOST_MEASURED")
	if name == "" {
		return
	}
	commit, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatalf("ask git for the commit: %v", err)
	}
	text, err := json.MarshalIndent(map[string]any{
		"what":    "make test-deb-long: the package under a live systemd on an emulated PC",
		"commit":  strings.TrimSpace(string(commit)),
		"date":    time.Now().UTC().Format(time.DateOnly),
		"passed":  !t.Failed(),
		"figures": f,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
