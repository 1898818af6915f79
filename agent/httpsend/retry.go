package httpsend

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"watchpost/agent/trust"
)

// checkRetry adds 408 and 425 to what the library tries again: 429, 5xx but 501,
// and failures to reach the server. What trust says is no better a second later,
// and is told at once.
func checkRetry(ctx context.Context, res *http.Response, err error) (bool, error) {
	if err == nil && ctx.Err() == nil && (res.StatusCode == http.StatusRequestTimeout || res.StatusCode == http.StatusTooEarly) {
		return true, nil
	}
	if _, ok := errors.AsType[*trust.Error](err); ok {
		return false, ctx.Err()
	}
	return retryablehttp.DefaultRetryPolicy(ctx, res, err)
}

// backoff is full jitter under a ceiling that doubles, so that a fleet does not
// come back all at once; or what the platform asks for, at most RetryAfterMax,
// and a little jitter on top of it.
func (d *Dialer) backoff(least, most time.Duration, attempt int, res *http.Response) time.Duration {
	if asked, ok := d.retryAfter(res); ok {
		wait := min(asked+d.options.Jitter(least), RetryAfterMax)
		d.mu.Lock()
		d.notBefore = time.Now().Add(wait)
		d.mu.Unlock()
		return wait
	}
	ceiling := least
	for ; attempt > 0 && ceiling < most; attempt-- {
		ceiling *= 2
	}
	return d.options.Jitter(min(ceiling, most))
}

// retryAfter reads the header of a 429 or 503 (RFC 9110 section 10.2.3): seconds
// or a date. A date needs a clock that can be believed; by one that stands at
// 1970 the wait would be decades.
func (d *Dialer) retryAfter(res *http.Response) (time.Duration, bool) {
	if res == nil || res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	text := strings.TrimSpace(res.Header.Get("Retry-After"))
	if isDigits(text) {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if most := int64(RetryAfterMax / time.Second); err != nil || seconds > most {
			seconds = most // too many digits are a long time too
		}
		return time.Duration(seconds) * time.Second, true
	}
	if !d.options.Synced() {
		return 0, false
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return min(max(time.Until(at), 0), RetryAfterMax), true
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
