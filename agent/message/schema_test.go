package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// schema is the part of JSON Schema that the contract uses.
type schema struct {
	Ref        string             `json:"$ref"`
	Defs       map[string]*schema `json:"$defs"`
	Type       any                `json:"type"`
	Const      any                `json:"const"`
	Pattern    string             `json:"pattern"`
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	Additional any                `json:"additionalProperties"`
}

// check lists what of v does not satisfy s. Root holds the definitions.
func (s *schema) check(root *schema, where string, v any) []string {
	if s.Ref != "" {
		target := root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
		if target == nil {
			return []string{where + ": unknown " + s.Ref}
		}
		return target.check(root, where, v)
	}
	var wrong []string
	if !s.hasType(v) {
		wrong = append(wrong, fmt.Sprintf("%s: %v is not %v", where, v, s.Type))
	}
	if s.Const != nil && fmt.Sprint(s.Const) != fmt.Sprint(v) {
		wrong = append(wrong, fmt.Sprintf("%s: %v, want %v", where, v, s.Const))
	}
	switch v := v.(type) {
	case string:
		if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v) {
			wrong = append(wrong, fmt.Sprintf("%s: %q does not match %s", where, v, s.Pattern))
		}
	case map[string]any:
		for _, key := range s.Required {
			if _, ok := v[key]; !ok {
				wrong = append(wrong, where+": no "+key)
			}
		}
		for key, inner := range v {
			if p := s.Properties[key]; p != nil {
				wrong = append(wrong, p.check(root, where+"."+key, inner)...)
			}
		}
	case []any:
		for i, inner := range v {
			if s.Items != nil {
				wrong = append(wrong, s.Items.check(root, fmt.Sprintf("%s[%d]", where, i), inner)...)
			}
		}
	}
	return wrong
}

func (s *schema) hasType(v any) bool {
	is := ""
	switch v := v.(type) {
	case nil:
		is = "null"
	case bool:
		is = "boolean"
	case string:
		is = "string"
	case []any:
		is = "array"
	case map[string]any:
		is = "object"
	case json.Number:
		is = "number"
		if !strings.Contains(v.String(), ".") && (s.Type == "integer") {
			is = "integer"
		}
	}
	switch want := s.Type.(type) {
	case nil:
		return true
	case []any:
		return slices.Contains(want, any(is))
	default:
		return want == is
	}
}

// undeclared lists keys of v that the schema does not describe: allowed by it,
// but not in what we send ourselves.
func (s *schema) undeclared(root *schema, where string, v any) []string {
	if s.Ref != "" {
		return root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")].undeclared(root, where, v)
	}
	var keys []string
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			switch p := s.Properties[key]; {
			case p != nil:
				keys = append(keys, p.undeclared(root, where+"."+key, inner)...)
			case s.Additional == true:
				keys = append(keys, where+"."+key)
			}
		}
	case []any:
		for _, inner := range v {
			keys = append(keys, s.Items.undeclared(root, where+"[]", inner)...)
		}
	}
	return keys
}

func load(t *testing.T, class string) *schema {
	t.Helper()
	b, err := Schema(class)
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatalf("schema of %s: %v", class, err)
	}
	return &s
}

func parse(t *testing.T, payload []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMessagesKeepTheirSchema(t *testing.T) {
	for name, sample := range samples() {
		s, v := load(t, class(name)), parse(t, sample.payload)
		for _, wrong := range s.check(s, name, v) {
			t.Error(wrong)
		}
		for _, key := range s.undeclared(s, name, v) {
			t.Errorf("%s is not in the schema", key)
		}
	}
}

// The check above must be able to fail: each required key taken away, and each
// value given another type, has to be noticed.
func TestSchemaCheckNotices(t *testing.T) {
	for name, sample := range samples() {
		s := load(t, class(name))
		if len(s.Required) < 5 {
			t.Errorf("schema of %s requires only %v", name, s.Required)
		}
		for _, key := range s.Required {
			v := parse(t, sample.payload)
			delete(v, key)
			if len(s.check(s, name, v)) == 0 {
				t.Errorf("%s without %s passes", name, key)
			}
		}
		v := parse(t, sample.payload)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			old := v[key]
			v[key] = []any{[]any{"x"}} // for the lists: of the wrong things
			if len(s.check(s, name, v)) == 0 {
				t.Errorf("%s with a wrong %s passes", name, key)
			}
			v[key] = old
		}
	}
}

// What is sent today satisfies the schemas of the first v1, which receivers were
// built against: what came since is only more.
func TestEarlierReceiversAreKept(t *testing.T) {
	for name, sample := range samples() {
		word, _, _ := strings.Cut(name, ".")
		b, err := os.ReadFile(filepath.Join("testdata", "first", word+".schema"))
		if err != nil {
			continue // no class that has changed
		}
		var first schema
		if err := json.Unmarshal(b, &first); err != nil {
			t.Fatal(err)
		}
		v := parse(t, sample.payload)
		for _, wrong := range first.check(&first, name, v) {
			t.Errorf("for an earlier receiver: %s", wrong)
		}
		delete(v, "alarms")
		delete(v, "state")
		if len(first.check(&first, name, v)) == 0 {
			t.Errorf("%s: the first schema takes anything", name)
		}
	}
}

// objects calls each for every schema of an object inside s.
func (s *schema) objects(where string, each func(string, *schema)) {
	if s.Type != nil && strings.Contains(fmt.Sprint(s.Type), "object") {
		each(where, s)
	}
	for key, p := range s.Properties {
		p.objects(where+"."+key, each)
	}
	for key, d := range s.Defs {
		d.objects(where+"#"+key, each)
	}
	if s.Items != nil {
		s.Items.objects(where+"[]", each)
	}
}

// A receiver that checks against today's schema must take what a later v1 adds.
func TestSchemasAllowMore(t *testing.T) {
	for _, class := range []string{ClassAlarms, ClassEvents, ClassReadings, ClassState, ClassActiveAlarms} {
		b, err := Schema(class)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte(`"https://json-schema.org/draft/2020-12/schema"`)) || bytes.Contains(b, []byte(`"enum"`)) {
			t.Errorf("schema of %s: want draft 2020-12 and no closed list of words", class)
		}
		load(t, class).objects(class, func(where string, s *schema) {
			if s.Additional != true && !strings.HasSuffix(where, ".versions") {
				t.Errorf("%s does not allow more fields", where)
			}
		})
	}
	if _, err := Schema("commands"); err == nil {
		t.Error("a class without schema has one")
	}
}
