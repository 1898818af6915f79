package configs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
)

// Schema is a JSON Schema (draft 2020-12) of the configuration with these
// drivers, for editors: what Parse takes, it takes. It cannot see what Parse
// sees between keys, such as a line used twice; Parse is what counts.
//
// Texts may be numbers in it, because Parse takes values as they are written
// and an editor sees building: 3 as a number.
func Schema(drivers Catalogue) ([]byte, error) {
	root := schemaOf(reflect.TypeFor[Config](), field{}, drivers)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "watchpost"
	root["description"] = "watchpost 网关配置 / configuration of a watchpost gateway"
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(out, '\n'), nil
}

type object = map[string]any

// patterner is a driver's type that is read from text of one pattern.
type patterner interface{ Pattern() string }

const (
	durationPattern = `^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*$`
	lengthPattern   = `^-?(0|[1-9][0-9]*)(\.[0-9]{1,9})?(mm|cm|m)$`
	bytesPattern    = `^(0|[1-9][0-9]*)(B|kB|MB|GB|KiB|MiB|GiB)$`
)

// schemaOf is the schema of one value.
func schemaOf(t reflect.Type, f field, drivers Catalogue) object {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	fresh := reflect.New(t).Interface()
	_, sets := fresh.(setter)
	words, chosen := fresh.(enumerated)
	shape, shaped := fresh.(patterner)
	var out object
	switch {
	case t == reflect.TypeFor[Sensor]():
		out = sensorSchema(drivers)
	case t == durationType:
		out = object{"type": "string", "pattern": durationPattern}
	case t == lengthType:
		out = object{"type": "string", "pattern": lengthPattern}
	case t == bytesType:
		out = object{"type": "string", "pattern": bytesPattern}
	case shaped:
		out = object{"type": "string", "pattern": shape.Pattern()}
	case sets:
		out = object{"type": []string{"string", "number"}}
	case chosen:
		out = object{"type": "string", "enum": words.Values()}
	case t.Kind() == reflect.Struct:
		out = structSchema(drivers, f.required, reflect.New(t).Elem())
	case t.Kind() == reflect.Slice:
		out = object{"type": []string{"array", "null"}, "items": schemaOf(t.Elem(), field{}, drivers)}
	default:
		out = plainSchema(t, f)
	}
	if f.doc != (Words{}) {
		out["description"] = f.doc.Zh + " / " + f.doc.En
	}
	if f.fallback != "" {
		out["default"] = asJSON(t, f.fallback)
	}
	return out
}

// plainSchema is the schema of a text, a number or a truth value.
func plainSchema(t reflect.Type, f field) object {
	out := object{}
	switch v := reflect.New(t).Elem(); {
	case t.Kind() == reflect.Bool:
		out["type"] = "boolean"
	case v.CanInt() || v.CanUint():
		out["type"] = "integer"
	case v.CanFloat():
		out["type"] = "number"
	default:
		out["type"] = []string{"string", "number"}
		if form, ok := forms[f.form]; ok {
			out["pattern"] = form.pattern
		}
		return out
	}
	if f.min != "" {
		out["minimum"] = asJSON(t, f.min)
	}
	if f.max != "" {
		out["maximum"] = asJSON(t, f.max)
	}
	return out
}

// asJSON is a tag's text as a value of its type; other types stay text.
func asJSON(t reflect.Type, text string) any {
	if t.Kind() == reflect.Bool {
		return text == "true"
	}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil && t.Kind() != reflect.String {
		return n
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil && (t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32) {
		return x
	}
	return text
}

// structSchema is a section. One without required keys may be left empty.
func structSchema(drivers Catalogue, required bool, structs ...reflect.Value) object {
	properties, needed := object{}, []string{}
	together := object{}
	for _, s := range slots(structs...) {
		properties[s.key] = schemaOf(s.value.Type(), s.field, drivers)
		if s.required {
			needed = append(needed, s.key)
		}
		if s.with != "" {
			together[s.key] = []string{s.with}
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(needed) > 0 {
		out["required"] = needed
	} else if !required {
		out["type"] = []string{"object", "null"}
	}
	if len(together) > 0 {
		out["dependentRequired"] = together
	}
	return out
}

// sensorSchema lets each driver's keys stand beside the sensor's own.
func sensorSchema(drivers Catalogue) object {
	own := reflect.New(reflect.TypeFor[Sensor]()).Elem()
	out := structSchema(drivers, true, own)
	delete(out, "additionalProperties") // each driver closes it, below
	out["required"] = []string{"id", "driver"}
	var names []string
	if drivers != nil {
		names = drivers.Names()
	}
	out["properties"].(object)["driver"].(object)["enum"] = names
	r := reader{drivers: drivers}
	var cases []object
	for _, name := range names {
		options, ok := r.options(name)
		if !ok {
			continue
		}
		then := structSchema(drivers, true, reflect.ValueOf(options).Elem())
		delete(then, "type")
		for _, key := range keysOf(slots(own)) {
			then["properties"].(object)[key] = true
		}
		cases = append(cases, object{
			"if":   object{"properties": object{"driver": object{"const": name}}, "required": []string{"driver"}},
			"then": then,
		})
	}
	if len(cases) > 0 {
		out["allOf"] = cases
	}
	return out
}

// Key is one key of a driver, for a listing.
type Key struct {
	Name     string
	Required bool
	Default  string // as it would be written; empty: none
	Doc      Words
	Values   Words // what it takes; Doc again when there is nothing more to say
}

// Keys lists a driver's own keys in the order of its documentation; nil for a
// driver there is not.
func Keys(drivers Catalogue, driver string) []Key {
	r := reader{drivers: drivers}
	options, ok := r.options(driver)
	if !ok {
		return nil
	}
	var keys []Key
	for _, s := range slots(reflect.ValueOf(options).Elem()) {
		keys = append(keys, Key{s.key, s.required, s.fallback, s.doc, expected(s.value.Type(), s.field)})
	}
	return keys
}
