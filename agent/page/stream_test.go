package page_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/page"
	"watchpost/agent/page/pagetest"
)

// pipes is a listener without a network, so that a server runs on fake time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, errors.New("dial: the listener is closed")
	}
}

type event struct{ id, name, data string }

// events reads a stream until it ends.
func events(r *http.Response) <-chan event {
	out := make(chan event, 64)
	go func() {
		defer close(out)
		defer r.Body.Close()
		var e event
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data += value + "\n"
			case "":
				out <- e
				e = event{}
			}
		}
	}()
	return out
}

// A stream outlives the server's read and write limits, beats every 10 s, shows
// a change at once and many changes together, and ends with the server.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := pagetest.NewSource(state("ok").View)
		p := newPage(t, page.Options{Source: source})
		ctx, cancel := context.WithCancel(t.Context())
		l, served := newPipes(), make(chan error, 1)
		go func() { served <- p.Serve(ctx, l) }()
		transport := &http.Transport{DialContext: l.dial}
		r, err := (&http.Client{Transport: transport}).Get("http://127.0.0.1/events?lang=en")
		if err != nil {
			t.Fatal(err)
		}
		stream := events(r)
		first := <-stream
		if first.name != "view" || first.id != fmt.Sprint(pagetest.Now().UnixMilli()) || !strings.Contains(first.data, "All is well") {
			t.Errorf("first event %s %s: %.80s", first.name, first.id, first.data)
		}
		start := time.Now()
		for range 7 { // past every limit of the server
			if _, ok := <-stream; !ok {
				t.Fatalf("the stream ended after %v", time.Since(start))
			}
		}
		if got := time.Since(start); got != 70*time.Second {
			t.Errorf("seven beats took %v, want 70s", got)
		}
		<-time.After(2 * time.Second)
		before := time.Now()
		source.Show(state("alarm").View)
		if e := <-stream; !strings.Contains(e.data, `data-state="alarm"`) || time.Since(before) != 0 {
			t.Errorf("the alarm took %v to show", time.Since(before))
		}
		for range 100 {
			source.Show(state("alarm").View)
		}
		source.Show(state("fault").View)
		if e := <-stream; !strings.Contains(e.data, `data-state="fault"`) {
			t.Error("changes in a burst are not shown together")
		}
		before = time.Now()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		// Well before the hard cut after a second: the stream ended by itself.
		if took := time.Since(before); took > 100*time.Millisecond {
			t.Errorf("the end took %v with an open stream", took)
		}
		for range stream {
		}
		transport.CloseIdleConnections() // synctest fails on any goroutine left behind
	})
}

// A client that stops reading is cut off, and cannot hold up the end.
func TestStreamWithDeafClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, page.Options{Source: pagetest.NewSource(state("ok").View)})
		ctx, cancel := context.WithCancel(t.Context())
		l, served := newPipes(), make(chan error, 1)
		go func() { served <- p.Serve(ctx, l) }()
		conn, err := l.dial(ctx, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(conn, "GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := time.Now()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if took := time.Since(before); took > time.Second {
			t.Errorf("the end took %v", took)
		}
		_ = conn.Close()
	})
}

// Streams are capped; the place of one that left is free again.
func TestStreamsAreCapped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := newPage(t, page.Options{Source: pagetest.NewSource(state("ok").View)})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx, l) }()
	transport := &http.Transport{}
	client := &http.Client{Transport: transport}
	url := "http://" + l.Addr().String() + "/events"
	var open []*http.Response
	for {
		r, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, r)
		if r.StatusCode != http.StatusOK || len(open) > 100 {
			break
		}
	}
	last := open[len(open)-1]
	if len(open) != 13 || last.StatusCode != http.StatusServiceUnavailable || last.Header.Get("Retry-After") == "" {
		t.Errorf("stream %d: %s, want 12 streams and then 503 with Retry-After", len(open), last.Status)
	}
	_ = open[0].Body.Close()
	guard := time.After(30 * time.Second)
	for freed := false; !freed; {
		r, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, r)
		freed = r.StatusCode == http.StatusOK
		select {
		case <-guard:
			t.Fatal("the place of a stream that left is not free")
		case <-time.After(10 * time.Millisecond):
		}
	}
	for _, r := range open {
		_ = r.Body.Close()
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	transport.CloseIdleConnections()
}

func TestServeSaysWhyItEnded(t *testing.T) {
	l := newPipes()
	_ = l.Close()
	p := newPage(t, page.Options{Source: pagetest.NewSource(state("ok").View)})
	if err := p.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve on a dead listener: %v", err)
	}
}
