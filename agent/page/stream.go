package page

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

const (
	// beat is how often a stream is written to when nothing changes: the page
	// takes 15 s of silence for a dead stream. The whole view is sent, so that a
	// value that went stale meanwhile shows.
	beat = 10 * time.Second
	// pace is the least time between two views on one stream; changes in
	// between are shown together.
	pace = time.Second
	// sending is how long one write may take before the reader counts as gone.
	sending = 10 * time.Second
)

// serveEvents streams views as server-sent events: `view` with the HTML of the
// changing part, its id the time in Unix milliseconds. Every event is whole, so
// a client that comes back needs nothing replayed.
func (p *Page) serveEvents(w http.ResponseWriter, r *http.Request) {
	if p.streams.Add(1) > maxStreams {
		p.streams.Add(-1)
		w.Header().Set("Retry-After", "60")
		refuse(w, http.StatusServiceUnavailable, "refuse.streams")
		return
	}
	defer p.streams.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if r.Method == http.MethodHead {
		return
	}
	conn := http.NewResponseController(w)
	in, sensor := language(r), r.URL.Query().Get("sensor")
	pacing, beating := time.NewTimer(pace), time.NewTimer(beat)
	defer pacing.Stop()
	defer beating.Stop()
	for {
		changed := p.source.Changed()
		// Asked each time: a stream outlives a logout and a changed password.
		if err := p.sendView(w, conn, in, p.visitor(r), sensor); err != nil {
			p.log.Debug("stream ended", "err", err)
			return
		}
		pacing.Reset(pace)
		beating.Reset(beat)
		select {
		case <-r.Context().Done():
			return
		case <-pacing.C:
		}
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		case <-beating.C:
		}
	}
}

func (p *Page) sendView(w http.ResponseWriter, conn *http.ResponseController, in lang, who visitor, sensor string) error {
	v := p.source.View()
	html, err := p.renderPart(v, in, who, sensor)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "retry: 3000\nid: %d\nevent: view\n", v.Now.UnixMilli())
	for line := range bytes.Lines(html) {
		fmt.Fprintf(&out, "data: %s\n", bytes.TrimRight(line, "\r\n"))
	}
	out.WriteByte('\n')
	if err := conn.SetWriteDeadline(time.Now().Add(sending)); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write view: %w", err)
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("flush view: %w", err)
	}
	return nil
}

// renderPart is the part of the status page that changes, or of a sensor's page.
func (p *Page) renderPart(v View, in lang, who visitor, sensor string) ([]byte, error) {
	if len(v.find(sensor)) == 0 {
		return p.look.render("view", v, in, who)
	}
	return p.look.renderWith("thing", v, in, who, p.ofSensor(sensor))
}
