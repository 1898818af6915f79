package configs

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// claimer is a driver's options that use something no other sensor may use: an
// address on a bus, a line of a chip. Equal text is the same thing.
type claimer interface{ Claims() []string }

// sharer is a driver's options that use something which others may use as well,
// but only in the same way: a serial port at one speed. It maps what is used to
// how; a text that begins with "alone" lets nobody else in.
type sharer interface{ Shares() map[string]string }

// use is who uses a piece of hardware, and how.
type use struct {
	sensor string
	at     place
	how    string // of what is shared
}

// hardware is what the sensors read so far use.
type hardware struct{ claimed, shared map[string]use }

// claims reports what s uses although another sensor has it.
func (r *reader) claims(taken hardware, s *Sensor, path string) {
	if s.Options == nil || !r.right(path, s.Options) {
		return
	}
	me := use{sensor: s.ID, at: r.where(join(path, "id"), path)}
	mine := map[string]bool{}
	told := map[string]bool{} // sensors with which a conflict was reported
	if options, ok := s.Options.(claimer); ok {
		for _, what := range options.Claims() {
			before, conflict := taken.claimed[what]
			switch {
			case what == "":
			case mine[what]:
				r.report(me.at, path, "claimed-twice", wantOneSensor, "", plain(quote(s.ID)), plain(shown(what)))
			case conflict:
				told[before.sensor] = true
				at, where := r.written(what, path, me.at)
				r.report(at, where, "claimed", wantOneSensor, "", me.conflict(what, before)...)
			default:
				taken.claimed[what] = me
			}
			mine[what] = true
		}
	}
	if options, ok := s.Options.(sharer); ok {
		shares := options.Shares()
		for _, what := range slices.Sorted(maps.Keys(shares)) {
			me.how = shares[what]
			r.share(taken, what, me, path, told)
		}
	}
}

// parts reports names of lines, ports and buses among a driver's options that
// nothing can have: those an input method left full-width characters in, and lines
// of a chip without a proper number.
func (r *reader) parts(path string, options any) {
	for _, s := range slots(reflect.ValueOf(options).Elem()) {
		_, chosen := s.value.Addr().Interface().(enumerated)
		_, read := s.value.Addr().Interface().(setter)
		if s.value.Kind() != reflect.String || chosen || read || s.form != "" {
			continue
		}
		text, where := s.value.String(), join(path, s.key)
		n := &node{kind: scalar, text: text} // knows what may be shown
		want, near := expected(s.value.Type(), s.field), fold(text)
		isOne := func(string) bool { return true }
		if isNumbered(near) {
			want, isOne = forms["line"].want, isLine
		}
		switch {
		case isWide(text) && isOne(near):
			r.report(r.where(where, path), where, "wide-character", want, n.showNear(near, where), n.quoted(where))
		case !isOne(text):
			r.report(r.where(where, path), where, "not-possible", want, "", n.quoted(where))
		}
	}
}

// right reports whether nothing was said against a driver's own keys: with one
// of them refused, what the options say of the whole names what nobody wrote.
// Mistakes in the sensor's other keys, and keys that nobody knows, do not matter.
func (r *reader) right(path string, options any) bool {
	keys := keysOf(slots(reflect.ValueOf(options).Elem()))
	return !slices.ContainsFunc(r.problems, func(p Problem) bool {
		rest, inside := strings.CutPrefix(p.Path, path+".")
		key, _, _ := strings.Cut(rest, ".")
		key, _, _ = strings.Cut(key, "[")
		return inside && slices.Contains(keys, key)
	})
}

func (r *reader) share(taken hardware, what string, me use, path string, told map[string]bool) {
	at, where := r.written(what, path, me.at)
	before, shared := taken.shared[what]
	owner, claimed := taken.claimed[what]
	switch {
	case claimed && owner.at != me.at && !told[owner.sensor]:
		r.report(at, where, "claimed", wantOneSensor, "", me.conflict(what, owner)...)
	case !shared:
		taken.shared[what] = me
	case told[before.sensor]:
	case isAlone(before.how):
		r.report(at, where, "alone", wantOneSensor, "", me.conflict(what, before)...)
	case isAlone(me.how):
		if taken.claimed[what].at == me.at {
			delete(taken.claimed, what) // it is the other's; who comes next is not to blame
		}
		r.report(at, where, "wants-alone", wantOneSensor, "", me.conflict(what, before)...)
	case before.how != me.how:
		r.report(at, where, "shared", wantSameUse, "", plain(quote(me.sensor)), plain(shown(what)), plain(shown(me.how)),
			plain(quote(before.sensor)), plain(itoa(before.at.line)), plain(shown(before.how)))
	}
}

// written is where in the sensor at path the name of a line or port stands, with
// /dev/ or without; the sensor as a whole when it is made of several keys.
func (r *reader) written(what, path string, whole place) (place, string) {
	for _, key := range slices.Sorted(maps.Keys(r.texts[path])) {
		if key != "id" && strings.TrimPrefix(r.texts[path][key], "/dev/") == what {
			where := join(path, key)
			return r.seen[where], where
		}
	}
	return whole, path
}

func isAlone(how string) bool { return strings.HasPrefix(how, "alone") }

// conflict is the arguments of the sentences about two users of one thing.
func (u use) conflict(what string, before use) []Words {
	return []Words{plain(quote(u.sensor)), plain(shown(what)), plain(quote(before.sensor)), plain(itoa(before.at.line))}
}

// output reports an output on a line that a sensor reads. Both may be written
// with /dev/ or without.
func (r *reader) output(cfg *Config, taken hardware) {
	if cfg.Output == nil || cfg.Output.Line == "" {
		return
	}
	line := strings.TrimPrefix(cfg.Output.Line, "/dev/")
	for what, by := range taken.claimed {
		if strings.TrimPrefix(what, "/dev/") == line {
			r.report(r.where("output.line", "output"), "output.line", "output-claimed",
				Words{"一条空着的线", "a line of its own"}, "", plain(shown(line)), plain(quote(by.sensor)), plain(itoa(by.at.line)))
		}
	}
}
