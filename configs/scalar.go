package configs

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setter is a value that reads itself from text, such as periph's physic types.
type setter interface{ Set(string) error }

// enumerated is a string type with few values.
type enumerated interface{ Values() []string }

var (
	durationType = reflect.TypeFor[time.Duration]()
	lengthType   = reflect.TypeFor[Length]()
	bytesType    = reflect.TypeFor[Bytes]()
)

// scalar reads n's text into v and reports what does not fit.
func (r *reader) scalar(n *node, v reflect.Value, f field, path string) {
	want := expected(v.Type(), f)
	switch {
	case n.kind == empty || n.kind == scalar && n.text == "" && v.Kind() != reflect.String:
		r.report(n.at, path, "has no value", want, "")
		return
	case n.kind != scalar:
		r.report(n.at, path, "not a single value", want, "")
		return
	case f.required && n.text == "":
		r.report(n.at, path, "is empty", want, "")
		return
	}
	if near, err := assign(v, n.text); err != nil {
		r.report(n.at, path, n.quoted()+" "+err.Error(), want, near)
		return
	}
	if v.Kind() == reflect.String {
		r.form(n, f.form, path)
		return
	}
	if !within(v, f) {
		r.report(n.at, path, n.quoted()+" is out of range", want, "")
	}
}

// quoted is the value as problems may print it.
func (n *node) quoted() string {
	if n.lines {
		return "a text of several lines"
	}
	return quote(n.text)
}

func quote(s string) string {
	if s = shown(s); strings.HasPrefix(s, `"`) {
		return s
	}
	return `"` + s + `"`
}

// assign reads text into v. The error's text follows the value in a sentence.
func assign(v reflect.Value, text string) (near string, err error) {
	switch target := v.Addr().Interface().(type) {
	case setter:
		if _, ours := map[reflect.Type]bool{lengthType: true, bytesType: true}[v.Type()]; ours {
			if err := target.Set(text); err != nil {
				_, why, _ := strings.Cut(err.Error(), ": ")
				return "", fmt.Errorf("is not possible: %s", why)
			}
			return "", nil
		}
		if err := target.Set(text); err != nil {
			return "", fmt.Errorf("is not possible: %w", err)
		}
		return "", nil
	case enumerated:
		return assignWord(v, target.Values(), text)
	case *time.Duration:
		return assignDuration(target, text)
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		return assignBool(v, text)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "", assignInt(v, text)
	case reflect.Float32, reflect.Float64:
		return "", assignFloat(v, text)
	default:
		return "", fmt.Errorf("cannot be read into %s", v.Type())
	}
	return "", nil
}

func assignWord(v reflect.Value, words []string, text string) (near string, err error) {
	if v.Kind() != reflect.String || !slices.Contains(words, text) {
		return nearest(text, words), fmt.Errorf("is none of the possible values")
	}
	v.SetString(text)
	return "", nil
}

func assignBool(v reflect.Value, text string) (near string, err error) {
	switch text {
	case "true", "false":
		v.SetBool(text == "true")
		return "", nil
	}
	switch strings.ToLower(text) {
	case "true", "yes", "on", "y", "1":
		near = "true"
	case "false", "no", "off", "n", "0":
		near = "false"
	}
	return near, fmt.Errorf("is not true or false")
}

// durationUnits are spellings that time.ParseDuration does not know.
var durationUnits = regexp.MustCompile(`^([0-9.]+) ?(ms|s|secs?|seconds?|秒|m|mins?|minutes?|分|分钟|h|hrs?|hours?|小时)$`)

func assignDuration(d *time.Duration, text string) (near string, err error) {
	parsed, err := time.ParseDuration(text)
	if err == nil && strings.Trim(text, "0+-") != "" {
		*d = parsed
		return "", nil
	}
	if m := durationUnits.FindStringSubmatch(text); m != nil {
		unit := map[string]string{"秒": "s", "分": "m", "分钟": "m", "小时": "h", "ms": "ms"}[m[2]]
		if unit == "" {
			unit = m[2][:1]
		}
		near = m[1] + unit
	}
	if isDigits(text) {
		return "", fmt.Errorf("has no unit")
	}
	return near, fmt.Errorf("is not a duration")
}

// wholeNumber is a decimal without leading zeros (readers differ on whether 010
// is 8 or 10) or a hexadecimal number.
var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*|0x[0-9a-fA-F]+)$`)

func assignInt(v reflect.Value, text string) error {
	switch digits := strings.TrimPrefix(text, "-"); {
	case !wholeNumber.MatchString(text) && isDigits(digits):
		return fmt.Errorf("begins with a zero")
	case !wholeNumber.MatchString(text):
		return fmt.Errorf("is not a whole number")
	}
	if v.CanUint() {
		n, err := strconv.ParseUint(text, 0, 64)
		if err != nil || v.OverflowUint(n) {
			return fmt.Errorf("is out of range")
		}
		v.SetUint(n)
		return nil
	}
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil || v.OverflowInt(n) {
		return fmt.Errorf("is out of range")
	}
	v.SetInt(n)
	return nil
}

var decimalNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

func assignFloat(v reflect.Value, text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !decimalNumber.MatchString(text) || math.IsInf(n, 0) {
		return fmt.Errorf("is not a decimal number")
	}
	v.SetFloat(n)
	return nil
}

// within reports whether v is between the tags min and max, where given.
func within(v reflect.Value, f field) bool {
	for _, bound := range []struct {
		text string
		side int
	}{{f.min, -1}, {f.max, +1}} {
		if bound.text == "" {
			continue
		}
		limit := reflect.New(v.Type()).Elem()
		if _, err := assign(limit, bound.text); err != nil {
			return false // Check finds such a tag
		}
		if compare(v, limit) == bound.side {
			return false
		}
	}
	return true
}

func compare(a, b reflect.Value) int {
	switch {
	case a.Type() == lengthType:
		return a.Interface().(Length).Compare(b.Interface().(Length))
	case a.CanInt():
		return order(a.Int(), b.Int())
	case a.CanUint():
		return order(a.Uint(), b.Uint())
	case a.CanFloat():
		return order(a.Float(), b.Float())
	}
	return 0
}

func order[T int64 | uint64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return +1
	}
	return 0
}

// expected says in words what a field takes.
func expected(t reflect.Type, f field) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if words, ok := reflect.New(t).Interface().(enumerated); ok {
		return oneOf(words.Values())
	}
	_, sets := reflect.New(t).Interface().(setter)
	what := "a text"
	switch {
	case f.form != "":
		return forms[f.form].want
	case t == durationType:
		what = "a duration with a unit, such as 500ms, 10s, 5m"
	case t == lengthType:
		what = "a length with a unit, such as 5mm, 1cm, 1.8m"
	case t == bytesType:
		what = "a size with a unit, such as 64MB, 64MiB"
	case sets:
		what = "a quantity with its unit"
	case t.Kind() == reflect.Struct:
		what = "keys of its own below it"
	case t.Kind() == reflect.Slice:
		what = "a list"
	case t.Kind() == reflect.Bool:
		what = "true or false"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		what = "a whole number"
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		what = "a decimal number"
	}
	switch {
	case f.min != "" && f.min == f.max:
		return f.min
	case f.min != "" && f.max != "":
		return what + ", from " + f.min + " to " + f.max
	case f.min != "":
		return what + ", at least " + f.min
	case f.max != "":
		return what + ", at most " + f.max
	}
	return what
}
