package all

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// verdicts collects what is wrong with a driver's options.
type verdicts []Problem

func (v *verdicts) add(key, want, got string) {
	*v = append(*v, Problem{Key: key, Want: want, Got: got})
}

// given refuses an empty text.
func (v *verdicts) given(key, text, want string) {
	if text == "" {
		v.add(key, want, "nothing")
	}
}

// word refuses what is none of the values.
func (v *verdicts) word(key, got string, values []string) {
	if !slices.Contains(values, got) {
		v.add(key, strings.Join(values, ", "), got)
	}
}

func (v *verdicts) between(key string, got, least, most time.Duration) {
	if got < least || got > most {
		v.add(key, fmt.Sprintf("%s … %s", least, most), got.String())
	}
}

func (v *verdicts) count(key string, got, least, most int) {
	if got < least || got > most {
		v.add(key, fmt.Sprintf("%d … %d", least, most), fmt.Sprint(got))
	}
}

// checked is options as those of the named driver, with values that can be.
func checked[O Options](name string, options any) (o O, err error) {
	o, ok := options.(O)
	if !ok {
		return o, wrongOptions(name, options)
	}
	return o, refuse(name, o.Validate())
}

// resistor is the pull as periph has it.
func (p Pull) resistor() gpio.Pull {
	switch p {
	case "up":
		return gpio.PullUp
	case "down":
		return gpio.PullDown
	}
	return gpio.PullNoChange
}
