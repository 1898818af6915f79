package sense_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/drivers"
)

func pseudonyms(t *testing.T) *sense.Pseudonyms {
	t.Helper()
	p, err := sense.NewPseudonyms(bytes.Repeat([]byte{0x5A}, sense.MinKey))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPseudonyms(t *testing.T) {
	p := pseudonyms(t)
	// printf 'watchpost card pseudonym 1\0h10301:99/999' |
	//   openssl dgst -sha256 -mac HMAC -macopt hexkey:5a5a..5a | cut to 32 digits
	const want = "a4305de0395fbce1359211b088685b1d"
	if got := p.Of(drivers.NewToken("h10301", "99/999")); got != want {
		t.Errorf("pseudonym %s, want %s", got, want)
	}
	seen := map[string]drivers.Token{}
	for _, token := range []drivers.Token{
		drivers.NewToken("h10301", "99/999"), drivers.NewToken("h10301", "999/99"), drivers.NewToken("uid", "99/999"),
		drivers.NewToken("uid", "04a2b3c4"), drivers.NewToken("uid", "c4b3a204"),
	} {
		got := p.Of(token)
		if other, double := seen[got]; double || len(got) != 32 {
			t.Errorf("%s stands for %s and %s", got, token.Secret(), other.Secret())
		}
		seen[got] = token
	}
	other, err := sense.NewPseudonyms(bytes.Repeat([]byte{0x5B}, sense.MinKey))
	if err != nil {
		t.Fatal(err)
	}
	if other.Of(drivers.NewToken("h10301", "99/999")) == want {
		t.Error("another site's key gives the same pseudonym")
	}
	if (*sense.Pseudonyms)(nil).Of(drivers.NewToken("uid", "04a2b3c4")) != "" || p.Of(drivers.Token{}) != "" {
		t.Error("a pseudonym of nothing, or without a key")
	}
	if _, err := sense.NewPseudonyms(make([]byte, sense.MinKey-1)); err == nil {
		t.Error("a key that is too short was taken")
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	p := pseudonyms(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		text := fmt.Sprintf(verb, p) + fmt.Sprintf(verb, *p)
		for _, form := range []string{"5a5a", "90 90", "ZZ", "0x5a, 0x5a"} {
			if strings.Contains(text, form) {
				t.Errorf("the key is in %q", text)
			}
		}
	}
}

// watchCards is a reader on which cards are presented, one a second.
func watchCards(tokens ...drivers.Token) sense.Sensor {
	count := int64(0) // over all lives of the watcher
	return sense.Sensor{
		ID: "gate", Quantities: []drivers.Quantity{drivers.Card, drivers.Misread}, Every: time.Second,
		Watcher: watcherFunc(func(ctx context.Context, emit func(drivers.Reading)) error {
			for ctx.Err() == nil {
				r := drivers.NewGood(drivers.Card, drivers.Int(count), drivers.Count)
				if int(count) < len(tokens) {
					count++
					r.Value, r.Token = drivers.Int(count), tokens[count-1]
				}
				emit(r)
				emit(drivers.NewGood(drivers.Misread, drivers.Int(0), drivers.Count))
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
				if count == 2 && len(tokens) > 2 {
					count++ // the reader fails once, on a card
					return drivers.Because(drivers.ParityErrors, fmt.Errorf("read card %v: %w", tokens[2], errors.New("parity")))
				}
				if count == 4 && len(tokens) > 4 {
					count++
					panic(tokens[4])
				}
			}
			return ctx.Err()
		}),
	}
}

func TestPresentationIsACardWithoutItsToken(t *testing.T) {
	token := drivers.NewToken("uid", "04a2b3c4")
	for _, p := range []*sense.Pseudonyms{nil, pseudonyms(t)} {
		synctest.Test(t, func(t *testing.T) {
			l := &ledger{}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			sense.New(bubbleClock(), l.note, nil, nil).Identify(p).Run(ctx, []sense.Sensor{watchCards(token)})
			cards := 0
			for _, o := range l.seen {
				if !o.Token.IsZero() {
					t.Fatal("an observation has a token")
				}
				if o.Card == nil {
					continue
				}
				cards++
				if want := (record.Card{Pseudonym: p.Of(token), Format: "uid"}); *o.Card != want || o.Quantity != drivers.Card {
					t.Errorf("card %+v of %s, want %+v", *o.Card, o.Quantity, want)
				}
			}
			if cards != 1 {
				t.Errorf("%d cards, want 1", cards)
			}
		})
	}
}

func TestFailingReaderFailsInEveryQuantity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := run(t, time.Second, sense.Sensor{
			ID: "gate", Quantities: []drivers.Quantity{drivers.Card, drivers.Misread}, Every: time.Second,
			Watcher: watcherFunc(func(context.Context, func(drivers.Reading)) error {
				return drivers.Because(drivers.LineStuck, errors.New("data 0 is low"))
			}),
		})
		if len(l.seen) < 2 || l.seen[0].Quantity != drivers.Card || l.seen[1].Quantity != drivers.Misread {
			t.Fatalf("observations %+v", l.seen)
		}
		for _, o := range l.seen {
			if o.Quality != drivers.Fault || o.Reason != drivers.LineStuck || o.Card != nil {
				t.Errorf("observation %+v, want a fault: line stuck", o)
			}
		}
	})
}

// forms lists the ways in which a card's number might leak.
func forms(number string) (all []string) {
	digits := strings.NewReplacer("/", "", ":", "").Replace(number)
	all = append(all, number, digits, strings.ToUpper(digits), hex.EncodeToString([]byte(number)))
	if n, ok := new(big.Int).SetString(digits, 16); ok {
		all = append(all, n.String())
	}
	if n, ok := new(big.Int).SetString(digits, 10); ok {
		all = append(all, n.Text(16), n.Text(2))
	}
	if raw, err := hex.DecodeString(digits); err == nil {
		all = append(all, string(raw), fmt.Sprint(raw), strings.Trim(fmt.Sprintf("%#v", raw), "[]byte{}"))
		slices.Reverse(raw)
		all = append(all, hex.EncodeToString(raw), new(big.Int).SetBytes(raw).String(), string(raw))
	}
	for _, part := range strings.Split(number, "/") {
		if len(part) > 4 {
			all = append(all, part)
		}
	}
	for _, form := range slices.Clone(all) {
		b := []byte(form)
		slices.Reverse(b)
		all = append(all, string(b))
	}
	return all
}

// leaks lists the forms of the numbers found in text.
func leaks(text string, numbers []string) (found []string) {
	lower := strings.ToLower(text)
	for _, number := range numbers {
		for _, form := range forms(number) {
			if strings.Contains(lower, strings.ToLower(form)) {
				found = append(found, form)
			}
		}
	}
	return found
}

// printed is v in every way it may be printed.
func printed(t *testing.T, v any) string {
	t.Helper()
	js, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%v\n%+v\n%#v\n%s\n", v, v, v, js)
}

func TestNoCardNumberLeavesThisRoom(t *testing.T) {
	numbers := []string{"48211/60017", "04a2b3c4d5e6f7", "7745120993", "deadbeefcafe", "31337/55555", "918273645546372819"}
	var tokens []drivers.Token
	for i, number := range numbers {
		tokens = append(tokens, drivers.NewToken([]string{"h10301", "uid", "pin"}[i%3], number))
	}
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		var logged bytes.Buffer
		cards := sense.NewCards()
		events := 0
		sink := func(o sense.Observation) {
			text.WriteString(printed(t, o))
			if o.Card != nil {
				text.WriteString(printed(t, *o.Card))
			}
			text.Write(record.EncodeReading(o.Reading))
			if event, ok := cards.Observe(o); ok {
				events++
				text.WriteString(printed(t, event))
				text.WriteString(printed(t, *event.Card))
				text.Write(record.EncodeEvent(event))
			}
		}
		log := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		supervisor := sense.New(bubbleClock(), sink, nil, log).Identify(pseudonyms(t))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		supervisor.Run(ctx, []sense.Sensor{watchCards(tokens...)})
		fmt.Fprintf(&text, "%v %+v %v %+v", supervisor, supervisor, cards, cards)
		// Two of the six end in an error and a panic.
		if events != 4 || !strings.Contains(logged.String(), "parity") || !strings.Contains(logged.String(), "panicked") {
			t.Fatalf("%d events, log %s: not all was looked at", events, logged.String())
		}
		if found := leaks(text.String()+logged.String(), numbers); len(found) > 0 {
			t.Errorf("card numbers found: %q", found)
		}
		t.Logf("%d events, %d bytes looked through", events, text.Len()+logged.Len())
	})
}

// TestLeaksAreFound is the negative control of the test above.
func TestLeaksAreFound(t *testing.T) {
	const number = "04a2b3c4"
	raw := []byte{0x04, 0xa2, 0xb3, 0xc4}
	for _, text := range []string{
		"card " + number, "04A2B3C4", "c4b3a204", "4c3b2a40", "77771716", fmt.Sprint(raw), fmt.Sprintf("%#v", raw),
		string(raw), hex.EncodeToString([]byte(number)), drivers.NewToken("uid", number).Secret(),
		printed(t, struct{ Number string }{number}),
	} {
		if len(leaks(text, []string{number})) == 0 {
			t.Errorf("%q was not found in %q", number, text)
		}
	}
	if len(leaks(`{"format":"h10301","n":"48211"}`, []string{"48211/60017"})) == 0 {
		t.Error("half of a number was not found")
	}
	if found := leaks("a4305de0395fbce1359211b088685b1d uid gate 1", []string{number}); len(found) > 0 {
		t.Errorf("found %q where there is nothing", found)
	}
}

// presented is an observation of a card at a moment.
func presented(at time.Duration) sense.Observation {
	return sense.Observation{Reading: seenAt("gate", at, drivers.NewGood(drivers.Card, drivers.Int(1), drivers.Count)), Card: &record.Card{Pseudonym: "aa", Format: "uid"}}
}

func TestCardsAreEvents(t *testing.T) {
	c := sense.NewCards()
	o := presented(time.Second)
	o.Obs = 7
	e, ok := c.Observe(o)
	if !ok || e.Kind != record.EventCard || e.Sensor != "gate" || e.Obs != 7 || e.At != o.At || *e.Card != *o.Card || e.State != "" {
		t.Errorf("event %+v (%v)", e, ok)
	}
	o.Card = nil
	if e, ok := c.Observe(o); ok {
		t.Errorf("event %+v of a reading without a card", e)
	}
}

// TestBabblingReaderBecomesACount also holds that a reader that is busy, but no
// more than that, is told again after 10 s.
func TestBabblingReaderBecomesACount(t *testing.T) {
	c := sense.NewCards()
	events, at := 0, time.Duration(0)
	for range 500 { // 50 cards a second for 10 s
		at += 20 * time.Millisecond
		if _, ok := c.Observe(presented(at)); ok {
			events++
		}
	}
	if events != 10 || c.Babbling("gate") != 490 {
		t.Errorf("%d events and %d counted, want 10 and 490", events, c.Babbling("gate"))
	}
	events = 0
	for range 20 { // a card a second
		at += time.Second
		if _, ok := c.Observe(presented(at)); ok {
			events++
		}
	}
	if events != 11 || c.Babbling("gate") != 0 {
		t.Errorf("%d events of a reader in order, %d counted, want 11 (all but those of the first 10 s) and 0", events, c.Babbling("gate"))
	}
	if c.Babbling("other") != 0 {
		t.Error("an unknown reader babbles")
	}
}
