package main

import (
	"encoding/json"
	"fmt"
	"os"

	"watchpost/buffer"
)

type bufferCommands struct {
	Verify  verifyCommand  `cmd:"" help:"Check a store's file. Exit code 1 when it is damaged."`
	Salvage salvageCommand `cmd:"" help:"Copy what is readable in a damaged file into a fresh one."`
}

type verifyCommand struct {
	File string `arg:"" help:"The store's file."`
}

// Run checks the file and writes nothing when it is whole.
func (c verifyCommand) Run() error {
	if err := present(c.File); err != nil {
		return err
	}
	return buffer.Verify(c.File)
}

type salvageCommand struct {
	JSON        bool   `name:"json" help:"Print the report as JSON."`
	Source      string `arg:"" name:"src" help:"The damaged file. It is only read."`
	Destination string `arg:"" name:"dst" help:"The fresh file."`
}

// Run salvages and prints what was brought over.
func (c salvageCommand) Run(to streams) error {
	if err := present(c.Source); err != nil {
		return err
	}
	report, err := buffer.Salvage(c.Source, c.Destination)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(to.out).Encode(report)
	} else {
		_, err = fmt.Fprintf(to.out, "salvaged %d records, %d notes, %d cursors\n", report.Total(), report.Notes, report.Cursors)
	}
	if err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	return nil
}

// present tells a wrong name on the command line from a damaged file.
func present(path string) error {
	if _, err := os.Stat(path); err != nil {
		return &failure{exitUsage, fmt.Errorf("look at store: %w", err), ""}
	}
	return nil
}
