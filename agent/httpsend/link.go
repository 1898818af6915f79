package httpsend

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"watchpost/agent/link"
)

// answerMost is how much of an answer is read: for the error, or so that the
// connection can be used again.
const answerMost = 4 << 10

var errClosed = errors.New("link is closed")

// httpLink is the right to post with one set of credentials, until it fails once.
type httpLink struct {
	dialer      *Dialer
	credentials Credentials
	done        chan struct{}

	mu     sync.Mutex
	err    error
	closed bool
	calls  map[int]context.CancelFunc // that are under way
	next   int
}

var _ link.Link = (*httpLink)(nil)

// Done is closed when a message could not be sent, or by Close.
func (l *httpLink) Done() <-chan struct{} { return l.done }

// Err is why the link failed; nil while it works and after a Close.
func (l *httpLink) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close ends what is under way and lets idle connections go.
func (l *httpLink) Close() error {
	l.end(nil)
	l.dialer.client.HTTPClient.CloseIdleConnections()
	return nil
}

// end makes the link unusable; the first error is why.
func (l *httpLink) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed, l.err = true, err
	close(l.done)
	for _, cancel := range l.calls {
		cancel()
	}
}

// begin is the context of one call, which also ends with the link.
func (l *httpLink) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, nil, l.why()
	}
	ctx, cancel := context.WithTimeout(ctx, l.dialer.options.CallTimeout)
	n := l.next
	l.next++
	l.calls[n] = cancel
	return ctx, func() {
		cancel()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.calls, n)
	}, nil
}

// why is Err, or that the link was closed. The caller holds mu.
func (l *httpLink) why() error {
	if l.err != nil {
		return l.err
	}
	return errClosed
}

// Send posts the batch one message after the other; the next one leaves when the
// one before is confirmed. Any error, an ended ctx too, ends the link.
func (l *httpLink) Send(ctx context.Context, batch []link.Message) (confirmed int, err error) {
	for _, m := range batch {
		if err := l.post(ctx, m); err != nil {
			err = fmt.Errorf("post message %d of %d to %s: %w", confirmed+1, len(batch), m.Topic, err)
			l.end(err)
			return confirmed, err
		}
		l.dialer.confirmed.Add(1)
		confirmed++
	}
	return confirmed, nil
}

func (l *httpLink) post(ctx context.Context, m link.Message) error {
	if m.Retained {
		return errors.New("a retained document does not go by HTTPS")
	}
	to, err := l.dialer.address(m.Topic)
	if err != nil {
		return err
	}
	call, cancel, err := l.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	req, err := retryablehttp.NewRequestWithContext(call, http.MethodPost, to, m.Payload)
	if err != nil {
		return errors.New("the address cannot be used") // the library's error repeats it
	}
	sum := sha256.Sum256(m.Payload)
	req.Header.Set("Idempotency-Key", hex.EncodeToString(sum[:]))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", l.dialer.options.UserAgent)
	switch c := l.credentials; {
	case c.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.Token)
	case c.Username != "":
		req.SetBasicAuth(c.Username, c.Password)
	}
	res, err := l.dialer.client.Do(req)
	if res != nil {
		// The library gives the last answer although it gave up.
		defer func() { _ = res.Body.Close() }() // nothing more is wanted of it
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return l.failure(call, err)
	}
	enough := time.AfterFunc(drainWithin, cancel) // a slow answer holds no lane up
	defer enough.Stop()
	text, _ := io.ReadAll(io.LimitReader(res.Body, answerMost)) // as far as it came
	return judge(res, len(m.Payload), l.credentials.keepOut(string(text)))
}

// address adds a topic to the base.
func (d *Dialer) address(topic string) (string, error) {
	if topic == "" || path.Clean("/"+topic) != "/"+topic {
		return "", fmt.Errorf("topic %q is no path", topic)
	}
	to := *d.base
	to.Path += "/" + topic
	return to.String(), nil
}

// failure is err without the address that net/http puts into it, or what is known of
// its cause.
func (l *httpLink) failure(call context.Context, err error) error {
	if at, ok := errors.AsType[*url.Error](err); ok {
		err = at.Err
	}
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	switch {
	case closed:
		return errClosed
	case call.Err() != nil:
		return fmt.Errorf("not confirmed within %v", l.dialer.options.CallTimeout)
	}
	return err
}

// judge makes an error of an answer that does not confirm.
func judge(res *http.Response, size int, text string) error {
	said := ""
	if line := firstLine(text); line != "" {
		said = fmt.Sprintf(": %q", line)
	}
	switch code := res.StatusCode; {
	case code >= 200 && code <= 299:
		return nil
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("%w: HTTP %s%s", link.ErrRefused, res.Status, said)
	case code == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: HTTP %s%s, at %d bytes", link.ErrTooLarge, res.Status, said, size)
	case code >= 300 && code <= 399:
		return fmt.Errorf("HTTP %s: a redirect is followed only with method, scheme, host and port unchanged", res.Status)
	default:
		return fmt.Errorf("HTTP %s%s", res.Status, said)
	}
}

// keepOut drops an answer that repeats what we authorised ourselves with.
func (c Credentials) keepOut(text string) string {
	for _, secret := range []string{c.Token, c.Password, base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password))} {
		if secret != "" && strings.Contains(text, secret) {
			return ""
		}
	}
	return text
}

// firstLine is what of an answer's body goes into an error.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(line); len(runes) > 200 {
		line = string(runes[:200])
	}
	return line
}
