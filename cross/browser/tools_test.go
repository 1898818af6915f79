package browser

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// npmPackage is a published package with what npm says of its archive.
type npmPackage struct{ name, version, sha512, file string }

// The two checkers. Neither is part of the product: they are fetched when these
// tests run, and held to their checksums.
var (
	axe = npmPackage{
		"axe-core", "4.14.1",
		"FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==", "package/axe.min.js",
	}
	acorn = npmPackage{
		"acorn", "8.19.0",
		"oJlA3XiRm7Cyk6qFD2Jn8ak9B7jSy0qy00ADO3+8dpT0LSjFihQYv4C02LFCSYJV3Q37xYwwRy5m+IpIiUzqWw==", "package/dist/acorn.js",
	}
)

// source fetches the package with npm, checks it, and returns the one file.
func (p npmPackage) source(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	fetch := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, p.name+"@"+p.version)
	fetch.Stderr = os.Stderr
	if err := fetch.Run(); err != nil {
		t.Fatalf("fetch %s %s with npm: %v", p.name, p.version, err)
	}
	archive, err := os.ReadFile(filepath.Join(dir, p.name+"-"+p.version+".tgz"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(archive)
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != p.sha512 {
		t.Fatalf("%s %s has checksum %s, want %s", p.name, p.version, got, p.sha512)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("%s %s has no %s", p.name, p.version, p.file)
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Name != p.file {
			continue
		}
		text, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// load evaluates a checker in the page, past the page's policy.
func (b *tab) load(script string) {
	b.t.Helper()
	ask[int](b, "(function () { var module, exports, define;\n"+script+"\n}).call(window), 0")
}

// await evaluates an expression that gives a promise.
func await[T any](b *tab, expression string) T {
	b.t.Helper()
	ask[int](b, `(window.awaited = undefined, Promise.resolve(`+expression+`).then(v => { window.awaited = v === undefined ? null : v }, e => { window.awaited = [String(e)] }), 0)`)
	b.until("an answer", `window.awaited !== undefined`)
	return ask[T](b, `window.awaited`)
}

// violations are what axe-core finds wrong with a page for people who do not see
// or point as most do.
func violations(b *tab) []string {
	b.t.Helper()
	return await[[]string](b, `axe.run(document, { resultTypes: ['violations'] }).then(r => r.violations.map(v => v.id + ' (' + v.impact + '): ' + v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', ')))`)
}

// TestAccessible: axe-core has nothing to say against any page, on the phone in
// Chinese and on the desktop in English, light and dark.
func TestAccessible(t *testing.T) {
	script := axe.source(t)
	browser := startChromium(t)
	for _, state := range []string{"ok", "everything"} {
		address := showPage(t, state)
		for _, s := range screens() {
			b := openTab(t, browser, s)
			for _, dark := range []bool{false, true} {
				b.scheme(dark)
				for _, path := range []string{"", "t/sump-1", "t/smoke-2f", "t/door-e", "log?page=2"} {
					if dark && s.mobile || path != "" && state == "ok" || s.mobile == (s.lang == "en") {
						continue // each language on one width
					}
					b.goTo(address + path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang=" + b.lang)
					if strings.HasPrefix(path, "t/s") {
						b.until("the chart", chartDrawn)
					}
					b.load(script)
					for _, problem := range violations(b) {
						t.Errorf("%s, /%s in state %s, dark %v: %s", b.name, path, state, dark, problem)
					}
				}
			}
		}
	}
}

// TestViolationsAreNoticed: axe-core goes red on a page that is wrong on purpose.
func TestViolationsAreNoticed(t *testing.T) {
	b := openTab(t, startChromium(t), phone("en"))
	b.goTo("data:text/html,<html><title>x</title><body><img src='data:,'><p style='color:%23aaa'>pale")
	b.load(axe.source(t))
	if found := strings.Join(violations(b), "; "); !strings.Contains(found, "image-alt") || !strings.Contains(found, "color-contrast") || !strings.Contains(found, "html-has-lang") {
		t.Errorf("found only %s", found)
	}
}

// scheme makes the tab prefer dark or light colours.
func (b *tab) scheme(dark bool) {
	b.t.Helper()
	want := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: map[bool]string{true: "dark", false: "light"}[dark]}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, want); err != nil {
		b.t.Fatal(err)
	}
}

// TestScriptsAreES2017: every script of the page, ours and uPlot, is understood
// by browsers of 2017, as inside apps on older phones.
func TestScriptsAreES2017(t *testing.T) {
	b := openTab(t, startChromium(t), phone("en"))
	address := showPage(t, "ok")
	b.goTo(address + "t/sump-1")
	scripts := ask[[]string](b, `[...document.querySelectorAll('script')].map(s => s.src)`)
	if len(scripts) != 3 {
		t.Fatalf("scripts %q, want three", scripts)
	}
	b.load(acorn.source(t))
	parse := func(code string) string {
		quoted, err := json.Marshal(code)
		if err != nil {
			t.Fatal(err)
		}
		return ask[string](b, `(() => { try { acorn.parse(`+string(quoted)+`, { ecmaVersion: 2017 }); return '' } catch (e) { return e.message } })()`)
	}
	client := &http.Client{Timeout: hang}
	for _, script := range scripts {
		response, err := client.Get(script)
		if err != nil {
			t.Fatal(err)
		}
		code, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if problem := parse(string(code)); problem != "" || len(code) < 1000 {
			t.Errorf("%s (%d bytes): %s", script, len(code), problem)
		}
	}
	for _, newer := range []string{`x = {...y}`, `x?.y`, `x ?? y`, `x ??= y`, `try { x() } catch { }`, `for await (x of y) {}`} {
		if parse(newer) == "" {
			t.Errorf("the check takes %s for ES2017", newer)
		}
	}
}
