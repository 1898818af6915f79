package configs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// refusal checks v against the keywords that Schema writes, and says where it is
// refused; empty when it is taken. A keyword it does not know is a refusal too.
func refusal(schema any, v any, at string) string {
	s, ok := schema.(map[string]any)
	if !ok {
		if schema == true {
			return ""
		}
		return at + ": no key"
	}
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		if why := keywordRefuses(keyword, s, v); why != "" {
			return at + ": " + why
		}
	}
	members, _ := v.(map[string]any)
	properties, _ := s["properties"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(members)) {
		inner, known := properties[key]
		if !known {
			inner, known = s["additionalProperties"]
		}
		if known {
			if why := refusal(inner, members[key], at+"."+key); why != "" {
				return why
			}
		}
	}
	items, _ := v.([]any)
	for i, item := range items {
		if why := refusal(s["items"], item, at+fmt.Sprintf("[%d]", i)); why != "" {
			return why
		}
	}
	for _, part := range listOf(s["allOf"]) {
		if why := refusal(part, v, at); why != "" {
			return why
		}
	}
	if s["if"] != nil && refusal(s["if"], v, "") == "" {
		return refusal(s["then"], v, at)
	}
	return ""
}

func keywordRefuses(keyword string, s map[string]any, v any) string {
	wrong := false
	switch want := s[keyword]; keyword {
	case "type":
		wrong = !slices.ContainsFunc(listOf(want), func(t any) bool { return typed(t.(string), v) })
	case "enum":
		wrong = !slices.Contains(listOf(want), v)
	case "const":
		wrong = want != v
	case "pattern":
		text, ok := v.(string)
		wrong = ok && !regexp.MustCompile(want.(string)).MatchString(text)
	case "minimum":
		n, ok := v.(float64)
		wrong = ok && n < want.(float64)
	case "maximum":
		n, ok := v.(float64)
		wrong = ok && n > want.(float64)
	case "required":
		wrong = lacks(v, listOf(want))
	case "dependentRequired":
		for key, others := range want.(map[string]any) {
			wrong = wrong || !lacks(v, []any{key}) && lacks(v, listOf(others))
		}
	case "properties", "additionalProperties", "items", "allOf", "if", "then", "description", "title", "default", "$schema":
	default:
		wrong = true
	}
	if wrong {
		return keyword
	}
	return ""
}

func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func lacks(v any, keys []any) bool {
	members, ok := v.(map[string]any)
	return ok && slices.ContainsFunc(keys, func(k any) bool { _, has := members[k.(string)]; return !has })
}

func typed(name string, v any) bool {
	switch name {
	case "null":
		return v == nil
	case "integer":
		n, ok := v.(float64)
		return ok && n == float64(int64(n))
	}
	kinds := map[string]reflect.Kind{"string": reflect.String, "number": reflect.Float64, "boolean": reflect.Bool, "object": reflect.Map, "array": reflect.Slice}
	return v != nil && reflect.TypeOf(v).Kind() == kinds[name]
}

// asEditor is src as an editor's YAML support sees it; false when it is no YAML.
func asEditor(t *testing.T, src []byte) (v any, ok bool) {
	t.Helper()
	var loose any
	if err := yaml.Unmarshal(src, &loose); err != nil {
		return nil, false
	}
	strict, err := json.Marshal(loose)
	if err != nil {
		return nil, false
	}
	return parsed(t, strict), true
}

func parsed(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func schemaOfParts(t *testing.T) any {
	t.Helper()
	text, err := Schema(parts{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, text)
}

// unseen are the broken files whose mistakes lie between keys, in how hardware is
// named, or in how YAML is written: no schema can see them.
var unseen = []string{
	"conflicts", "doubled-ids", "gb18030", "hardware-names", "json-tabs", "many-platforms", "modbus-twice", "old-mac",
	"output-on-a-sensor", "pin-spelled-twice", "reversed", "serial-alone", "serial-speeds",
}

func TestSchemaRefusesBrokenFiles(t *testing.T) {
	schema := schemaOfParts(t)
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	refused, noYAML, passed := 0, 0, 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		ok := len(src) < 5000 || name == "long-line" // the parser alone overflows on bombs
		if ok {
			v, ok = asEditor(t, src)
		}
		if !ok {
			noYAML++
			continue
		}
		switch why := refusal(schema, v, ""); {
		case why == "" && !slices.Contains(unseen, name):
			t.Errorf("%s: taken by the schema", name)
		case why != "" && slices.Contains(unseen, name):
			t.Errorf("%s: refused by the schema after all: %s", name, why)
		case why != "":
			refused++
		default:
			passed++
		}
	}
	t.Logf("%d broken files: %d refused by the schema, %d no YAML or more than one document, %d beyond a schema", len(files), refused, noYAML, passed)
}

// The demonstration has drivers of the product that this package does not know.
func TestSchemaTakesTheDemo(t *testing.T) {
	committed, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	v, ok := asEditor(t, Demo())
	if !ok {
		t.Fatal("demo.yaml is no YAML")
	}
	if why := refusal(parsed(t, committed), v, ""); why != "" {
		t.Errorf("demo.yaml is refused by the schema: %s", why)
	}
}

func TestSchemaTakesWhatTheLoaderTakes(t *testing.T) {
	committed, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string][]byte{
		"sample.yaml": Sample(), "small.yaml": []byte(small), "sample with defaults": []byte(withDefaults(sample)),
		"sample with everything": []byte(optional.ReplaceAllString(sample, "$1")),
	} {
		v, ok := asEditor(t, src)
		if !ok {
			t.Fatalf("%s is no YAML", name)
		}
		for which, schema := range map[string]any{"committed": parsed(t, committed), "of this test": schemaOfParts(t)} {
			if why := refusal(schema, v, ""); why != "" {
				t.Errorf("%s is refused by the schema %s: %s", name, which, why)
			}
		}
	}
}

// What a form takes its pattern takes.
func TestPatternsAreNoNarrowerThanForms(t *testing.T) {
	for name, f := range forms {
		pattern := regexp.MustCompile(f.pattern)
		for _, text := range []string{
			"GW-1", "a_b", "/var/lib", "/", "off", ":8080", "127.0.0.1:8080", "[::1]:65535", "tcp://h:1", "tcp://[::1]:1883",
			"watchpost/v1", "城市/网关", "gpiochip0:17", "GPIO17", "/dev/gpiochip0:17",
		} {
			if f.ok(text) && !pattern.MatchString(text) {
				t.Errorf("form %s takes %q, its pattern does not", name, text)
			}
		}
	}
	for pattern, texts := range map[string][]string{
		durationPattern: {"1s", "1.5h", "1h30m", "100ms", "+5s", "1.s"},
		lengthPattern:   {"1cm", "-0.5mm", "1.80m"},
		bytesPattern:    {"64MB", "0B", "1KiB"},
	} {
		for _, text := range texts {
			if !regexp.MustCompile(pattern).MatchString(text) {
				t.Errorf("%s does not take %q", pattern, text)
			}
		}
	}
}
