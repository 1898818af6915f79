package configs

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// document fills cfg from the whole file.
func (r *reader) document(root *node, cfg *Config) {
	r.fill(root, reflect.ValueOf(cfg).Elem(), field{}, "")
}

// field is what a struct field's tags ask of its value.
type field struct {
	key      string
	fallback string // default
	required bool
	form     string // of a string: see forms
	min, max string
	with     string // the key that must stand beside it
	doc      Words
}

func fieldOf(f reflect.StructField) field {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return field{
		key:      key,
		fallback: f.Tag.Get("default"),
		required: f.Tag.Get("required") == "true",
		form:     f.Tag.Get("form"),
		min:      f.Tag.Get("min"),
		max:      f.Tag.Get("max"),
		with:     f.Tag.Get("with"),
		doc:      ParseWords(f.Tag.Get("doc")),
	}
}

// slot is one key of a mapping and the field it goes to.
type slot struct {
	field
	value reflect.Value
}

// slots lists the keyed fields of structs.
func slots(structs ...reflect.Value) []slot {
	var out []slot
	for _, s := range structs {
		for i := range s.NumField() {
			f := s.Type().Field(i)
			tags := fieldOf(f)
			if f.IsExported() && tags.key != "" && tags.key != "-" {
				out = append(out, slot{tags, s.Field(i)})
			}
		}
	}
	return out
}

func keysOf(of []slot) []string {
	keys := make([]string, len(of))
	for i, s := range of {
		keys[i] = s.key
	}
	return keys
}

// fill reads n into v, which is addressable. A nil n was reported already.
func (r *reader) fill(n *node, v reflect.Value, f field, path string) {
	if n == nil {
		return
	}
	if path != "" {
		r.seen[path] = n.at
	}
	_, set := v.Addr().Interface().(setter)
	switch {
	case set:
		r.scalar(n, v, f, path)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.fill(n, v.Elem(), f, path)
	case v.Type() == reflect.TypeFor[Sensor]():
		r.sensor(n, v.Addr().Interface().(*Sensor), path)
	case v.Kind() == reflect.Struct:
		if r.hasKind(n, mapping, path) {
			r.mapping(n, path, v)
		}
	case v.Kind() == reflect.Slice:
		if r.hasKind(n, list, path) {
			r.list(n, v, f, path)
		}
	default:
		r.scalar(n, v, f, path)
	}
}

// hasKind reports a node of another kind. An empty section is one in which
// everything is left to its default.
func (r *reader) hasKind(n *node, want kind, path string) bool {
	switch {
	case n.kind == want || n.kind == empty:
		return true
	case want == list:
		r.report(n.at, path, "not-list", wantEntries, "")
	case path == "":
		r.report(n.at, path, "no-keys", Words{"version: 1、gateway: 这样的键", "keys such as version: 1 and gateway:"}, "")
	default:
		r.report(n.at, path, "not-section", wantSections, "")
	}
	return false
}

func (r *reader) list(n *node, v reflect.Value, f field, path string) {
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		r.fill(item, v.Index(i), f, index(path, i))
	}
}

// mapping reads n's keys into the fields of structs, together.
func (r *reader) mapping(n *node, path string, structs ...reflect.Value) {
	known := slots(structs...)
	written := map[string]bool{}
	for _, e := range n.entries {
		written[e.key] = true
		i := slices.IndexFunc(known, func(s slot) bool { return s.key == e.key })
		if i < 0 {
			r.unknownKey(e, path, driverAt(structs), known)
			continue
		}
		r.fill(e.value, known[i].value, known[i].field, join(path, e.key))
	}
	for _, s := range known {
		switch {
		case written[s.key]:
		case s.required:
			r.report(n.at, join(path, s.key), "missing", expected(s.value.Type(), s.field), "")
		default:
			r.fallbacks(s, join(path, s.key))
		}
	}
}

// unknownKey says where a key belongs when it stands one level too high or
// under another driver, and else the nearest key. The value is not looked at: it
// may be a secret.
func (r *reader) unknownKey(e entry, path, driver string, known []slot) {
	keys := keysOf(known)
	key := fold(e.key)
	near := oneLevelDown(key, known)
	if near == "" {
		near = nearest(key, keys)
	}
	before, _, colon := strings.Cut(e.key, "：")
	switch {
	case colon && isKey(fold(before)):
		r.report(e.at, path, "wide-colon", wantColon, "")
	case e.valueless() && measure.MatchString(e.key):
		// {above: 1,5m} is above: 1 and a key 5m.
		r.report(e.at, path, "comma-in-number", Words{"小数点，如 1.5m", "a point, such as 1.5m"}, "")
	case driver != "" && !slices.Contains(keys, near) && r.ofDriver(key) != "":
		r.report(e.at, join(path, e.key), "key-of-driver", oneOf(keys), "", plain(r.ofDriver(key)))
	default:
		r.report(e.at, join(path, e.key), "unknown-key", oneOf(keys), near)
	}
}

func (e entry) valueless() bool { return e.value != nil && e.value.kind == empty }

// oneLevelDown is section.key when a section among known has the key.
func oneLevelDown(key string, known []slot) string {
	for _, s := range known {
		t := s.value.Type()
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if _, sets := reflect.New(t).Interface().(setter); sets || t.Kind() != reflect.Struct {
			continue
		}
		if slices.Contains(keysOf(slots(reflect.New(t).Elem())), key) {
			return s.key + "." + key
		}
	}
	return ""
}

// ofDriver is the first driver that has the key, or "".
func (r *reader) ofDriver(key string) string {
	if r.drivers == nil {
		return ""
	}
	for _, name := range r.drivers.Names() {
		options, ok := r.options(name)
		if ok && slices.Contains(keysOf(slots(reflect.ValueOf(options).Elem())), key) {
			return name
		}
	}
	return ""
}

func oneOf(words []string) Words {
	if len(words) == 1 {
		return plain(words[0])
	}
	return Words{strings.Join(words, "、") + " 之一", "one of " + strings.Join(words, ", ")}
}

// fallbacks sets a field that is not in the file, and those below it, to their
// defaults.
func (r *reader) fallbacks(s slot, path string) {
	v := s.value
	if _, sets := v.Addr().Interface().(setter); !sets && v.Kind() == reflect.Struct {
		for _, inner := range slots(v) {
			if !inner.required {
				r.fallbacks(inner, join(path, inner.key))
			}
		}
		return
	}
	if s.fallback == "" || !v.IsZero() {
		return
	}
	r.scalar(&node{kind: scalar, text: s.fallback}, v, s.field, path)
}

// sensor reads the sensor's keys and, once its driver is known, the driver's
// keys beside them.
func (r *reader) sensor(n *node, s *Sensor, path string) {
	if !r.hasKind(n, mapping, path) {
		return
	}
	own := reflect.ValueOf(s).Elem()
	value, at, written := driverOf(n)
	driver := ""
	if value != nil {
		driver = value.text
	}
	options, known := r.options(driver)
	if known {
		s.Driver = driver // before its keys, which may stand above it
		r.mapping(n, path, own, reflect.ValueOf(options).Elem())
		s.Options = options
		r.parts(path, options)
		if r.right(path, options) {
			r.validate(n, path, driver, options)
		}
		return
	}
	var names []string
	if r.drivers != nil {
		names = r.drivers.Names()
	}
	switch {
	case driver != "":
		r.report(at, join(path, "driver"), "unknown-driver", oneOf(names), nearest(driver, names), value.quoted(path))
	case !written:
		r.report(n.at, join(path, "driver"), "missing", oneOf(names), "")
	default:
		r.report(at, join(path, "driver"), "not-single", oneOf(names), "")
	}
	// Keys that are not the sensor's own may be the driver's: without a driver
	// nothing can be said of them, but that one may be driver in capitals.
	keys := keysOf(slots(own))
	ours := *n
	ours.entries = slices.DeleteFunc(slices.Clone(n.entries), func(e entry) bool {
		return e.key == "driver" || !slices.Contains(keys, strings.ToLower(fold(e.key))) && nearest(e.key, []string{"driver"}) == ""
	})
	r.mapping(&ours, path, own)
}

// driverOf is what the sensor says is its driver, nil when that is no text.
func driverOf(n *node) (driver *node, at place, written bool) {
	for _, e := range n.entries {
		if e.key != "driver" {
			continue
		}
		if e.value != nil && e.value.kind == scalar {
			return e.value, e.value.at, e.value.text != ""
		}
		return nil, e.at, true
	}
	return nil, n.at, false
}

// driverAt is the driver of the sensor among structs, or "".
func driverAt(structs []reflect.Value) string {
	for _, v := range structs {
		if s, ok := v.Addr().Interface().(*Sensor); ok && len(structs) > 1 {
			return s.Driver
		}
	}
	return ""
}

// options is a fresh options struct for driver, if there is such a driver and
// it keeps Catalogue's promise.
func (r *reader) options(driver string) (any, bool) {
	if r.drivers == nil || driver == "" {
		return nil, false
	}
	options, ok := r.drivers.Options(driver)
	v := reflect.ValueOf(options)
	if !ok || v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, false
	}
	return options, true
}

// validator is a driver's options that know what fits together: key to what
// was expected; the key "" means the options as a whole.
type validator interface{ Validate() map[string]string }

// judge is a Catalogue that says the same of its drivers' options.
type judge interface {
	Validate(driver string, options any) map[string]string
}

func (r *reader) validate(n *node, path, driver string, options any) {
	wrong := map[string]string{}
	if v, ok := options.(validator); ok {
		maps.Copy(wrong, v.Validate())
	}
	if j, ok := r.drivers.(judge); ok {
		maps.Copy(wrong, j.Validate(driver, options))
	}
	for _, key := range slices.Sorted(maps.Keys(wrong)) {
		at, where := n.at, path
		if key != "" {
			where = join(path, key)
		}
		if written, ok := r.seen[where]; ok {
			at = written
		}
		r.report(at, where, "not-here", ParseWords(wrong[key]), "")
	}
}
