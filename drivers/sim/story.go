package sim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Act is a named part of a story.
type Act struct {
	// Name is the act's stable name.
	Name string
	// Length is how long the act lasts at the story's own pace.
	Length time.Duration
	// ZH and EN say what is to be seen, for whoever looks on.
	ZH, EN string
	// Cues are what happens within the act.
	Cues []Cue
	// From and To are the piece of a recording that passes during the act; both
	// zero when time stands still.
	From, To time.Time
}

// Cue is one thing done at a moment of an act.
type Cue struct {
	After time.Duration // from the start of the act, at the story's own pace
	Do    func()
}

// Story is acts on a timeline.
type Story struct {
	acts []Act
	pace float64 // real time over the story's own time
}

// NewStory puts acts one after the other and stretches or shrinks the whole to
// length; 0 leaves it at its own length.
func NewStory(length time.Duration, acts ...Act) (*Story, error) {
	var own time.Duration
	for _, a := range acts {
		if a.Length <= 0 {
			return nil, fmt.Errorf("add act %s: length %s is not positive", a.Name, a.Length)
		}
		for _, c := range a.Cues {
			if c.After < 0 || c.After >= a.Length {
				return nil, fmt.Errorf("add act %s: cue at %s lies outside its %s", a.Name, c.After, a.Length)
			}
		}
		own += a.Length
	}
	if own == 0 {
		return nil, fmt.Errorf("make story: no acts")
	}
	pace := 1.0
	if length > 0 {
		pace = float64(length) / float64(own)
	}
	return &Story{acts: acts, pace: pace}, nil
}

// Length is how long one round takes.
func (s *Story) Length() time.Duration {
	var own time.Duration
	for _, a := range s.acts {
		own += a.Length
	}
	return s.real(own)
}

// TimeLapse is how many times faster than life the recording passes during a;
// 0 when it stands still.
func (s *Story) TimeLapse(a Act) float64 {
	return float64(a.To.Sub(a.From)) / float64(s.real(a.Length))
}

// Play plays one round. It calls begin at the start of each act, then the act's
// cues at their moments, and ends early with ctx's error. Moments are counted
// from the start of the round, so delays do not add up.
func (s *Story) Play(ctx context.Context, begin func(Act)) error {
	start := time.Now()
	var at time.Duration
	for _, act := range s.acts {
		if err := waitUntil(ctx, start.Add(s.real(at))); err != nil {
			return err
		}
		begin(act)
		cues := slices.Clone(act.Cues)
		slices.SortStableFunc(cues, func(a, b Cue) int { return cmp.Compare(a.After, b.After) })
		for _, cue := range cues {
			if err := waitUntil(ctx, start.Add(s.real(at+cue.After))); err != nil {
				return err
			}
			cue.Do()
		}
		at += act.Length
	}
	return waitUntil(ctx, start.Add(s.real(at)))
}

func (s *Story) real(own time.Duration) time.Duration {
	return time.Duration(float64(own) * s.pace)
}

func waitUntil(ctx context.Context, t time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
