//go:build linux

// Package ptytest opens pseudo-terminals, which stand for serial ports in tests:
// the real kernel, the real library, no cable. Only tests import it.
package ptytest

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// PTY is a pseudo-terminal. The Master is the far end of the line: what is
// written to it arrives at the port, and what the port sends can be read from
// it. It takes deadlines. Closing it is pulling the port out.
type PTY struct {
	Master *os.File
	// Path is the port, such as "/dev/pts/3". The kernel may give the same path
	// to the next pseudo-terminal once this one is closed on both sides.
	Path string
}

// Open makes a pseudo-terminal whose port is raw: nothing is echoed or changed
// before it is opened either.
func Open() (*PTY, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open pseudo-terminal: %w", err)
	}
	number, err := prepare(master)
	if err != nil {
		_ = master.Close() // the first error says more
		return nil, fmt.Errorf("prepare pseudo-terminal: %w", err)
	}
	return &PTY{Master: master, Path: "/dev/pts/" + strconv.Itoa(number)}, nil
}

// Close closes the far end.
func (p *PTY) Close() error { return p.Master.Close() }

// prepare finds the port's number, unlocks it and makes it raw.
func prepare(master *os.File) (number int, err error) {
	raw, err := master.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlled := raw.Control(func(fd uintptr) {
		if number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err != nil {
			return
		}
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			return
		}
		var settings *unix.Termios
		if settings, err = unix.IoctlGetTermios(int(fd), unix.TCGETS); err != nil {
			return
		}
		settings.Iflag, settings.Oflag, settings.Lflag = 0, 0, 0
		settings.Cc[unix.VMIN], settings.Cc[unix.VTIME] = 1, 0
		err = unix.IoctlSetTermios(int(fd), unix.TCSETS, settings)
	})
	if err == nil {
		err = controlled
	}
	return number, err
}
