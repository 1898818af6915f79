package receive

import (
	"slices"

	"watchpost/agent/record"
)

// maxSeen bounds the runs remembered of one gateway.
const maxSeen = 64

// run is what was said of a run. A run that is new is a finding; the first one
// seen is only where this receiver came in.
func (g *gateway) run(v *Verdict, r record.Run) *runSeen {
	if i := slices.IndexFunc(g.runs, func(s runSeen) bool { return s.run == r }); i >= 0 {
		return &g.runs[i]
	}
	if len(g.runs) == maxSeen {
		g.runs = slices.Delete(g.runs, 0, 1)
	}
	g.runs = append(g.runs, runSeen{run: r})
	v.find(Finding{Kind: NewRun, Text: r.String()})
	return &g.runs[len(g.runs)-1]
}

// ran notes the boot of a run's record: a run does not outlive its boot.
func (g *gateway) ran(v *Verdict, r record.Run, boot string) {
	switch s := g.run(v, r); {
	case s.boot == "":
		s.boot = boot
	case s.boot != boot && boot != "":
		g.violated(v, nil, say("运行 %s 原属启动 %s，现在却是 %s", "run %s was in boot %s and is now in %s", r, s.boot, boot))
	}
}

// follows notes which run was before another.
func (g *gateway) follows(v *Verdict, r record.Run, predecessor *string) {
	s := g.run(v, r)
	if s.told && textOf(s.predecessor) != textOf(predecessor) {
		g.violated(v, nil, say("运行 %s 的前一次运行先说是 %s，又说是 %s", "run %s has predecessor %s and also %s", r, textOf(s.predecessor), textOf(predecessor)))
	}
	s.predecessor, s.told = predecessor, true
}

func textOf(run *string) string {
	if run == nil {
		return "none"
	}
	return *run
}

// event notes what an event says of runs and losses.
func (g *gateway) event(v *Verdict, e *Event) {
	run, err := ParseRun(e.Run)
	if err != nil {
		return // single has told
	}
	if e.Start != nil {
		g.follows(v, run, e.Start.Predecessor)
		g.run(v, run).before = e.Start
	}
	if e.Loss != nil && v.New > 0 {
		g.lost(v, e)
	}
}

// lost remembers what the gateway gave up.
func (g *gateway) lost(v *Verdict, e *Event) {
	if g.losses == nil {
		g.losses = map[string]map[record.Run]spans{}
	}
	byRun := g.losses[e.Loss.Lane]
	if byRun == nil {
		byRun = map[record.Run]spans{}
		g.losses[e.Loss.Lane] = byRun
	}
	for _, r := range e.Loss.Ranges {
		run, err := ParseRun(r.Run)
		if err != nil || r.First > r.Last || r.First == 0 {
			g.violated(v, &e.Position, say("放弃的 %s/%d 到 %d 不成范围", "loss of %s/%d to %d is no range", r.Run, r.First, r.Last))
			continue
		}
		if len(byRun) < maxSeen || byRun[run] != nil {
			byRun[run] = byRun[run].add(r.First, r.Last)
		}
	}
	g.givenUp += e.Loss.Count
	told := say("放弃 %[2]s 通道 %[1]d 条记录，原因 %[3]s", "%d records of lane %s given up: %s", e.Loss.Count, e.Loss.Lane, e.Loss.Reason)
	v.find(Finding{Kind: ToldLoss, Lane: e.Loss.Lane, At: &e.Position, Text: told.en, ZH: told.zh})
}

// explained reports whether a gap is only of records that were given up. Over
// two runs the older one's part reaches as far as the younger one's run event
// says that it was durable; without that event, any loss after the last record
// that arrived is taken for it.
func (g *gateway) explained(lane string, gap gap) bool {
	lost := g.losses[lane]
	if gap.oneRun() && gap.after.Seq < gap.through.Seq {
		return lost[gap.through.Run].covers(gap.after.Seq+1, gap.through.Seq)
	}
	if !lost[gap.through.Run].covers(1, gap.through.Seq) {
		return false
	}
	if gap.after.IsZero() {
		return true
	}
	i := slices.IndexFunc(g.runs, func(s runSeen) bool { return s.run == gap.through.Run })
	if i < 0 || g.runs[i].before == nil || textOf(g.runs[i].predecessor) != gap.after.Run.String() {
		return lost[gap.after.Run].has(gap.after.Seq + 1)
	}
	durable := g.runs[i].before.Durable.of(lane)
	return durable <= gap.after.Seq || lost[gap.after.Run].covers(gap.after.Seq+1, durable)
}

// takeState takes a state document in, unless it is an older session's.
func (g *gateway) takeState(v *Verdict, s *State) {
	run, err := ParseRun(s.Run)
	if err != nil {
		g.violated(v, nil, misread(err))
		return
	}
	g.documents.received++
	g.follows(v, run, s.Predecessor)
	if was := g.state; was != nil && (was.Run == s.Run && s.Session < was.Session || was.Run != s.Run && textOf(was.Predecessor) == s.Run) {
		g.documents.outdated++
		v.outdated(say("状态属于运行 %[2]s 的会话 %[1]d，早于运行 %[4]s 的会话 %[3]d", "state of session %d of run %s, older than session %d of run %s", s.Session, s.Run, was.Session, was.Run))
		return
	}
	kept := *s
	kept.Conditions = nil
	g.state = &kept
}

// takeActive takes a list of active alarms in, unless it is an older one.
func (g *gateway) takeActive(v *Verdict, a *Active) {
	g.documents.received++
	if a.Total < len(a.Alarms) {
		g.violated(v, nil, say("总数为 %d，却列出 %d 条报警", "total is %d, and %d alarms are listed", a.Total, len(a.Alarms)))
	}
	was := g.active
	if was != nil && was.Run == a.Run && a.Revision < was.Revision || g.state != nil && textOf(g.state.Predecessor) == a.Run {
		g.documents.outdated++
		v.outdated(say("运行 %[2]s 的 alarms/active 第 %[1]d 版，早于已收到的", "alarms/active revision %d of run %s, older than what arrived", a.Revision, a.Run))
		return
	}
	kept := *a
	kept.Alarms = nil
	g.active = &kept
}

// current reports whether the list of active alarms is the gateway's own present
// statement: state is online, and of the same run.
func (g *gateway) current() bool {
	return g.state != nil && g.state.Online && g.active != nil && g.active.Run == g.state.Run
}
