package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"watchpost/buffer"
)

// childGrace is what a check that was told to stop gets before it is left.
const childGrace = 5 * time.Second

// exitDamaged is how `watchpost buffer verify` ends for a damaged file.
const exitDamaged = 1

// child looks at a store's file in a process of its own, so that a fault while
// reading a damaged file, or a check that never ends, cannot take the agent
// with it.
type child struct{ executable string }

var _ buffer.Doctor = child{}

// Verify runs `watchpost buffer verify`, which exits with 1 when the file is
// damaged.
func (c child) Verify(ctx context.Context, path string) error {
	_, err := c.run(ctx, "verify", path)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitDamaged {
		return fmt.Errorf("%w: %w", buffer.ErrDamaged, err)
	}
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
	err := cmd.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	err = fmt.Errorf("run buffer %s: %w: %s", verb, err, firstLine(stderr.String()))
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && crashed(exit, stderr.String()) {
		err = fmt.Errorf("%w: %w", buffer.ErrDamaged, err)
	}
	return nil, err
}

// crashed says that a child died of what it read. A signal that comes from
// outside (the service is being stopped, the kernel is short of memory) and lack
// of memory say nothing about the file.
func crashed(exit *exec.ExitError, stderr string) bool {
	status, ok := exit.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		switch status.Signal() {
		case syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP:
			return false
		}
		return true
	}
	// The Go runtime turns most faults into a trace and exit code 2, which is also
	// that of a wrong command line.
	trace := strings.Contains(stderr, "panic: ") || strings.Contains(stderr, "fatal error: ")
	return exit.ExitCode() == 2 && trace && !strings.Contains(stderr, "out of memory")
}

// firstLine keeps a crashed child's stack out of the log.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
