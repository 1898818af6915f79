package forward

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/link"
	"watchpost/buffer"
)

// emptySource has nothing to send, ever.
type emptySource struct{}

func (emptySource) Next(string, buffer.Lane, buffer.Position, int, int) ([]buffer.Entry, error) {
	return nil, nil
}
func (emptySource) Appended(buffer.Lane) <-chan struct{}               { return make(chan struct{}) }
func (emptySource) Cursor(string, buffer.Lane) buffer.Position         { return buffer.Position{} }
func (emptySource) Confirm(string, buffer.Lane, buffer.Position) error { return nil }
func (emptySource) GiveUp(string, buffer.Lane, buffer.Position, buffer.LossReason) error {
	return nil
}

// oneRecord has one alarm that is never confirmed.
type oneRecord struct{ emptySource }

func (oneRecord) Next(_ string, l buffer.Lane, _ buffer.Position, _, _ int) ([]buffer.Entry, error) {
	if l != buffer.Alarms {
		return nil, nil
	}
	return []buffer.Entry{{Position: buffer.Position{Seq: 1}}}, nil
}

type plainEncoder struct{}

func (plainEncoder) Encode(buffer.Lane, buffer.Position, []buffer.Entry) (link.Message, int, error) {
	return link.Message{Topic: "t"}, 1, nil
}

// dialFunc is a Dialer.
type dialFunc func(context.Context) (link.Link, error)

func (d dialFunc) Dial(ctx context.Context, _ link.Opening) (link.Link, error) { return d(ctx) }

// heldLink is a connection whose Send waits for release, whatever the context
// says: a call that is stuck.
type heldLink struct{ release chan struct{} }

func (h heldLink) Send(_ context.Context, batch []link.Message) (int, error) {
	<-h.release
	return len(batch), nil
}
func (heldLink) Done() <-chan struct{} { return nil }
func (heldLink) Err() error            { return nil }
func (heldLink) Close() error          { return nil }

// run runs a Forwarder on simulated time and hands it to look.
func runForwarder(t *testing.T, o Options, look func(f *Forwarder)) {
	t.Helper()
	o.Platform, o.Encoder = "city", plainEncoder{}
	if o.Source == nil {
		o.Source = emptySource{}
	}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	look(f)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(f.progress.due) > 0 {
		t.Errorf("loops that ended are still waited for: %v", f.progress.due)
	}
}

// calmFor looks at the Forwarder each minute of a day.
func calmFor(t *testing.T, f *Forwarder) {
	t.Helper()
	for range 24 * 60 {
		<-time.After(time.Minute)
		if err := f.Stalled(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAbsentPlatformIsNoStall(t *testing.T) {
	for name, dial := range map[string]dialFunc{
		"away":      func(context.Context) (link.Link, error) { return nil, errors.New("connection refused") },
		"refuses":   func(context.Context) (link.Link, error) { return nil, link.ErrRefused },
		"connected": func(context.Context) (link.Link, error) { return heldLink{}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runForwarder(t, Options{Dialer: dial}, func(f *Forwarder) { calmFor(t, f) })
			})
		})
	}
}

func TestStuckForwarderIsAStall(t *testing.T) {
	for name, tc := range map[string]struct {
		options func(release chan struct{}) Options
		says    string
	}{
		"dial": {func(release chan struct{}) Options {
			return Options{Dialer: dialFunc(func(context.Context) (link.Link, error) { <-release; return nil, errors.New("late") })}
		}, connecting},
		"send": {func(release chan struct{}) Options {
			return Options{Source: oneRecord{}, Dialer: dialFunc(func(context.Context) (link.Link, error) { return heldLink{release}, nil })}
		}, "alarms"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				runForwarder(t, tc.options(release), func(f *Forwarder) {
					<-time.After(stallAfter / 2)
					if err := f.Stalled(); err != nil {
						t.Errorf("within its time: %v", err)
					}
					<-time.After(stallAfter)
					if err := f.Stalled(); err == nil || !strings.Contains(err.Error(), tc.says) {
						t.Errorf("stuck for %v: %v, want %q named", stallAfter*3/2, err, tc.says)
					}
					close(release)
				})
			})
		})
	}
}

// A platform that says "come again in a quarter of an hour" is obeyed for as long
// as the second way obeys it.
func TestPatientSecondWayIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		away := dialFunc(func(context.Context) (link.Link, error) { return nil, errors.New("away") })
		second := dialFunc(func(context.Context) (link.Link, error) { return heldLink{release}, nil })
		runForwarder(t, Options{Source: oneRecord{}, Dialer: away, Second: second}, func(f *Forwarder) {
			calmFor(t, f)
			close(release)
		})
	})
}
