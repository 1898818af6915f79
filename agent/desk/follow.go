package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"watchpost/agent/message"
	"watchpost/agent/receive"
	"watchpost/agent/trust"
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
func (c *followCommand) Run(s *session) error { return c.follow(s.ctx, os.Stdout, os.Stderr) }

// follow prints to out, and what concerns the connection to notices.
func (c *followCommand) follow(parent context.Context, out *os.File, notices io.Writer) error {
	sub, err := c.subscriber()
	if err != nil {
		return usageError{err}
	}
	checker, err := receive.New(receive.Options{Root: c.Root, FromStart: c.FromStart})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(parent)
	if c.For > 0 {
		ctx, cancel = context.WithTimeout(parent, c.For)
	}
	defer cancel()
	p := newFollowPrinter(out, c.chinese(), c.JSON, c.Class)
	sub.notice = func(zh, en string) { _, _ = fmt.Fprintln(notices, c.pick(zh, en)) } // nobody to tell otherwise
	if sub.trust == nil && !isLoopback(sub.host) {
		sub.notice("连接未加密：沿途任何人都能看到密码和数据", "the connection is not encrypted: anyone on the way can read password and data")
	}

	ended := make(chan error, 1)
	go func() { ended <- sub.run(ctx) }()
	take := func(m arrival) {
		p.message(m, checker.Take(m.topic, m.payload, m.retained))
		if p.err != nil {
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
	p.summary(summary)
	if err := errors.Join(runErr, p.err); err != nil {
		zh, en := reason(err)
		return &followError{err, c.pick(zh, en)}
	}
	switch {
	case !summary.Complete():
		return &followError{errIncomplete, c.pick("有缺失，或有违反约定之处", errIncomplete.Error())}
	case len(summary.Gateways) == 0:
		return &followError{errNothing, c.pick("什么也没有收到；请核对 --root、--gateway 和该用户能读的主题", errNothing.Error())}
	}
	return nil
}

// followError is an error in the reader's language.
type followError struct {
	cause error
	text  string
}

// Error is the text.
func (e *followError) Error() string { return e.text }

// Unwrap is the cause.
func (e *followError) Unwrap() error { return e.cause }

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *followCommand) pick(zh, en string) string {
	if c.chinese() {
		return zh
	}
	return en
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
	if s.address, s.host, err = c.address(); err != nil {
		return nil, err
	}
	if s.topics, err = c.topics(); err != nil {
		return nil, err
	}
	if s.trust, err = c.settings(); err != nil {
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

// address is host and port of --server, and the host alone.
func (c *followCommand) address() (address, host string, err error) {
	u, err := url.Parse(c.Server)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || !slices.Contains([]string{"tcp", "tls"}, u.Scheme) {
		return "", "", fmt.Errorf("read flag --server: want tcp://HOST:PORT or tls://HOST:PORT, with user and password in their own flags")
	}
	port := "1883"
	if u.Scheme == "tls" {
		port = "8883"
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)), u.Hostname(), nil
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

// settings say whom to trust; nil for a plain connection.
func (c *followCommand) settings() (*trust.Settings, error) {
	if !strings.HasPrefix(c.Server, "tls:") {
		if c.CAFile != "" || c.CertFile != "" || c.KeyFile != "" || c.ServerName != "" {
			return nil, fmt.Errorf("read flag --server=%s: the flags for certificates want tls://", c.Server)
		}
		return nil, nil
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, fmt.Errorf("read flags --cert-file and --key-file: one needs the other")
	}
	s := &trust.Settings{CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, ServerName: c.ServerName}
	if err := s.Check(); err != nil {
		zh, en := reason(err)
		return nil, errors.New(c.pick(zh, en))
	}
	return s, nil
}
