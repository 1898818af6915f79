// Command watchpost-desk is watchpost at the desk: what shows, checks and plans
// without a gateway. Its demo runs the real agent on a simulated board with a
// broker inside.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// commands are the words of the command line.
type commands struct {
	Demo   demoCommand   `cmd:"" help:"Show the whole job: a simulated board, the real agent, a broker, the page."`
	Follow followCommand `cmd:"" help:"Follow gateways at a broker as a platform would, and say what is missing."`
}

func main() {
	started := time.Now()
	parser, err := kong.New(&commands{},
		kong.Name("watchpost-desk"),
		kong.Description("watchpost at the desk.\n\nExit status: 0 ended as asked, 1 an error, or something was missing, 2 a wrong command line."),
		kong.UsageOnError(),
	)
	if err != nil {
		exit(1, err)
	}
	call, err := parser.Parse(os.Args[1:])
	if err != nil {
		exit(2, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := call.Run(&session{ctx: ctx, started: started}); err != nil && !errors.Is(err, context.Canceled) {
		stop()
		if _, usage := errors.AsType[usageError](err); usage {
			exit(2, err)
		}
		exit(1, err)
	}
}

// session is what a command is run with.
type session struct {
	ctx     context.Context
	started time.Time // of the process
}

func exit(code int, err error) {
	fmt.Fprintln(os.Stderr, "watchpost-desk: error:", err)
	os.Exit(code)
}
