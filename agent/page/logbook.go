package page

import (
	"fmt"
	"net/http"
	"strconv"
)

// Lines of the log: on the status page, and on each page of the log.
const (
	shownEvents = 20
	pageEvents  = 50
)

// logbook is one page of the event log.
type logbook struct {
	Days        []logDay
	Page, Of    string // such as 2 and 4
	Newer       string // address of the page with newer lines; empty: none
	Older       string
	Lines       int
	Nothing     bool
	First, Last int // lines on this page, from 1
}

// logDay is the lines of one day.
type logDay struct {
	Date  string
	Lines []eventRow
}

// logbook shapes page n, from 1, of the log; n is taken into its bounds.
func (s *shaper) logbook(n int) *logbook {
	events := s.view.Events
	pages := max((len(events)+pageEvents-1)/pageEvents, 1)
	n = min(max(n, 1), pages)
	from, to := (n-1)*pageEvents, min(n*pageEvents, len(events))
	b := &logbook{Page: strconv.Itoa(n), Of: strconv.Itoa(pages), Lines: len(events), Nothing: len(events) == 0, First: from + 1, Last: to}
	if n > 1 {
		b.Newer = fmt.Sprintf("/log?page=%d", n-1)
	}
	if n < pages {
		b.Older = fmt.Sprintf("/log?page=%d", n+1)
	}
	for _, e := range events[from:to] {
		local := e.At.In(s.zone)
		date := local.Format("2006-01-02")
		if s.moment(e.At) == "" {
			date = s.get("clock.bad")
		}
		if len(b.Days) == 0 || b.Days[len(b.Days)-1].Date != date {
			b.Days = append(b.Days, logDay{Date: date})
		}
		day := &b.Days[len(b.Days)-1]
		row := s.event(e)
		if row.When != "" {
			row.When = local.Format("15:04:05")
		}
		day.Lines = append(day.Lines, row)
	}
	return b
}

// serveLog answers with a page of the event log, which needs no script.
func (p *Page) serveLog(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil {
		n = 1 // no page asked for, or none there can be
	}
	p.sendHTML(w, r, "log.html", p.source.View(), func(s *shaper, m *model) {
		m.Book, m.Path = s.logbook(n), "/log"
	})
}
