package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"

	"watchpost/agent/desk/mochinet"
	"watchpost/agent/trust/trusttest"
)

// platform is a real MQTT broker behind TLS, which lets everybody in.
type platform struct {
	address, ca string
	server      *mochi.Server
	close       func() error // once is enough
}

// newPlatform leaves the file of its CA in dir.
func newPlatform(dir string) (*platform, error) {
	certificate, ca, err := trusttest.SelfSigned(dir)
	if err != nil {
		return nil, err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return nil, fmt.Errorf("open broker: %w", err)
	}
	p := &platform{address: l.Addr().String(), ca: ca, server: mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})}
	if err := errors.Join(
		p.server.AddHook(new(auth.AllowHook), nil),
		mochinet.Listen(p.server, l),
		p.server.Serve(),
	); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	p.close = sync.OnceValue(p.server.Close)
	return p, nil
}
