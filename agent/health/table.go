// Package health is the table of conditions: what is wrong or notable right
// now, in words for people and codes for machines. Page, state document,
// metrics and doctor all read this one table, so they cannot disagree.
package health

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Active is a condition that holds now.
type Active struct {
	Code     Code      `json:"code"`
	Severity Severity  `json:"severity"`
	Subject  string    `json:"subject,omitempty"` // empty: the gateway itself
	Detail   string    `json:"detail,omitempty"`  // for the technician; untranslated
	Reason   Text      `json:"reason,omitzero"`   // Detail for everybody, where there are words for it
	Since    time.Time `json:"since"`
	Title    Text      `json:"title"`
	Remedy   Text      `json:"remedy"`
}

// Table keeps what holds. It is safe for concurrent use. Run must be running
// for Changed to follow what appears by the passing of time alone; Active needs
// no Run.
type Table struct {
	now      func() time.Time
	declared map[Code]Condition
	rank     map[Code]int
	wake     chan struct{} // tells Run to look again; holds at most one token

	// mu guards everything that follows.
	mu      sync.Mutex
	parents map[string]string
	active  map[key]*state
	shown   []Active
	changed chan struct{}
}

type key struct {
	code    Code
	subject string
}

type state struct {
	detail string
	reason Text
	since  time.Time
}

// New makes an empty table. now is asked for each Since; nil means time.Now. A
// clock whose times carry no monotonic part may make a condition appear early
// or late when it jumps, never vanish.
func New(now func() time.Time) *Table {
	if now == nil {
		now = time.Now
	}
	t := &Table{
		now:      now,
		declared: map[Code]Condition{},
		rank:     map[Code]int{},
		wake:     make(chan struct{}, 1),
		parents:  map[string]string{},
		active:   map[key]*state{},
		changed:  make(chan struct{}),
	}
	for i, c := range Conditions() {
		t.declared[c.Code] = c
		t.rank[c.Code] = i
	}
	return t
}

// Belongs says that subject hangs on parent, as a sensor on its bus: a cause
// shown for the parent hides what depends on it in the subject, and leaves the
// sensors of other buses in sight.
func (t *Table) Belongs(subject, parent string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parents[subject] = parent
	t.update()
}

// Set says that a condition holds for subject (empty: the gateway itself).
// Setting it again renews the detail and keeps Since. A code that is not
// declared is shown all the same, as a warning titled with its code.
func (t *Table) Set(code Code, subject, detail string) { t.Explain(code, subject, detail, Text{}) }

// Explain is Set with the detail in words besides.
func (t *Table) Explain(code Code, subject, detail string, reason Text) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := key{code, subject}
	if s, ok := t.active[k]; ok {
		s.detail, s.reason = detail, reason
	} else {
		t.active[k] = &state{detail: detail, reason: reason, since: t.now()}
	}
	t.update()
}

// Clear says that a condition no longer holds. Clearing what is not set does
// nothing.
func (t *Table) Clear(code Code, subject string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.active, key{code, subject})
	t.update()
}

// Active lists what is to be shown, worst first.
func (t *Table) Active() []Active {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.update()
	return slices.Clone(t.shown)
}

// Changed is closed at the next change of what Active lists. Take the channel
// before calling Active, so that no change falls in between.
func (t *Table) Changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

// Run watches for conditions that become visible by waiting, until ctx ends.
func (t *Table) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-timer.C:
		}
		if wait, ok := t.next(); ok {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}

// next brings the table up to date and says how long until time alone may
// change it.
func (t *Table) next() (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.refresh(now)
	for k, s := range t.active {
		left := t.declared[k.code].VisibleAfter - now.Sub(s.since)
		if left > 0 && (!ok || left < wait) {
			wait, ok = left, true
		}
	}
	return wait, ok
}

// update brings the table up to date and has Run look again. mu is held.
func (t *Table) update() {
	t.refresh(t.now())
	select {
	case t.wake <- struct{}{}:
	default: // a token is waiting already
	}
}

// refresh computes what is shown and broadcasts if that changed. mu is held.
func (t *Table) refresh(now time.Time) {
	var shown []Active
	for k, s := range t.active {
		if t.ripe(k, now) && !t.explained(k, now) {
			shown = append(shown, t.describe(k, s))
		}
	}
	slices.SortFunc(shown, func(a, b Active) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(t.rank[a.Code], t.rank[b.Code]),
			cmp.Compare(a.Subject, b.Subject),
		)
	})
	if slices.Equal(shown, t.shown) {
		return
	}
	t.shown = shown
	close(t.changed)
	t.changed = make(chan struct{})
}

// ripe reports that a condition holds and has waited long enough.
func (t *Table) ripe(k key, now time.Time) bool {
	s, ok := t.active[k]
	return ok && now.Sub(s.since) >= t.declared[k.code].VisibleAfter
}

// explained reports that a cause is shown in its place. Only a ripe cause
// counts: nothing is hidden in favour of something that cannot be seen.
func (t *Table) explained(k key, now time.Time) bool {
	for _, cause := range t.declared[k.code].DependsOn {
		if t.ripe(key{cause, k.subject}, now) || t.ripe(key{cause, ""}, now) {
			return true
		}
		if parent, ok := t.parents[k.subject]; ok && t.ripe(key{cause, parent}, now) {
			return true
		}
	}
	return false
}

func (t *Table) describe(k key, s *state) Active {
	c, ok := t.declared[k.code]
	if !ok {
		c = Condition{Severity: Warning, Title: Text{ZH: string(k.code), EN: string(k.code)}}
	}
	return Active{
		Code: k.code, Severity: c.Severity, Subject: k.subject, Detail: s.detail, Reason: s.reason,
		Since: s.since, Title: c.Title, Remedy: c.Remedy,
	}
}
