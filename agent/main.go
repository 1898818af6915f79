// Command watchpost is the agent of a gateway: it reads the sensors, keeps what
// it read, raises alarms and forwards everything to the city platform.
//
// Everything but a command's result goes to standard error: the log, and
// "watchpost: error:" and "watchpost: hint:" lines in lower case.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// The exit codes, as help states them.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

const description = `Edge agent for residential compounds: water level, smoke, doors and access cards to the city platform.

Exit codes: 0 done, or stopped by a signal; 1 an error, or a damaged file; 2 wrong usage, or mistakes in the configuration.`

// commands is the command line.
type commands struct {
	Run      runCommand      `cmd:"" help:"Run the agent."`
	Read     readCommand     `cmd:"" help:"Read sensors and print what they say now."`
	Check    checkCommand    `cmd:"" help:"Check a configuration without starting anything."`
	Drivers  driversCommand  `cmd:"" help:"List the drivers and their keys."`
	Password passwordCommand `cmd:"" help:"Print the one-time code with which the page's password is chosen."`
	Schema   schemaCommand   `cmd:"" help:"Print the JSON Schema of the configuration, for editors."`
	Buffer   bufferCommands  `cmd:"" hidden:"" help:"Look at a store's file. The agent calls these itself."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// streams are where a command writes.
type streams struct{ out, err io.Writer }

// failure is an error with its exit code and what to do about it.
type failure struct {
	code int
	err  error
	hint string // may be empty
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdout, os.Stderr}))
}

// run carries out one command line and returns the exit code.
func run(args []string, to streams) int {
	parser, err := kong.New(&commands{}, kong.Name("watchpost"), kong.Description(description),
		kong.Writers(to.out, to.err), kong.Bind(to))
	if err != nil {
		return to.fail(err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return to.fail(&failure{exitUsage, err, "watchpost --help lists commands and flags"})
	}
	if err := command.Run(); err != nil {
		return to.fail(err)
	}
	return exitOK
}

// fail says what went wrong and returns the exit code for it.
func (to streams) fail(err error) int {
	code, hint := exitError, ""
	if f, ok := errors.AsType[*failure](err); ok {
		code, hint = f.code, f.hint
	}
	to.say("error", err.Error())
	if hint != "" {
		to.say("hint", hint)
	}
	return code
}

func (to streams) say(kind, text string) {
	// Nowhere is left to report that standard error cannot be written.
	_, _ = fmt.Fprintf(to.err, "watchpost: %s: %s\n", kind, text)
}
