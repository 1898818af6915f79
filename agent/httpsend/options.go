package httpsend

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"watchpost/agent/trust"
)

// Defaults of Options.
const (
	DefaultAttemptTimeout = 60 * time.Second
	DefaultCallTimeout    = 20 * time.Minute
	DefaultRetries        = 4
	DefaultRetryWait      = time.Second
	DefaultRetryWaitMax   = 30 * time.Second
	// RetryAfterMax is the most that a platform's Retry-After is obeyed.
	RetryAfterMax = 15 * time.Minute
)

// The times of one attempt.
const (
	connectWithin  = 10 * time.Second
	shakeWithin    = 10 * time.Second
	answerWithin   = 20 * time.Second
	drainWithin    = time.Second
	idleConnection = 90 * time.Second
)

// Credentials authorise a request: a token, or a user name and a password, or
// nothing.
type Credentials struct {
	Token              string // Authorization: Bearer
	Username, Password string // Authorization: Basic
}

// Options say where to post and how long to wait. A zero duration or count means
// its default.
type Options struct {
	// Base is https://host[:port]/path; topics are added to its path.
	Base string
	// AllowPlaintext permits http://, on which token and records can be read and
	// confirmations forged.
	AllowPlaintext bool
	// Trust says which certificates are believed and which one is shown.
	Trust trust.Settings
	// Credentials is asked at each Dial, so that a changed file is seen. nil: none.
	Credentials func() (Credentials, error)
	// UserAgent is the product and its version.
	UserAgent string
	// Synced reports whether the clock can be believed. While it cannot, a
	// Retry-After that is a date means nothing. nil: never.
	Synced func() bool

	AttemptTimeout time.Duration // for one POST and its answer
	CallTimeout    time.Duration // for one message, all attempts and waits together
	Retries        int           // of one message, before the link is given up; negative: none
	RetryWait      time.Duration // ceiling of the first wait
	RetryWaitMax   time.Duration // ceiling of all waits but for Retry-After

	// Jitter picks a wait from 0 up to a ceiling; nil: evenly at random.
	Jitter func(ceiling time.Duration) time.Duration
	Log    *slog.Logger // nil: silent
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.AttemptTimeout, DefaultAttemptTimeout}, {&o.CallTimeout, DefaultCallTimeout},
		{&o.RetryWait, DefaultRetryWait}, {&o.RetryWaitMax, DefaultRetryWaitMax},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	switch {
	case o.Retries == 0:
		o.Retries = DefaultRetries
	case o.Retries < 0:
		o.Retries = 0
	}
	if o.UserAgent == "" {
		o.UserAgent = "watchpost"
	}
	if o.Synced == nil {
		o.Synced = func() bool { return false }
	}
	if o.Jitter == nil {
		o.Jitter = func(ceiling time.Duration) time.Duration { return rand.N(max(ceiling, 1)) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// check says what is wrong with the options, all at once.
func (o Options) check() (*url.URL, error) {
	base, err := parseBase(o.Base, o.AllowPlaintext)
	errs := []error{err}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"attempt timeout", o.AttemptTimeout}, {"call timeout", o.CallTimeout},
		{"retry wait", o.RetryWait}, {"longest retry wait", o.RetryWaitMax},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("check %s %v: it is negative", d.name, d.value))
		}
	}
	if strings.ContainsAny(o.UserAgent, "\r\n") {
		errs = append(errs, errors.New("check user agent: it has more than one line"))
	}
	return base, errors.Join(errs...)
}

// parseBase never repeats the address: a token might stand in it.
func parseBase(base string, plaintext bool) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") {
		return nil, errors.New("check HTTPS address: want https://host/path")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errors.New("check HTTPS address: want https://host/path; token, user name and password have their own settings")
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !plaintext {
			return nil, errors.New("check HTTPS address: http:// sends everything in clear, the token too; allow plaintext if that is meant")
		}
	default:
		return nil, errors.New("check HTTPS address: want https://host/path")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}
