package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"watchpost/buffer"
)

// childGrace is what a check that was told to stop gets before it is left.
const childGrace = 5 * time.Second

// child looks at a store's file in a process of its own, so that a fault while
// reading a damaged file, or a check that never ends, cannot take the agent
// with it.
type child struct{ executable string }

var _ buffer.Doctor = child{}

// Verify runs `watchpost buffer verify`.
func (c child) Verify(ctx context.Context, path string) error {
	_, err := c.run(ctx, "verify", path)
	return err
}

// Salvage runs `watchpost buffer salvage`, which prints its report as JSON.
func (c child) Salvage(ctx context.Context, src, dst string) (buffer.SalvageReport, error) {
	out, err := c.run(ctx, "salvage", "--json", src, dst)
	if err != nil {
		return buffer.SalvageReport{}, err
	}
	var report buffer.SalvageReport
	if err := json.Unmarshal(out, &report); err != nil {
		return buffer.SalvageReport{}, fmt.Errorf("read report of buffer salvage: %w", err)
	}
	return report, nil
}

func (c child) run(ctx context.Context, verb string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.executable, append([]string{"buffer", verb}, args...)...)
	cmd.WaitDelay = childGrace
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("run buffer %s: %w: %s", verb, err, firstLine(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// firstLine keeps a crashed child's stack out of the log.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
