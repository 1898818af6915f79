package httpsend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"watchpost/agent/link"
)

// Dialer makes links to one platform's HTTPS inlet. All its links share one
// client. It is safe for concurrent use.
type Dialer struct {
	options                Options
	base                   *url.URL
	client                 *retryablehttp.Client
	posts, confirmed, sent atomic.Int64

	mu        sync.Mutex
	notBefore time.Time // the platform asked for no request before
}

var _ link.Dialer = (*Dialer)(nil)

// Stats counts over all links of a Dialer.
type Stats struct {
	Posts     int64 // attempts
	Confirmed int64 // messages
	BytesSent int64 // written to sockets, headers and TLS included, TCP/IP headers not
}

// New checks the options; it does not connect.
func New(options Options) (*Dialer, error) {
	options = options.withDefaults()
	base, err := options.check()
	if err != nil {
		return nil, err
	}
	d := &Dialer{options: options, base: base}
	d.client = &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport: d.transport(),
			Timeout:   options.AttemptTimeout,
			// An inlet has no business with cookies: Jar stays nil.
			CheckRedirect: sameInlet,
		},
		Logger:          nil, // it would log whole addresses, query and all
		RetryMax:        options.Retries,
		RetryWaitMin:    options.RetryWait,
		RetryWaitMax:    options.RetryWaitMax,
		CheckRetry:      checkRetry,
		Backoff:         d.backoff,
		ErrorHandler:    retryablehttp.PassthroughErrorHandler, // the last answer, not "giving up"
		RequestLogHook:  d.requesting,
		ResponseLogHook: d.answered,
	}
	return d, nil
}

// transport is made by hand: the default one obeys proxies of the environment,
// waits for ever for an answer and keeps 100 connections.
func (d *Dialer) transport() *http.Transport {
	dialer := net.Dialer{Timeout: connectWithin}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return counted{conn, &d.sent}, nil
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: dial,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			under, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(ctx, shakeWithin)
			defer cancel()
			conn, err := d.options.Trust.Client(ctx, under, host)
			if err != nil {
				return nil, err // not conn, which would be an interface that is not nil
			}
			return conn, nil
		},
		ResponseHeaderTimeout:  answerWithin,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    3, // one per lane
		IdleConnTimeout:        idleConnection,
		DisableCompression:     true, // answers are not read
		Protocols:              protocols,
	}
}

// counted is a connection whose written bytes are counted.
type counted struct {
	net.Conn
	sent *atomic.Int64
}

// Write counts what was taken.
func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// sameInlet follows a redirect only when the same POST goes to the same server.
// Of 301, 302 and 303 net/http makes a GET without a body, and a 2xx to that
// would confirm what nobody got.
func sameInlet(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) <= 3 && req.Method == first.Method && req.URL.Scheme == first.URL.Scheme && req.URL.Host == first.URL.Host {
		return nil
	}
	return http.ErrUseLastResponse
}

// Stats is what went over all links so far. It may be called at any time.
func (d *Dialer) Stats() Stats {
	return Stats{Posts: d.posts.Load(), Confirmed: d.confirmed.Load(), BytesSent: d.sent.Load()}
}

// Dial makes a link. It reads the credentials and sends nothing: whether the
// platform answers is known with the first message. It refuses a will and
// subscriptions, which HTTPS does not have, and links before the end of a
// Retry-After.
func (d *Dialer) Dial(ctx context.Context, opening link.Opening) (link.Link, error) {
	if opening.Will.Topic != "" || len(opening.Subscribe) > 0 {
		return nil, errors.New("open HTTPS link: it has neither will nor subscriptions")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open HTTPS link: %w", err)
	}
	d.mu.Lock()
	wait := time.Until(d.notBefore)
	d.mu.Unlock()
	if wait > 0 {
		return nil, fmt.Errorf("open HTTPS link: %s asked for no request for another %v", d.base.Host, wait.Round(time.Second))
	}
	l := &httpLink{dialer: d, done: make(chan struct{}), calls: map[int]context.CancelFunc{}}
	if d.options.Credentials != nil {
		var err error
		if l.credentials, err = d.options.Credentials(); err != nil {
			return nil, fmt.Errorf("read HTTPS credentials: %w", err)
		}
	}
	return l, nil
}

// where is what may be logged of an address.
func where(u *url.URL) slog.Attr { return slog.String("to", u.Host+u.Path) }

func (d *Dialer) requesting(_ retryablehttp.Logger, req *http.Request, attempt int) {
	d.posts.Add(1)
	d.options.Log.Debug("posting", where(req.URL), "bytes", req.ContentLength, "attempt", attempt+1)
}

func (d *Dialer) answered(_ retryablehttp.Logger, res *http.Response) {
	d.options.Log.Debug("answered", where(res.Request.URL), "status", res.StatusCode)
}
