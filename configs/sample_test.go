package configs

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// commented is a default as the sample shows it: #key: value.
var commented = regexp.MustCompile(`(?m)^( *)#([a-z_]+: .*)$`)

// withDefaults removes the # before every commented default. A default that the
// sample also overrides is left as it is.
func withDefaults(src string) string {
	return commented.ReplaceAllStringFunc(src, func(line string) string {
		if strings.Contains(line, "allow_plaintext") {
			return line
		}
		return strings.Replace(line, "#", "", 1)
	})
}

func TestSampleShowsTheDefaults(t *testing.T) {
	plain := mustParse(t, "sample.yaml", Sample())
	shown := mustParse(t, "sample.yaml", []byte(withDefaults(sample)))
	if diff := cmp.Diff(plain, shown); diff != "" {
		t.Errorf("a commented value is not the default (-default +sample):\n%s", diff)
	}
	wrong := strings.Replace(sample, "#keep_alive: 30s", "#keep_alive: 31s", 1)
	if cmp.Equal(plain, mustParse(t, "sample.yaml", []byte(withDefaults(wrong)))) {
		t.Error("a wrong commented value was not noticed")
	}
}

// optional is a line of a section that is left out of the sample's effect: it
// begins with "# ", and the first of its section has no indentation.
var optional = regexp.MustCompile(`(?m)^# ((?:cards|output):|  .*)$`)

func TestSampleShowsOptionalSections(t *testing.T) {
	got := mustParse(t, "sample.yaml", []byte(optional.ReplaceAllString(sample, "$1")))
	want := &Output{Line: "gpiochip0:22", Active: "high", Level: Red, Longest: 10 * time.Minute}
	if diff := cmp.Diff(want, got.Output); diff != "" {
		t.Errorf("a value of the output is not the default (-default +sample):\n%s", diff)
	}
	if got.Cards.KeyFile == "" {
		t.Error("no cards")
	}
	if without := mustParse(t, "x.yaml", []byte(strings.Replace(small, "sensors:", "output: {line: gpiochip0:22}\nsensors:", 1))); !cmp.Equal(without.Output, want) {
		t.Errorf("the defaults are %+v", without.Output)
	}
	if plain := mustParse(t, "sample.yaml", Sample()); plain.Output != nil || plain.Cards.KeyFile != "" {
		t.Error("an optional section is in effect")
	}
}

// example is the sample's example of tls, and of fallback.
var example = regexp.MustCompile(`    # (?:tls|fallback):\n(    #   .*\n)+`)

// withExamples is the sample with its examples of a platform in effect.
func withExamples(t *testing.T) Platform {
	t.Helper()
	src := strings.NewReplacer("tcp://127.0.0.1:1883", "tls://127.0.0.1:8883", "    allow_plaintext: true\n", "").Replace(sample)
	src = example.ReplaceAllStringFunc(src, func(lines string) string { return strings.ReplaceAll(lines, "    # ", "    ") })
	return mustParse(t, "sample.yaml", []byte(src)).Platforms[0]
}

func TestSampleShowsTLS(t *testing.T) {
	want := TLS{"/etc/watchpost/city-ca.pem", "/etc/watchpost/gateway.pem", "/etc/watchpost/gateway.key", "mqtt.city.example"}
	if got := withExamples(t).TLS; got != want {
		t.Errorf("the sample's example of tls is %+v", got)
	}
}

func TestSampleShowsTheSecondWay(t *testing.T) {
	want := &Fallback{URL: "https://city.example/ingest", After: 2 * time.Minute, TokenFile: "/etc/watchpost/city.token", TLS: TLS{CAFile: "/etc/watchpost/city-ca.pem"}}
	if diff := cmp.Diff(want, withExamples(t).Fallback); diff != "" {
		t.Errorf("the sample's example of a second way (-want +got):\n%s", diff)
	}
	if mustParse(t, "sample.yaml", Sample()).Platforms[0].Fallback != nil {
		t.Error("the sample has a second way without being asked")
	}
}

// Every key of the configuration stands in the sample; those with a default, as
// a comment that shows it.
func TestSampleNamesEveryKey(t *testing.T) {
	var walk func(t *testing.T, v reflect.Type)
	walk = func(t *testing.T, v reflect.Type) {
		if v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice {
			v = v.Elem()
		}
		_, sets := reflect.New(v).Interface().(setter)
		if sets || v.Kind() != reflect.Struct {
			return
		}
		for _, s := range slots(reflect.New(v).Elem()) {
			line := regexp.MustCompile(`(?m)(^|[ {#])` + s.key + `:`)
			if s.fallback != "" {
				line = regexp.MustCompile(`(?m)^ *#(?:   )?` + s.key + `: ` + regexp.QuoteMeta(s.fallback) + `$`)
			}
			if !line.MatchString(sample) {
				t.Errorf("the sample does not have %s: %s", s.key, s.fallback)
			}
			walk(t, s.value.Type())
		}
	}
	walk(t, reflect.TypeFor[Config]())
}
