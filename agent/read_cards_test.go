package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"watchpost/agent/gateway"
	"watchpost/agent/people"
	"watchpost/configs"
	"watchpost/drivers"
)

// What is withheld is printed once, and again when it fails.
func TestWithheldIsNotNewEachSecond(t *testing.T) {
	good, at := readout{Withheld: true, Quality: "good"}, time.Now()
	bad, stale := good, good
	bad.Quality, stale.Stale = "fault", true
	if !sameReading(good, good) || sameReading(good, bad) || sameReading(good, stale) || sameReading(readout{}, good) {
		t.Error("withheld readings are told apart wrongly")
	}
	if plain := (readout{At: &at}); !sameReading(plain, plain) || sameReading(readout{}, readout{}) {
		t.Error("readings with a time are told apart wrongly")
	}
}

// The running agent tells what a card reader counts to whoever may read its data
// directory, and to others that it works, which is no failure of the reader.
func TestReadCardsOfTheRunningAgent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newReadRig(t, l.Addr().String())
	text := strings.ReplaceAll(`
version: 1
gateway: {id: GW-READ}
data: DATA
page: {listen: "LISTEN"}
sensors:
  - {id: gate, driver: wiegand, d0: "gpiochip0:5", d1: "gpiochip0:6"}
`, "DATA", r.cfg.Data)
	cfg, problems := configs.Parse("test.yaml", []byte(strings.ReplaceAll(text, "LISTEN", l.Addr().String())), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	r.board.Edges("gpiochip0:5", "gpiochip0:6")
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- gateway.Run(ctx, cfg, gateway.Options{Host: r.board, Page: l}) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("agent ended with %v", err)
		}
	}()
	plan, err := readPlan(cfg, nil, configs.English)
	if err != nil {
		t.Fatal(err)
	}
	look := func() []readout {
		agent, running := findAgent(t.Context(), cfg)
		if !running {
			t.Fatal("the running agent was not found")
		}
		watching, enough := context.WithTimeout(t.Context(), 30*time.Second)
		defer enough()
		var good []readout
		err := agent.watch(watching, plan, func(row readout) error {
			if row.Quality == drivers.Good.String() {
				if good = append(good, row); len(good) == 2 {
					enough()
				}
			}
			return nil
		})
		if err != nil || len(good) != 2 {
			t.Fatalf("rows %+v (%v)", good, err)
		}
		return good
	}
	for _, row := range look() {
		if row.Value == nil || row.Value.String() != "0" || row.Withheld {
			t.Errorf("with the proof: %+v", row)
		}
	}
	proof := filepath.Join(cfg.Data, people.LocalFile)
	if err := os.Rename(proof, proof+".kept"); err != nil {
		t.Fatal(err)
	}
	rows := look()
	for _, row := range rows {
		if row.Value != nil || !row.Withheld || row.At != nil {
			t.Errorf("without the proof: %+v", row)
		}
	}
	if n := faults(rows); n != 0 {
		t.Errorf("%d withheld counts are called faults", n)
	}
	var out bytes.Buffer
	if err := (printer{to: &out, lang: configs.English}).print(rows[:1]); err != nil || !strings.Contains(out.String(), "sudo") || !strings.Contains(out.String(), "gate") {
		t.Errorf("printed %q (%v)", &out, err)
	}
}
