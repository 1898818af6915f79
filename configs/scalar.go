package configs

import (
	"errors"
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
		r.report(n.at, path, "no-value", want, "")
		return
	case n.kind != scalar:
		r.report(n.at, path, "not-single", want, "")
		return
	case f.required && n.text == "":
		r.report(n.at, path, "is-empty", want, "")
		return
	}
	if holder, key, below := cutLast(path); below && n.kind == scalar && n.at != (place{}) {
		if r.texts[holder] == nil {
			r.texts[holder] = map[string]string{}
		}
		r.texts[holder][key] = n.text
	}
	if near, code := assign(v, n.text); code != "" {
		if meant := plainly(n.text); meant != n.text && !n.lines {
			fresh := reflect.New(v.Type()).Elem()
			if _, still := assign(fresh, meant); still == "" && within(fresh, f) {
				near = n.showNear(meant, path)
			}
			if isWide(n.text) && code != "not-a-choice" {
				code = "wide-character"
			}
		}
		r.report(n.at, path, code, want, near, n.quoted(path))
		return
	}
	if v.Kind() == reflect.String {
		r.form(n, f, path)
		return
	}
	if !within(v, f) {
		r.report(n.at, path, "out-of-range", want, "", n.quoted(path))
	}
}

// quoted is the value as problems may print it: not when it stands under the
// key of a secret or has such a key in it.
func (n *node) quoted(path string) Words {
	switch {
	case n.lines:
		return Words{"跨了几行的文字", "a text of several lines"}
	case looksSecret(path) || catchesSecret(n.text):
		return Words{"所写的值（不显示）", "the value (not shown)"}
	}
	return plain(quote(n.text))
}

// showNear is a correction made from the value itself, under the same rule.
func (n *node) showNear(near, path string) string {
	if n.lines || looksSecret(path) || catchesSecret(n.text) {
		return ""
	}
	return shown(near)
}

func quote(s string) string {
	if s = shown(s); strings.HasPrefix(s, `"`) {
		return s
	}
	return `"` + s + `"`
}

// flaw is why a text cannot be read as one of this package's types.
type flaw Code

// Error is the flaw's code; whoever reports it to a person uses its sentence.
func (f flaw) Error() string { return string(f) }

// assign reads text into v. The code is empty when that worked; its sentence is
// about the value.
func assign(v reflect.Value, text string) (near string, code Code) {
	switch target := v.Addr().Interface().(type) {
	case setter:
		return "", assignSetter(target, text)
	case enumerated:
		return assignWord(v, target.Values(), text)
	case *time.Duration:
		return "", assignDuration(target, text)
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
		return "", "not-readable" // Check finds such a type
	}
	return "", ""
}

// assignSetter passes no error on: a driver's are in one language, and quote.
func assignSetter(target setter, text string) Code {
	err := target.Set(text)
	if err == nil {
		return ""
	}
	if why, ok := errors.AsType[flaw](err); ok {
		return Code(why)
	}
	if decimalNumber.MatchString(text) && slices.ContainsFunc(units, func(unit string) bool {
		fresh, ok := reflect.New(reflect.TypeOf(target).Elem()).Interface().(setter)
		return ok && fresh.Set(text+unit) == nil
	}) {
		return "no-unit"
	}
	return "not-possible"
}

// units are tried on a bare number, to tell one without its unit from one that
// cannot be.
var units = []string{"m", "mm", "ohm", "s", "kHz", "B"}

func assignWord(v reflect.Value, words []string, text string) (near string, code Code) {
	if v.Kind() != reflect.String || !slices.Contains(words, text) {
		if meant := inChinese[text]; slices.Contains(words, meant) {
			return meant, "not-a-choice"
		}
		return nearest(fold(text), words), "not-a-choice"
	}
	v.SetString(text)
	return "", ""
}

// inChinese has the words that are chosen from, as an installer may write them.
var inChinese = map[string]string{
	"蓝": "blue", "蓝色": "blue", "黄": "yellow", "黄色": "yellow", "橙": "orange", "橙色": "orange", "红": "red", "红色": "red",
	"烟": "smoke", "烟感": "smoke", "烟雾": "smoke", "门": "door", "门磁": "door",
	"高": "high", "低": "low", "开": "open", "断开": "open", "闭合": "closed", "关": "closed", "上拉": "up", "下拉": "down", "无": "none",
}

func assignBool(v reflect.Value, text string) (near string, code Code) {
	switch text {
	case "true", "false":
		v.SetBool(text == "true")
		return "", ""
	}
	switch strings.ToLower(fold(text)) {
	case "true", "yes", "on", "y", "1", "是", "开", "真":
		near = "true"
	case "false", "no", "off", "n", "0", "否", "关", "假":
		near = "false"
	}
	return near, "not-bool"
}

func assignDuration(d *time.Duration, text string) Code {
	parsed, err := time.ParseDuration(text)
	if err == nil && strings.Trim(text, "0+-") != "" {
		*d = parsed
		return ""
	}
	if decimalNumber.MatchString(text) {
		return "no-unit"
	}
	return "not-duration"
}

// wholeNumber is a decimal without leading zeros (readers differ on whether 010
// is 8 or 10) or a hexadecimal number.
var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*|0x[0-9a-fA-F]+)$`)

func assignInt(v reflect.Value, text string) Code {
	switch digits := strings.TrimPrefix(text, "-"); {
	case !wholeNumber.MatchString(text) && isDigits(digits):
		return "leading-zero"
	case !wholeNumber.MatchString(text):
		return "not-whole"
	}
	if v.CanUint() {
		n, err := strconv.ParseUint(text, 0, 64)
		if err != nil || v.OverflowUint(n) {
			return "out-of-range"
		}
		v.SetUint(n)
		return ""
	}
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil || v.OverflowInt(n) {
		return "out-of-range"
	}
	v.SetInt(n)
	return ""
}

var decimalNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

func assignFloat(v reflect.Value, text string) Code {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !decimalNumber.MatchString(text) || math.IsInf(n, 0) {
		return "not-decimal"
	}
	v.SetFloat(n)
	return ""
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
		if _, code := assign(limit, bound.text); code != "" {
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

// expecter is a driver's type that says what it is read from, as "zh|en".
type expecter interface{ Expects() string }

// expected says in words what a field takes.
func expected(t reflect.Type, f field) Words {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	fresh := reflect.New(t).Interface()
	if words, ok := fresh.(enumerated); ok {
		return oneOf(words.Values())
	}
	what := expectations["text"]
	_, sets := fresh.(setter)
	says, words := fresh.(expecter)
	switch {
	case f.form != "":
		return forms[f.form].want
	case t == durationType:
		what = expectations["duration"]
	case t == lengthType:
		what = expectations["length"]
	case t == bytesType:
		what = expectations["bytes"]
	case words:
		what = ParseWords(says.Expects())
	case sets && hasUnit(f.fallback):
		what = expectations["such as"].filled(plain(f.fallback))
	case sets && f.doc != Words{}:
		what = f.doc
	case sets:
		what = expectations["quantity"]
	case t.Kind() == reflect.Struct:
		what = wantSections
	case t.Kind() == reflect.Slice:
		what = expectations["list"]
	case t.Kind() == reflect.Bool:
		what = expectations["bool"]
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		what = expectations["whole"]
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		what = expectations["decimal"]
	case f.doc != Words{}:
		what = f.doc
	}
	switch {
	case f.min != "" && f.min == f.max:
		return plain(f.min)
	case f.min != "" && f.max != "":
		return what.and(expectations["range"].filled(plain(f.min), plain(f.max)))
	case f.min != "":
		return what.and(expectations["at least"].filled(plain(f.min)))
	case f.max != "":
		return what.and(expectations["at most"].filled(plain(f.max)))
	}
	return what
}

// hasUnit reports whether text is a number with a unit behind it.
func hasUnit(text string) bool {
	m := measure.FindStringSubmatch(text)
	return m != nil && m[3] != ""
}

// cutLast cuts the last key off a path.
func cutLast(path string) (holder, key string, below bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}
