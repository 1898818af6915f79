// Command showpage serves the page for the browser's tests and for looking at it.
//
//	showpage STATE            a state of package pagetest, a made-up day behind it
//	showpage real [NAME...]   the real agent on a simulated board, brought into
//	                          each situation, or into those named
//
// It prints the page's address, or a name and an address for each situation, and
// ends when its input does. It is run from the top of the repository.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"watchpost/agent/page"
	"watchpost/agent/page/pagetest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == "real" {
		return serveSituations(args[1:])
	}
	if len(args) != 1 {
		return fmt.Errorf("show page: want the name of a state, got %d arguments", len(args))
	}
	for _, s := range pagetest.States() {
		if s.Name == args[0] {
			return serve(s.View)
		}
	}
	return fmt.Errorf("show page: there is no state %q", args[0])
}

// serve shows v as it is, at the moment it was made, with a long log.
func serve(v page.View) error {
	for i := range 120 {
		v.Events = append(v.Events, page.Event{
			At:     v.Now.Add(-time.Duration(31+i) * time.Hour / 2),
			TextZH: fmt.Sprintf("东门门禁：第 %d 次打开", 120-i), TextEN: fmt.Sprintf("East gate: opening no. %d", 120-i),
		})
	}
	p, err := page.New(page.Options{Source: pagetest.NewSource(v), History: pagetest.NewDay(v.Now)})
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open page: %w", err)
	}
	fmt.Printf("http://%s/\n", l.Addr())
	go func() {
		// Whoever started this closes our input, or dies; an error is an end too.
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	return p.Serve(ctx, l)
}
