package alarm

import (
	"testing"
	"unicode"
)

func TestEveryKindHasAdvice(t *testing.T) {
	general := Advice("a kind of a later release", English)
	for _, kind := range []Kind{LevelHigh, Smoke, DoorOpen, DoorForced, DoorHeld, Fault, Stale, BusDown} {
		zh, en := Advice(kind, Chinese), Advice(kind, English)
		if zh == "" || en == "" || en == general || zh == en {
			t.Errorf("%s: %q, %q", kind, zh, en)
		}
		for _, r := range en {
			if unicode.Is(unicode.Han, r) {
				t.Errorf("%s: Chinese in %q", kind, en)
				break
			}
		}
	}
}
