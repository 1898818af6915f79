//go:build demo

package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// view is the part of the page's JSON that the tests look at.
type view struct {
	Sensors []struct {
		ID      string       `json:"id"`
		Value   *json.Number `json:"value"`
		Quality string       `json:"quality"`
	} `json:"sensors"`
	Platforms []struct {
		Connected bool              `json:"connected"`
		Backlog   map[string]uint64 `json:"backlog"`
	} `json:"platforms"`
}

func look(ctx context.Context, page string) (v view, err error) {
	ctx, cancel := context.WithTimeout(ctx, hang)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+page+"/api/v1/view", http.NoBody)
	if err != nil {
		return v, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return v, err
	}
	defer res.Body.Close()
	return v, json.NewDecoder(res.Body).Decode(&v)
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(hang); !ask(); pause(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, hang)
		}
	}
}

// valueOnPage waits for a sensor with a value on the page.
func valueOnPage(t *testing.T, page string) {
	t.Helper()
	eventually(t, "a value on the page "+page, func() bool {
		v, err := look(t.Context(), page)
		for _, s := range v.Sensors {
			if err == nil && s.Value != nil {
				return true
			}
		}
		return false
	})
}

// TestFirstReading: the demo says where to look and when the first reading was
// where, and an onlooker finds it there. Ctrl-C ends it and leaves nothing.
func TestFirstReading(t *testing.T) {
	t.Parallel()
	broker := free(t)
	onlooker := subscribe(t, broker)
	c := start(t, "--page", free(t), "--broker", broker)
	if c.broker() != broker {
		t.Errorf("prints broker %s, want the asked for %s", c.broker(), broker)
	}
	valueOnPage(t, c.page())
	eventually(t, "a reading with a value at the broker", func() bool {
		all, _ := onlooker.seen()
		for _, a := range all {
			if a.lane == "readings" && a.value != nil {
				return true
			}
		}
		return false
	})
	for _, where := range []string{"at the broker", "on the page"} {
		seconds := c.find(`first reading ` + where + ` ([0-9.]+) s`)[1]
		t.Logf("first reading %s %s s after start", where, seconds)
		if s, err := strconv.ParseFloat(seconds, 64); err != nil || s <= 0 || s > hang.Seconds() {
			t.Errorf("first reading %s after %s s, %v", where, seconds, err)
		}
	}
	c.interrupt()
}

// TestStory: one short round shows what it promises and ends by itself.
func TestStory(t *testing.T) {
	t.Parallel()
	for attempt := 1; !playStory(t); attempt++ {
		if attempt == 3 {
			t.Fatal("the onlooker was late at the broker three times")
		}
		t.Log("the gateway was at the broker before the onlooker, which may have missed messages; again")
	}
}

// playStory reports whether the onlooker was in time to judge.
func playStory(t *testing.T) bool {
	t.Helper()
	const round = time.Minute
	broker := free(t)
	onlooker := subscribe(t, broker)
	c := start(t, "--page", free(t), "--broker", broker, "--round", round.String(), "--rounds", "1")
	page := c.page()
	var down, backAgain bool
	var most, least uint64
	for running := true; running; {
		select {
		case <-c.done:
			running = false
		case <-time.After(100 * time.Millisecond):
		}
		v, err := look(t.Context(), page)
		if err != nil || len(v.Platforms) == 0 {
			continue // before the beginning or after the end
		}
		p := v.Platforms[0]
		backlog := p.Backlog["alarms"] + p.Backlog["events"] + p.Backlog["readings"]
		switch {
		case !p.Connected && len(onlookerSeen(onlooker)) > 0:
			down, most, least = true, max(most, backlog), max(most, backlog)
		case p.Connected && down:
			backAgain, least = true, min(least, backlog)
		}
	}
	code, errs := c.wait(round + hang)
	all, late := onlooker.seen()
	if late {
		return false
	}
	if code != 0 || errs != "" {
		t.Errorf("exit code %d, standard error %q; want 0 and nothing", code, errs)
	}
	if !down || !backAgain || most == 0 || least >= most {
		t.Errorf("outage on the page: down %t, up again %t, backlog up to %d and then down to %d", down, backAgain, most, least)
	}
	problems, doubles := chain(all)
	for _, problem := range append(problems, story(all)...) {
		t.Error(problem)
	}
	t.Logf("%d records arrived, %d of them doubles; backlog up to %d, then down to %d", len(all), doubles, most, least)
	for _, heard := range []string{`the siren sounds`, `the siren is silent`, `刷卡 [0-9a-f]{4}…`, `demo ended`} {
		c.find(heard + `.*`)
	}
	c.leftNothing()
	if t.Failed() {
		t.Log(c.text())
	}
	return true
}

func onlookerSeen(p *platform) []arrival {
	all, _ := p.seen()
	return all
}

// TestTakenDefaults: with both default ports taken two demos at once still find
// addresses, print them and answer there.
func TestTakenDefaults(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:8080", "127.0.0.1:1883"} {
		// Taken by another program is as good as taken by this test.
		if l, err := net.Listen("tcp", address); err == nil {
			defer l.Close()
		}
	}
	one, two := start(t), start(t)
	seen := map[string]bool{}
	for _, c := range []*child{one, two} {
		for address, standard := range map[string]int{c.page(): 8080, c.broker(): 1883} {
			_, text, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			port, err := strconv.Atoi(text)
			if err != nil || port <= standard || port > standard+50 || seen[address] {
				t.Errorf("address %s, want one of its own on a port soon after %d", address, standard)
			}
			seen[address] = true
		}
		t.Logf("page %s, broker %s", c.page(), c.broker())
	}
	for _, c := range []*child{one, two} {
		valueOnPage(t, c.page())
		c.find(`first reading at the broker`)
	}
	one.interrupt()
	valueOnPage(t, two.page())
	two.interrupt()
}

// TestTakenExplicit: an address asked for by name is met or refused.
func TestTakenExplicit(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"page", "broker"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c := start(t, fmt.Sprintf("--%s=%s", flag, l.Addr()))
		code, errs := c.wait(hang)
		if code == 0 || !strings.Contains(errs, "--"+flag) || !strings.Contains(errs, l.Addr().String()) {
			t.Errorf("taken --%s=%s: exit code %d, %q; want an error that names both", flag, l.Addr(), code, errs)
		}
	}
}

// free is an address nobody listens on just now. It is not at 127.0.0.1, where any
// outgoing connection of the machine may be given the same port.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
