package receive

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"watchpost/agent/message"
)

// schema is the part of JSON Schema that the contract uses.
type schema struct {
	Ref        string             `json:"$ref"`
	Defs       map[string]*schema `json:"$defs"`
	Type       any                `json:"type"`
	Const      any                `json:"const"`
	Pattern    string             `json:"pattern"`
	MinItems   int                `json:"minItems"`
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`

	pattern *regexp.Regexp
}

// schemas reads those of the contract, by class.
func schemas() (map[string]*schema, error) {
	all := map[string]*schema{}
	for _, class := range []string{message.ClassAlarms, message.ClassEvents, message.ClassReadings, message.ClassState, message.ClassActiveAlarms} {
		text, err := message.Schema(class)
		if err != nil {
			return nil, err
		}
		s := new(schema)
		if err := json.Unmarshal(text, s); err != nil {
			return nil, fmt.Errorf("read schema of class %s: %w", class, err)
		}
		if err := s.compile(); err != nil {
			return nil, fmt.Errorf("read schema of class %s: %w", class, err)
		}
		all[class] = s
	}
	return all, nil
}

func (s *schema) compile() (err error) {
	if s == nil {
		return nil
	}
	if s.Pattern != "" {
		if s.pattern, err = regexp.Compile(s.Pattern); err != nil {
			return err
		}
	}
	for _, p := range s.Properties {
		if err := p.compile(); err != nil {
			return err
		}
	}
	for _, d := range s.Defs {
		if err := d.compile(); err != nil {
			return err
		}
	}
	return s.Items.compile()
}

// wrong is the first thing in a payload that does not satisfy the schema, empty
// when there is none.
func (s *schema) wrong(payload []byte) words {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return say("不是 JSON：%v", "no JSON: %v", err)
	}
	if d.More() {
		return words{"不止一个 JSON 值", "more than one JSON value"}
	}
	return s.check(s, "", v)
}

// check holds v to s. Root has the definitions.
func (s *schema) check(root *schema, where string, v any) words {
	if s.Ref != "" {
		target := root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
		if target == nil {
			return say("没有 %s", "unknown %s", s.Ref)
		}
		s = target
	}
	if is := typeOf(v); s.Type != nil && !permits(s.Type, is) {
		return say("%s 是 %s，应为 %v", "%s is %s, want %v", cmp.Or(where, "payload"), is, s.Type)
	}
	if s.Const != nil && fmt.Sprint(s.Const) != fmt.Sprint(v) {
		return say("%s 是 %v，应为 %v", "%s is %v, want %v", where, v, s.Const)
	}
	switch v := v.(type) {
	case string:
		if s.pattern != nil && !s.pattern.MatchString(v) {
			return say("%s 是 %q，应合 %s", "%s is %q, want %s", where, v, s.Pattern)
		}
	case map[string]any:
		return s.checkObject(root, where, v)
	case []any:
		if len(v) < s.MinItems {
			return say("%s 有 %d 项，至少应有 %d 项", "%s has %d items, want %d at least", where, len(v), s.MinItems)
		}
		for i, inner := range v {
			if s.Items == nil {
				break
			}
			if w := s.Items.check(root, fmt.Sprintf("%s[%d]", where, i), inner); w != (words{}) {
				return w
			}
		}
	}
	return words{}
}

func (s *schema) checkObject(root *schema, where string, v map[string]any) words {
	if where != "" {
		where += "."
	}
	for _, key := range s.Required {
		if _, ok := v[key]; !ok {
			return say("缺少 %s", "%s is missing", where+key)
		}
	}
	for key, p := range s.Properties {
		inner, ok := v[key]
		if !ok {
			continue
		}
		if w := p.check(root, where+key, inner); w != (words{}) {
			return w
		}
	}
	return words{}
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			return "integer"
		}
	}
	return "number"
}

// permits reports whether a schema's type, one word or several, takes a value.
func permits(want any, is string) bool {
	words, several := want.([]any)
	if !several {
		words = []any{want}
	}
	return slices.Contains(words, any(is)) || is == "integer" && slices.Contains(words, any("number"))
}
