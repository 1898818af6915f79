package main

import (
	"fmt"
	"net"
	"strconv"
)

// nextPorts is how many ports after a taken default are tried.
const nextPorts = 50

// listen opens the address of a flag. Asked for by the user it is met or
// refused, naming the flag; a default that is taken moves to the next free port.
func listen(flag, asked, standard string) (net.Listener, error) {
	if asked != "" {
		l, err := net.Listen("tcp", asked)
		if err != nil {
			return nil, fmt.Errorf("open address of --%s=%s: %w; leave the flag out to take the next free port", flag, asked, err)
		}
		return l, nil
	}
	host, text, err := net.SplitHostPort(standard)
	if err != nil {
		return nil, fmt.Errorf("open default address %s: %w", standard, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("open default address %s: %w", standard, err)
	}
	var last error
	for p := port; p < port+nextPorts; p++ {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(p)))
		if err == nil {
			return l, nil
		}
		last = err
	}
	return nil, fmt.Errorf("open default address %s or one of the next %d ports: %w; name a free one with --%s", standard, nextPorts, last, flag)
}
