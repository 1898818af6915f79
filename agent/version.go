package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// release is the version this source is tagged with, or the last one before it.
const release = "0.1.0"

type versionCommand struct{}

// Run prints the version, what built it and from which revision.
func (versionCommand) Run(to streams) error {
	b := readBuild()
	_, err := fmt.Fprintf(to.out, "watchpost %s\n%s %s/%s\nrevision %s\n", release, runtime.Version(), runtime.GOOS, runtime.GOARCH, b.revision)
	if err != nil {
		return fmt.Errorf("print version: %w", err)
	}
	return nil
}

// build is what the toolchain noted of this binary.
type build struct {
	revision string    // "unknown" outside a checkout
	at       time.Time // of the revision; zero when unknown
}

func readBuild() build {
	out := build{revision: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return out
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			out.revision = s.Value
		case "vcs.time":
			if at, err := time.Parse(time.RFC3339, s.Value); err == nil {
				out.at = at
			}
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		out.revision += " with changes"
	}
	return out
}
