package drivers_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers"
)

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := drivers.Sleep(t.Context(), time.Second); err != nil || time.Since(start) != time.Second {
			t.Errorf("slept %s, %v; want 1s", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := drivers.Sleep(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
			t.Errorf("slept %s, %v; want the context's end after 2s", time.Since(start), err)
		}
		for _, d := range []time.Duration{0, -time.Second} {
			if err := drivers.Sleep(ctx, d); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s in a context that ended: %v", d, err)
			}
		}
	})
}
