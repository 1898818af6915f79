package configs

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Check holds a catalogue to what Parse needs of it, for a test of whoever
// makes one:
//
//   - Options returns a pointer to a struct for each name, a fresh one each time;
//   - its fields have the tag yaml:"key", with a key that no field of Sensor
//     and no other field has; optionally default:"text", required:"true",
//     min:"text", max:"text" and doc:"zh|en";
//   - a field's type is string, bool, a whole number, a float, time.Duration, a
//     string type with Values() []string, a type whose pointer has
//     Set(string) error, or a pointer, struct or slice of these;
//   - tags can be read into their field, and no required field has a default.
//
// The options may have Claims() []string (what no two sensors may both use),
// Shares() map[string]string (what several may use, to how: a port to its mode,
// or to a text that begins with alone), Validate() map[string]string (key to what
// was expected; called only when each value alone is right) and Thresholds() bool
// (whether an alarm compares). The catalogue may answer the last two for them,
// with Validate(driver string, options any) map[string]string and
// Thresholds(driver string, options any) bool; and it may have Alarms(driver
// string, options any) bool (whether there is anything to be in alarm).
//
// A type with Set may say what it reads: to people with Expects() string, and to
// the schema with Pattern() string, a regular expression that matches all of it.
//
// What people read is "zh|en", or neutral, such as 0x48 … 0x4b.
func Check(drivers Catalogue) error {
	var errs []error
	r := &reader{drivers: drivers}
	for _, name := range drivers.Names() {
		first, ok := r.options(name)
		second, _ := r.options(name)
		if !ok || first == second && reflect.TypeOf(first).Elem().Size() > 0 {
			errs = append(errs, fmt.Errorf("driver %s: no fresh pointer to a struct", name))
			continue
		}
		keys := keysOf(slots(reflect.ValueOf(&Sensor{}).Elem()))
		for _, err := range checkStruct(reflect.ValueOf(first).Elem(), keys) {
			errs = append(errs, fmt.Errorf("driver %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func checkStruct(v reflect.Value, taken []string) (errs []error) {
	for _, s := range slots(v) {
		if !isKey(s.key) || slices.Contains(taken, s.key) {
			errs = append(errs, fmt.Errorf("key %s: taken, or not a plain word", s.key))
		}
		taken = append(taken, s.key)
		if s.required && s.fallback != "" {
			errs = append(errs, fmt.Errorf("key %s: required, yet has a default", s.key))
		}
		errs = append(errs, checkSlot(s)...)
	}
	return errs
}

func checkSlot(s slot) (errs []error) {
	t := s.value.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	fresh := reflect.New(t)
	_, sets := fresh.Interface().(setter)
	switch kind := t.Kind(); {
	case sets:
	case kind == reflect.Struct:
		return checkStruct(fresh.Elem(), nil)
	case kind == reflect.Slice:
		s.value = reflect.New(t.Elem()).Elem()
		return checkSlot(s)
	case kind == reflect.String, kind == reflect.Bool, fresh.Elem().CanInt(), fresh.Elem().CanUint(), fresh.Elem().CanFloat():
	default:
		return []error{fmt.Errorf("key %s: type %s cannot be read", s.key, t)}
	}
	if _, known := forms[s.form]; s.form != "" && !known {
		errs = append(errs, fmt.Errorf("key %s: form %s is not known", s.key, s.form))
	}
	for _, text := range []string{s.fallback, s.min, s.max} {
		if text == "" {
			continue
		}
		if _, code := assign(fresh.Elem(), text); code != "" || !within(fresh.Elem(), s.field) {
			errs = append(errs, fmt.Errorf("key %s: tag value %q does not fit", s.key, text))
		}
	}
	return errs
}
