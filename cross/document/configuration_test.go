package document

import (
	"testing"

	"watchpost/agent/gateway"
	"watchpost/configs"
)

// TestConfigurationsShownAreTaken loads every configuration on the front pages.
func TestConfigurationsShownAreTaken(t *testing.T) {
	for _, page := range []string{"README.md", "README.zh-CN.md"} {
		_, fences := parse(read(t, page))
		count := 0
		for _, f := range fences {
			if f.language != "yaml" {
				continue
			}
			count++
			if _, problems := configs.Parse(page, []byte(f.text), gateway.Catalogue{}); len(problems) > 0 {
				t.Error(problems)
			}
		}
		if count == 0 {
			t.Errorf("%s shows no configuration", page)
		}
	}
}

// TestAWrongConfigurationIsSeen is the negative control.
func TestAWrongConfigurationIsSeen(t *testing.T) {
	_, fences := parse("```yaml\nversion: 1\ngateway: {id: GW-1}\nsensors: [{id: a, driver: contact, line: x, measures: smoke, activ: open}]\n```\n")
	if _, problems := configs.Parse("page", []byte(fences[0].text), gateway.Catalogue{}); len(problems) != 1 {
		t.Errorf("got %v, want one mistake", problems)
	}
}
