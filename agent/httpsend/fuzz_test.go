package httpsend

import (
	"net/http"
	"testing"
	"time"
)

// FuzzRetryAfter: whatever a platform writes there, the wait is from 0 to
// RetryAfterMax, and a date counts only by a clock that is set.
func FuzzRetryAfter(f *testing.F) {
	for _, text := range []string{"", "0", "120", "-1", "+5", "1e3", "99999999999999999999", "Sat, 01 Jan 2056 00:00:00 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "0x10", "٣"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, synced bool) {
		d, err := New(Options{Base: "https://city.example", Synced: func() bool { return synced }})
		if err != nil {
			t.Fatal(err)
		}
		res := &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {text}}}
		asked, ok := d.retryAfter(res)
		if asked < 0 || asked > RetryAfterMax || !ok && asked != 0 {
			t.Errorf("%q asks for %v, %t", text, asked, ok)
		}
		if _, err := http.ParseTime(text); err == nil && ok && !synced {
			t.Errorf("the date %q counts while the clock is not set", text)
		}
		if wait := d.backoff(time.Second, 30*time.Second, 3, res); wait < 0 || wait > RetryAfterMax {
			t.Errorf("%q waits %v", text, wait)
		}
	})
}

// FuzzBase: an address that is taken gives every topic an address on the same
// server, and one that is not is never repeated.
func FuzzBase(f *testing.F) {
	for _, base := range []string{"https://city.example", "https://city.example:8443/a/b/", "https://[::1]:1/x", "https://h/%2f%zz", "http://h", "https://u:p@h", "https://h/?q", "//h", "https://h/../x"} {
		f.Add(base)
	}
	f.Fuzz(func(t *testing.T, base string) {
		u, err := parseBase(base, false)
		if err != nil {
			return
		}
		d := &Dialer{base: u}
		to, err := d.address("watchpost/v1/GW-1/alarms")
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodPost, to, http.NoBody)
		if err != nil {
			t.Fatalf("%q gives %q: %v", base, to, err)
		}
		if req.URL.Host != u.Host || req.URL.Scheme != "https" || req.URL.Path != u.Path+"/watchpost/v1/GW-1/alarms" || req.URL.RawQuery != "" {
			t.Errorf("%q gives %q", base, to)
		}
	})
}
