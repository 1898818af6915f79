package browser

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// lanAddress leads the browser to this machine, without the trust that it has in
// loopback.
const lanAddress = "192.168.1.20"

// onLAN is a page's address as a phone in the compound asks for it.
func onLAN(address string) string { return strings.Replace(address, "127.0.0.1", lanAddress, 1) }

// startChromium is the context of one browser with a profile of its own, which
// ends with the test.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("find chromium: %v; install Debian's packages chromium and fonts-wqy-zenhei", err)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		// An address of a LAN: to loopback alone browsers say Sec-Fetch-Site, and give
		// what they keep for secure pages, over plain HTTP.
		chromedp.Flag("host-resolver-rules", "MAP "+lanAddress+" 127.0.0.1"),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(hang),
	)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// screen is what a reader looks at the page with.
type screen struct {
	name          string
	lang          string
	width, height int64
	scale         float64
	mobile        bool
}

func phone(lang string) screen   { return screen{"phone-" + lang, lang, 360, 740, 2, true} }
func desktop(lang string) screen { return screen{"desktop-" + lang, lang, 1280, 800, 1, false} }

// tab is one open page, with cookies of its own, and what went wrong on it.
type tab struct {
	screen
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	home     *url.URL
	foreign  []string // requests to other origins
	console  []string // errors and warnings
	requests int
}

func openTab(t *testing.T, browser context.Context, s screen) *tab {
	t.Helper()
	b := &tab{screen: s, t: t, home: &url.URL{}}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.hear))
	t.Cleanup(cancel)
	b.ctx = ctx
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(s.scale)}
	if s.mobile {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(s.width, s.height, options...)); err != nil {
		t.Fatalf("open tab %s: %v", s.name, err)
	}
	return b
}

// hear is called with each event of the tab.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests++
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "data" && (u.Scheme != b.home.Scheme || u.Host != b.home.Host) {
			b.foreign = append(b.foreign, e.Request.URL)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.console = append(b.console, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			b.console = append(b.console, fmt.Sprintf("console.%s", e.Type))
		}
	case *runtime.EventExceptionThrown:
		b.console = append(b.console, "exception: "+e.ExceptionDetails.Text)
	}
}

// goTo opens an address; from now on requests elsewhere are foreign.
func (b *tab) goTo(address string) {
	b.t.Helper()
	home, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	b.home = home
	b.mu.Unlock()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(address)); err != nil {
		b.t.Fatalf("%s: open %s: %v", b.name, address, err)
	}
}

// ask evaluates an expression on the page.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, hang)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Errorf("%s: evaluate %s: %v", b.name, expression, err)
	}
	return got
}

// until waits for an expression to become true and says when it was; it gives
// up after the hang guard, or at the test's first failure to ask.
func (b *tab) until(what, expression string) time.Time {
	b.t.Helper()
	for deadline := time.Now().Add(hang); ; <-time.After(50 * time.Millisecond) {
		if ask[bool](b, expression) {
			return time.Now()
		}
		if time.Now().After(deadline) {
			b.t.Errorf("%s: %s: not within %s", b.name, what, hang)
			return time.Now()
		}
	}
}

// faults lists what must not be on any page: content wider than the screen,
// requests elsewhere, messages in the console.
func (b *tab) faults() (problems []string) {
	b.t.Helper()
	const widest = `Math.max(document.documentElement.scrollWidth, document.body.scrollWidth,
		...[...document.querySelectorAll('body *')].map(e => Math.floor(e.getBoundingClientRect().right + scrollX)))`
	if got := ask[int64](b, widest); got > b.width {
		problems = append(problems, fmt.Sprintf("content is %d px wide on a screen of %d", got, b.width))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, address := range b.foreign {
		problems = append(problems, "request to "+address)
	}
	for _, message := range b.console {
		problems = append(problems, "console "+message)
	}
	if b.requests == 0 {
		problems = append(problems, "no request was seen at all")
	}
	return problems
}
