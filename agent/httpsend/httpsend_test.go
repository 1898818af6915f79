package httpsend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/link"
)

func TestPostsTheBatchInOrder(t *testing.T) {
	in := newInlet(t, nil)
	d, _ := client(t, in, nil)
	if d.client.HTTPClient.Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy of the environment would be used")
	}
	l := dial(t, d)
	if n, err := l.Send(t.Context(), batchOf(16)); n != 16 || err != nil {
		t.Fatalf("Send = %d, %v; want 16", n, err)
	}
	for i, got := range in.confirmed() {
		if want := fmt.Sprintf(`/ingest/watchpost/v1/GW-1/readings {"seq":%d}`, i+1); got != want {
			t.Errorf("message %d is %s, want %s", i+1, got, want)
		}
	}
	if in.wrong() != "" {
		t.Error(in.wrong())
	}
	if got := in.header(0).Get("Authorization"); got != "Bearer "+plantedToken {
		t.Errorf("Authorization: %s", got)
	}
	if s := d.Stats(); s.Posts != 16 || s.Confirmed != 16 || s.BytesSent < 16*200 || s.BytesSent > 16*600 {
		t.Errorf("stats %+v", s)
	}
	if err := l.Close(); err != nil || l.Err() != nil {
		t.Errorf("Close: %v, Err: %v", err, l.Err())
	}
	<-l.Done()
	if n, err := l.Send(t.Context(), batchOf(1)); n != 0 || err == nil {
		t.Errorf("Send after Close = %d, %v; want an error", n, err)
	}
}

func TestBasicAuthorisation(t *testing.T) {
	in := newInlet(t, nil)
	d, _ := client(t, in, func(o *Options) {
		o.Credentials = func() (Credentials, error) { return Credentials{Username: "gw", Password: plantedPassword}, nil }
	})
	if _, err := dial(t, d).Send(t.Context(), batchOf(1)); err != nil {
		t.Fatal(err)
	}
	r := http.Request{Header: in.header(0)}
	if name, password, ok := r.BasicAuth(); !ok || name != "gw" || password != plantedPassword {
		t.Errorf("authorised as %q %q", name, password)
	}
}

// TestAnswers has every answer that matters: what confirms, what is tried again,
// and what the error is.
func TestAnswers(t *testing.T) {
	const all = DefaultRetries + 1
	for _, c := range []struct {
		status, posts int
		confirmed     bool
		refused       bool
		says          string
	}{
		{200, 1, true, false, ""},
		{202, 1, true, false, ""},
		{304, 1, false, false, "HTTP 304"},
		{400, 1, false, false, `"said so"`},
		{401, 1, false, true, "HTTP 401"},
		{403, 1, false, true, "HTTP 403"},
		{404, 1, false, false, "HTTP 404"},
		{408, all, false, false, "HTTP 408"},
		{413, 1, false, false, "message too large for the platform: HTTP 413 Request Entity Too Large: \"said so\", at 9 bytes"},
		{425, all, false, false, "HTTP 425"},
		{429, all, false, false, "HTTP 429"},
		{500, all, false, false, "HTTP 500"},
		{501, 1, false, false, "HTTP 501"},
		{503, all, false, false, "HTTP 503"},
	} {
		in := newInlet(t, always(c.status, "said so\nand more"))
		d, _ := client(t, in, nil)
		l := dial(t, d)
		n, err := l.Send(t.Context(), batchOf(1))
		if confirmed := n == 1 && err == nil; confirmed != c.confirmed || in.posted() != c.posts || errors.Is(err, link.ErrRefused) != c.refused {
			t.Errorf("%d: Send = %d, %v after %d posts; want %+v", c.status, n, err, in.posted(), c)
		}
		if tooLarge := errors.Is(err, link.ErrTooLarge); tooLarge != (c.status == 413) {
			t.Errorf("%d: taken for too large: %t", c.status, tooLarge)
		}
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d: %v, want it to say %s", c.status, err, c.says)
		}
		select {
		case <-l.Done():
			if c.confirmed {
				t.Errorf("%d: the link is done", c.status)
			}
		default:
			if !c.confirmed {
				t.Errorf("%d: the link goes on after %v", c.status, err)
			}
		}
	}
}

func TestTriedAgainWithTheSameKey(t *testing.T) {
	in := newInlet(t, func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n%3 != 0 {
			w.WriteHeader(http.StatusBadGateway)
		}
		return n%3 != 0
	})
	d, _ := client(t, in, nil)
	if n, err := dial(t, d).Send(t.Context(), batchOf(4)); n != 4 || err != nil {
		t.Fatalf("Send = %d, %v", n, err)
	}
	for i := range 12 {
		if a, b := in.header(i).Get("Idempotency-Key"), in.header(i-i%3).Get("Idempotency-Key"); a != b || len(a) != 64 {
			t.Errorf("post %d has key %s, its first %s", i+1, a, b)
		}
	}
	if in.wrong() != "" || len(in.confirmed()) != 4 {
		t.Errorf("%v confirmed, %v", in.confirmed(), in.wrong())
	}
}

func TestStopsWhereItBreaks(t *testing.T) {
	in := newInlet(t, func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n > 3 {
			w.WriteHeader(http.StatusBadRequest)
		}
		return n > 3
	})
	d, _ := client(t, in, nil)
	if n, err := dial(t, d).Send(t.Context(), batchOf(8)); n != 3 || err == nil || in.posted() != 4 {
		t.Errorf("Send = %d, %v after %d posts; want 3, an error, 4", n, err, in.posted())
	}
}

func TestRedirects(t *testing.T) {
	other := newInlet(t, nil)
	for _, c := range []struct {
		status    int
		to        string // empty: the same server
		confirmed bool
	}{
		{307, "", true}, {308, "", true},
		{301, "", false}, {302, "", false}, {303, "", false}, // net/http makes a GET of them
		{307, other.URL, false}, {308, other.URL, false}, {302, other.URL, false},
		{307, "http://127.0.0.1:1", false},
	} {
		in := newInlet(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n > 1 {
				return false
			}
			http.Redirect(w, r, c.to+"/elsewhere", c.status)
			return true
		})
		d, _ := client(t, in, nil)
		n, err := dial(t, d).Send(t.Context(), batchOf(1))
		if (n == 1) != c.confirmed || len(in.confirmed()) != n || in.wrong() != "" {
			t.Errorf("%d to %q: Send = %d, %v; the inlet has %v %v", c.status, c.to, n, err, in.confirmed(), in.wrong())
		}
	}
	if other.posted() > 0 {
		t.Errorf("the other server got %d requests", other.posted())
	}
	loop := newInlet(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
		return true
	})
	d, _ := client(t, loop, nil)
	if n, err := dial(t, d).Send(t.Context(), batchOf(1)); n != 0 || err == nil || loop.posted() > 5 {
		t.Errorf("a circle of redirects: Send = %d, %v after %d posts", n, err, loop.posted())
	}
}

func TestHangingServer(t *testing.T) {
	in := newInlet(t, hold)
	d, _ := client(t, in, func(o *Options) { o.AttemptTimeout, o.Retries = 100*time.Millisecond, 1 })
	soon, cancel := context.WithTimeout(t.Context(), answerWithin/2) // or the transport's own limit would do
	defer cancel()
	n, err := dial(t, d).Send(soon, batchOf(1))
	if posts := d.Stats().Posts; n != 0 || err == nil || posts != 2 {
		t.Errorf("Send = %d, %v after %d posts; want an error after 2", n, err, posts)
	}
	d, _ = client(t, in, func(o *Options) { o.CallTimeout = 100 * time.Millisecond })
	if n, err := dial(t, d).Send(t.Context(), batchOf(1)); n != 0 || err == nil || !strings.Contains(err.Error(), "not confirmed within 100ms") {
		t.Errorf("Send = %d, %v; want the call's limit", n, err)
	}
}

func TestEndOfContextAndClose(t *testing.T) {
	arrived := make(chan struct{}, 8)
	in := newInlet(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
		arrived <- struct{}{}
		return hold(w, r, n)
	})
	d, _ := client(t, in, nil)
	cause := errors.New("MQTT is back")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-arrived; cancel(cause) }()
	if n, err := dial(t, d).Send(ctx, batchOf(2)); n != 0 || !errors.Is(err, cause) {
		t.Errorf("Send = %d, %v; want the cause", n, err)
	}
	l := dial(t, d)
	go func() { <-arrived; l.Close() }()
	if n, err := l.Send(t.Context(), batchOf(2)); n != 0 || !errors.Is(err, errClosed) {
		t.Errorf("Send = %d, %v; want that it is closed", n, err)
	}
}

// A 2xx confirms; its body may be slow, endless or broken off.
func TestBodyOfAnAnswer(t *testing.T) {
	var written atomic.Int64
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, int) bool{
		"slow": func(w http.ResponseWriter, r *http.Request, n int) bool {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			return hold(w, r, n)
		},
		"endless": func(w http.ResponseWriter, r *http.Request, _ int) bool {
			for r.Context().Err() == nil {
				n, err := w.Write(make([]byte, 64<<10))
				if written.Add(int64(n)); err != nil {
					break
				}
			}
			return true
		},
		"cut": func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusOK)
			return true
		},
	} {
		in := newInlet(t, answer)
		d, _ := client(t, in, nil)
		begun := time.Now()
		if n, err := dial(t, d).Send(t.Context(), batchOf(1)); n != 1 || err != nil {
			t.Errorf("%s: Send = %d, %v; want it confirmed", name, n, err)
		}
		if took := time.Since(begun); took > 10*drainWithin {
			t.Errorf("%s: took %v", name, took)
		}
	}
	if n := written.Load(); n > 32<<20 { // what sockets hold, and not what a second can carry
		t.Errorf("%d MB of an endless answer were taken", n>>20)
	}
	in := newInlet(t, always(http.StatusBadRequest, strings.Repeat("é", 1<<20)))
	d, _ := client(t, in, nil)
	if _, err := dial(t, d).Send(t.Context(), batchOf(1)); err == nil || len(err.Error()) > 1000 {
		t.Errorf("a long answer makes an error of %d bytes", len(fmt.Sprint(err)))
	}
}

// Headers are bounded, and nothing of the environment has a say.
func TestTransport(t *testing.T) {
	in := newInlet(t, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Long", strings.Repeat("x", 1<<20))
		return false
	})
	d, _ := client(t, in, func(o *Options) { o.Retries = -1 })
	if n, err := dial(t, d).Send(t.Context(), batchOf(1)); n != 0 || err == nil || len(err.Error()) > 1000 {
		t.Errorf("a header of a megabyte: Send = %d, %v", n, err)
	}
	tr := d.transport()
	if tr.Proxy != nil || tr.ResponseHeaderTimeout != answerWithin || tr.IdleConnTimeout != idleConnection || !tr.DisableCompression {
		t.Errorf("transport %+v", tr)
	}
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // only for its clock, which begins in 2000
		synced := false
		d, err := New(Options{
			Base: "https://city.example", Synced: func() bool { return synced },
			Jitter: func(ceiling time.Duration) time.Duration { return ceiling },
		})
		if err != nil {
			t.Fatal(err)
		}
		wait := func(status int, after string) time.Duration {
			r := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}
			return d.backoff(time.Second, 30*time.Second, 0, r)
		}
		const no = time.Second // the first wait's ceiling
		for _, c := range []struct {
			status int
			after  string
			synced bool
			want   time.Duration
		}{
			{429, "120", false, 121 * time.Second},
			{503, "0", false, time.Second},
			{503, "900", false, RetryAfterMax},
			{429, "86400", true, RetryAfterMax},
			{429, "9223372036854775808", true, RetryAfterMax},
			{429, "99999999999999999999999999", true, RetryAfterMax},
			{500, "120", true, no},
			{429, "-5", true, no},
			{429, "", true, no},
			{429, "soon", true, no},
			{429, "1.5", true, no},
			{503, "Sat, 01 Jan 2056 00:00:00 GMT", false, no},
			{503, "Sat, 01 Jan 2056 00:00:00 GMT", true, RetryAfterMax},
			{503, "Sat, 01 Jan 2000 00:01:00 GMT", true, 61 * time.Second},
			{503, "Sat, 01 Jan 2000 00:01:00 GMT", false, no},
			{503, "Fri, 31 Dec 1999 00:00:00 GMT", true, time.Second},
		} {
			synced = c.synced
			if got := wait(c.status, c.after); got != c.want {
				t.Errorf("%d with Retry-After %q, clock set %t: waits %v, want %v", c.status, c.after, c.synced, got, c.want)
			}
		}
		for attempt, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			if got := d.backoff(time.Second, 30*time.Second, attempt, nil); got != want*time.Second {
				t.Errorf("attempt %d waits %v, want %v", attempt, got, want*time.Second)
			}
		}
		d.backoff(time.Second, 30*time.Second, 1<<30, nil) // ends, and does not overflow
		d.notBefore = time.Time{}
		wait(429, "600")
		if _, err := d.Dial(t.Context(), link.Opening{}); err == nil {
			t.Error("a link was opened before the end of Retry-After")
		}
		<-time.After(602 * time.Second)
		if _, err := d.Dial(t.Context(), link.Opening{}); err != nil {
			t.Error(err)
		}
	})
}

// With a server that says 2056 and a clock that nobody set, a message is sent at
// once when the server takes it again.
func TestRetryAfterOfAnotherAge(t *testing.T) {
	in := newInlet(t, func(w http.ResponseWriter, _ *http.Request, n int) bool {
		w.Header().Set("Retry-After", "Sat, 01 Jan 2056 00:00:00 GMT")
		if n < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n < 3
	})
	d, _ := client(t, in, nil)
	ctx, cancel := context.WithTimeout(t.Context(), hangGuard)
	defer cancel()
	if n, err := dial(t, d).Send(ctx, batchOf(1)); n != 1 || err != nil {
		t.Errorf("Send = %d, %v", n, err)
	}
}
