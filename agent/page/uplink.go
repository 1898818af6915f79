package page

import (
	"time"

	"watchpost/agent/record"
)

type platformRow struct {
	ID        string
	Tone      tone
	Word      string
	Age       *age
	LastError string
	Waiting   string // empty: everything is sent
	Holds     string // how long there is room; empty: not known
	SentName  string
	Sent      string
	PerDay    string
	Lanes     []laneRow
}

type laneRow struct{ Name, Count string }

type storeRow struct {
	Tone        tone
	Word, Used  string
	WrittenName string
	Written     string
	PerDay      string // empty: not known
	Cap         string
	Percent     int64 // of Cap; -1: not known
}

func (s *shaper) platform(p Platform) platformRow {
	row := platformRow{ID: p.ID, Tone: toneOK, Word: s.get("link.up"), Age: s.ageIf("for", p.Since)}
	if p.Via == ViaHTTPS {
		row.Word = s.get("link.https")
	}
	if !p.Connected {
		row.Tone, row.Word, row.LastError = toneInfo, s.get("link.down"), p.LastError
	}
	row.Holds, row.PerDay = s.holds(p.HoldsDays), s.perDay(p.SentPerDay)
	if p.Sent > 0 || p.SentPerDay > 0 {
		row.SentName, row.Sent = s.sumName("sent", "sent.since"), size(p.Sent)
	}
	if n := p.Waiting(); n > 0 {
		row.Waiting = grouped(n)
		for _, l := range record.Lanes() {
			if n := p.Backlog[l]; n > 0 {
				row.Lanes = append(row.Lanes, laneRow{s.get("lane." + l.String()), grouped(n)})
			}
		}
	}
	return row
}

// holds says how long the store has room.
func (s *shaper) holds(days float64) string {
	const most = 365
	switch {
	case !(days > 0):
		return ""
	case days > most:
		return s.fill("holds.most", most, "")
	case days < 2:
		return s.fill("holds.hours", uint64(days*24), "")
	}
	return s.fill("holds", uint64(days), "")
}

// sumName names a sum of bytes, by since when they are counted where that is
// known, and true.
func (s *shaper) sumName(alone, since string) string {
	at := s.view.CountedSince
	if at.IsZero() || s.moment(at) == "" {
		return s.get(alone)
	}
	text := at.In(s.zone).Format("15:04")
	if now := s.view.Now; now.Sub(at) > 24*time.Hour {
		text = at.In(s.zone).Format("01-02 15:04")
	}
	return s.fill(since, 0, text)
}

func (s *shaper) perDay(bytes int64) string {
	if bytes <= 0 {
		return ""
	}
	return s.fill("per.day", 0, size(bytes))
}

func (s *shaper) store() storeRow {
	v := s.view.Store
	row := storeRow{
		Tone: toneOK, Word: s.get("store.ok"), Used: size(v.Bytes), WrittenName: s.sumName("written", "written.since"), Written: size(v.Written), PerDay: s.perDay(v.WrittenPerDay), Percent: -1,
	}
	if !v.Durable {
		row.Tone, row.Word = toneDanger, s.get("store.ram")
	}
	if v.Cap > 0 {
		row.Cap, row.Percent = size(v.Cap), min(max(v.Bytes, 0)*100/v.Cap, 100)
	}
	return row
}
