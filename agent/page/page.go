// Package page is the gateway's local page: one sentence that says whether all
// is well, then alarms, sensors, uplink and events, in Chinese and English; its
// live stream, its JSON, the health endpoints and the metrics.
//
// The page is rendered here and reads well without scripts. With scripts it
// follows the gateway by server-sent events, or by polling where those do not
// get through. It asks for nothing outside the gateway.
package page

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"watchpost/agent/people"
)

const (
	maxStreams     = 12 // a phone holds one; browsers allow six per site
	maxConnections = 64
	closing        = time.Second // how long a graceful end may take
)

// Page serves the local page. It is safe for concurrent use.
type Page struct {
	source  Source
	probe   Probe
	log     *slog.Logger
	handler http.Handler
	look    *look
	streams atomic.Int64
	history History
	people  *people.Keeper // nil: nobody can log in
	// acknowledge is nil where nothing can be acknowledged.
	acknowledge func(ctx context.Context, alarm, by, note string) error
}

// New makes a page. Nothing is served before Serve.
func New(o Options) (*Page, error) {
	if o.Source == nil {
		return nil, errors.New("make page: no source of views")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.FixedZone("UTC+8", 8*60*60)
	}
	look, err := newLook(o.Zone)
	if err != nil {
		return nil, fmt.Errorf("make page: %w", err)
	}
	p := &Page{source: o.Source, probe: o.Probe, log: o.Log, look: look, history: o.History, people: o.People, acknowledge: o.Acknowledge}
	p.handler = guard(o.Hosts, p.routes(o.Metrics))
	return p, nil
}

// Handler is the page without a server around it. Its streams end with their
// requests.
func (p *Page) Handler() http.Handler { return p.handler }

// Serve answers on l until ctx ends, then ends all streams, lets requests under
// way finish for at most a second, closes everything and returns nil. Any other
// end is an error. It closes l.
func (p *Page) Serve(ctx context.Context, l net.Listener) error {
	live, end := context.WithCancel(ctx)
	defer end()
	var requests sync.WaitGroup
	var open atomic.Int64
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			defer requests.Done()
			p.handler.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return live },
		ConnState: func(c net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				if open.Add(1) > maxConnections {
					_ = c.Close() // the server meets the closed connection and says so
				}
			case http.StateClosed, http.StateHijacked:
				open.Add(-1)
			}
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-ended:
	}
	end()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close() // cuts what did not finish in time; nothing is left to report
	}
	if failure == nil {
		failure = <-ended
		requests.Wait()
	}
	if !errors.Is(failure, http.ErrServerClosed) {
		return fmt.Errorf("serve page on %s: %w", l.Addr(), failure)
	}
	return nil
}
