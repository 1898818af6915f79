package main

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"watchpost/agent/gateway"
	"watchpost/configs"
)

var update = flag.Bool("update", false, "write configs/schema.json")

// The schema beside the sample is the one the program prints.
func TestSchemaIsCommitted(t *testing.T) {
	const path = "../configs/schema.json"
	got := watchpost(t, "schema")
	if got.code != 0 || got.err != "" {
		t.Fatalf("got %+v", got)
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(committed) != got.out {
		t.Error("configs/schema.json is not what watchpost schema prints: go test ./agent -run TestSchemaIsCommitted -update")
	}
}

func TestDriversAreListed(t *testing.T) {
	got := watchpost(t, "drivers", "--lang", "zh", "ads1115")
	if got.code != 0 || got.err != "" || !strings.HasPrefix(got.out, "ads1115\n  bus      必填    I2C 总线，如 i2c-1\n  address  0x48    芯片地址") {
		t.Errorf("got %+v", got)
	}
	whole := watchpost(t, "drivers")
	if whole.code != 0 || !strings.HasPrefix(whole.out, "ads1115\n") || !strings.Contains(whole.out, "\n\ncontact\n  line ") {
		t.Errorf("got %+v", whole)
	}
	if got := watchpost(t, "drivers", "ads1015"); got.code != 2 || !strings.HasPrefix(got.err, "watchpost: error: no driver ads1015\nwatchpost: hint: there are ads1115, contact") {
		t.Errorf("got %+v", got)
	}
}

// example is a line of a sensor that the sample shows but does not have.
var example = regexp.MustCompile(`(?m)^  # (- |  )`)

// The sample shows every driver, each as it can be used.
func TestSampleShowsEveryDriver(t *testing.T) {
	src := example.ReplaceAll(configs.Sample(), []byte("  $1"))
	cfg, problems := configs.Parse("sample.yaml", src, gateway.Catalogue{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	shown := map[string]bool{}
	for _, s := range cfg.Sensors {
		shown[s.Driver] = true
	}
	for _, name := range (gateway.Catalogue{}).Names() {
		if !shown[name] {
			t.Errorf("configs/sample.yaml does not show driver %s", name)
		}
	}
	if wrong := bytes.Replace(src, []byte("register_unit: mm"), []byte("register_unit: inch"), 1); bytes.Equal(wrong, src) {
		t.Error("the examples are not uncommented")
	} else if _, problems := configs.Parse("sample.yaml", wrong, gateway.Catalogue{}); len(problems) != 1 {
		t.Errorf("a mistake in an example: %v", problems)
	}
}
