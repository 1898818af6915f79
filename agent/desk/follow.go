package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"watchpost/agent/message"
	"watchpost/agent/receive"
	"watchpost/configs"
)

// followCommand is a platform that only looks: it subscribes, prints, and holds
// what arrives to the contract.
type followCommand struct {
	Server       string        `default:"tcp://127.0.0.1:1883" placeholder:"URL" help:"The broker: tcp://HOST:PORT or tls://HOST:PORT; default that of the demo."`
	Root         string        `default:"watchpost/v1" help:"The root of the topics."`
	Gateway      string        `default:"all" help:"Follow one gateway, by its id, or all."`
	Username     string        `help:"User of the broker."`
	PasswordFile string        `placeholder:"FILE" help:"File with the user's password."`
	CAFile       string        `name:"ca-file" placeholder:"FILE" help:"Certificates to trust instead of the system's, PEM."`
	CertFile     string        `placeholder:"FILE" help:"Own certificate, PEM."`
	KeyFile      string        `placeholder:"FILE" help:"Its key, PEM."`
	ServerName   string        `placeholder:"NAME" help:"Name in the server's certificate, where it is not the host."`
	Class        []string      `enum:"alarms,events,readings,state" default:"alarms,events,readings,state" help:"What to print; state is both documents. Lanes are checked when they are printed, events always."`
	JSON         bool          `name:"json" help:"Print one JSON object a line, the summary last."`
	Lang         string        `enum:"zh,en,auto" default:"auto" help:"Language: zh, en, or auto for that of LC_ALL, LC_MESSAGES or LANG (zh when they name none)."`
	For          time.Duration `placeholder:"DURATION" help:"End after so long; default at Ctrl-C."`
	FromStart    bool          `help:"Nothing was sent before: what the first message of a lane names before it is missing."`
}

// usageError is a wrong command line that the parser could not see.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errIncomplete ends a follow that saw something missing or wrong.
var errIncomplete = errors.New("something is missing or contradicts the contract")

// errNothing ends a follow that saw nothing at all: that proves no completeness.
var errNothing = errors.New("nothing was received; look at --root, --gateway and what the user may read")

// Run follows from first line to summary.
func (c *followCommand) Run(s *session) error {
	sub, err := c.subscriber()
	if err != nil {
		return usageError{err}
	}
	checker, err := receive.New(receive.Options{Root: c.Root, FromStart: c.FromStart})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	if c.For > 0 {
		ctx, cancel = context.WithTimeout(s.ctx, c.For)
	}
	defer cancel()
	out := newFollowPrinter(os.Stdout, c.chinese(), c.JSON, c.Class)
	sub.notice = func(zh, en string) { fmt.Fprintln(os.Stderr, out.pick(zh, en)) }

	ended := make(chan error, 1)
	go func() { ended <- sub.run(ctx) }()
	take := func(m arrival) {
		out.message(m, checker.Take(m.topic, m.payload, m.retained))
		if out.err != nil {
			cancel()
		}
	}
	var runErr error
	for running := true; running; {
		select {
		case m := <-sub.messages:
			take(m)
		case runErr = <-ended:
			running = false
		}
	}
	for len(sub.messages) > 0 {
		take(<-sub.messages)
	}
	summary := checker.Summary()
	out.summary(summary)
	if err := errors.Join(runErr, out.err); err != nil {
		return err
	}
	switch {
	case !summary.Complete():
		return errIncomplete
	case len(summary.Gateways) == 0:
		return errNothing
	}
	return nil
}

func (c *followCommand) chinese() bool {
	if l := configs.Language(c.Lang); l == configs.Chinese || l == configs.English {
		return l == configs.Chinese
	}
	return configs.LanguageOf(os.Getenv) == configs.Chinese
}

// subscriber is the connection that the flags describe.
func (c *followCommand) subscriber() (*subscriber, error) {
	s := &subscriber{username: c.Username, id: clientID(), messages: make(chan arrival, 1024)}
	var err error
	if s.address, err = c.address(); err != nil {
		return nil, err
	}
	if s.topics, err = c.topics(); err != nil {
		return nil, err
	}
	if s.tls, err = c.tlsConfig(); err != nil {
		return nil, err
	}
	if c.PasswordFile != "" {
		password, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("read --password-file: %w", err)
		}
		s.password = string(bytes.TrimRight(password, "\r\n"))
	}
	return s, nil
}

// address is host and port of --server.
func (c *followCommand) address() (string, error) {
	u, err := url.Parse(c.Server)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || !slices.Contains([]string{"tcp", "tls"}, u.Scheme) {
		return "", fmt.Errorf("read flag --server: want tcp://HOST:PORT or tls://HOST:PORT, with user and password in their own flags")
	}
	port := "1883"
	if u.Scheme == "tls" {
		port = "8883"
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)), nil
}

// topics are what to subscribe to. Events are among them whenever a lane is:
// they tell which records were given up.
func (c *followCommand) topics() ([]string, error) {
	root, gateway := strings.TrimSuffix(c.Root, "/"), c.Gateway
	if root == "" || strings.ContainsAny(root, "+#") {
		return nil, fmt.Errorf("read flag --root=%s: want topic levels without + and #", c.Root)
	}
	if gateway == "" || strings.ContainsAny(gateway, "+#/") {
		return nil, fmt.Errorf("read flag --gateway=%s: want the id of a gateway, or all", gateway)
	}
	if gateway == "all" {
		gateway = "+"
	}
	var classes []string
	for _, class := range c.Class {
		classes = append(classes, class)
		if class == message.ClassState {
			classes = append(classes, message.ClassActiveAlarms)
		} else {
			classes = append(classes, message.ClassEvents)
		}
	}
	slices.Sort(classes)
	var topics []string
	for _, class := range slices.Compact(classes) {
		topics = append(topics, root+"/"+gateway+"/"+class)
	}
	return topics, nil
}

// tlsConfig is nil for a plain connection.
func (c *followCommand) tlsConfig() (*tls.Config, error) {
	if !strings.HasPrefix(c.Server, "tls:") {
		if c.CAFile != "" || c.CertFile != "" || c.KeyFile != "" || c.ServerName != "" {
			return nil, fmt.Errorf("read flag --server=%s: the flags for certificates want tls://", c.Server)
		}
		return nil, nil
	}
	host, _, err := net.SplitHostPort(strings.TrimPrefix(c.Server, "tls://"))
	if err != nil {
		host = strings.TrimPrefix(c.Server, "tls://")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cmp.Or(c.ServerName, strings.Trim(host, "[]/"))}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read --ca-file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read --ca-file=%s: no certificate in it", c.CAFile)
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, fmt.Errorf("read flags --cert-file and --key-file: one needs the other")
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read --cert-file and --key-file: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
