// Package imports holds the house to its direction of imports (ARCHITECTURE.md,
// "The house"). It reads the files itself: a test that asks the go tool would
// be served from the cache after a forbidden import was added.
package imports

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "watchpost"

// rooms says which of our own packages each room may import. A trailing /...
// stands for everything below. The longest matching room counts.
var rooms = map[string][]string{
	"drivers":               {},
	"drivers/board":         {"drivers"},
	"drivers/sim":           {"drivers", "drivers/board"},
	"drivers/all":           {"drivers/..."},
	"drivers/*":             {"drivers"},
	"buffer":                {},
	"configs":               {},
	"agent":                 {"agent/...", "drivers/...", "buffer", "configs"},
	"agent/desk":            {"agent/...", "drivers/...", "buffer", "configs"},
	"agent/desk/mochinet":   {},
	"agent/gateway":         {"agent/...", "drivers/...", "buffer", "configs"},
	"agent/sense":           {"drivers", "agent/clock", "agent/record"},
	"agent/record":          {"drivers", "agent/clock"},
	"agent/alarm":           {"drivers", "agent/record", "agent/clock"},
	"agent/budget":          {"agent/message"},
	"agent/message":         {"drivers", "agent/clock", "agent/record", "agent/alarm", "agent/health"},
	"agent/forward":         {"buffer", "agent/link"},
	"agent/httpsend":        {"agent/link", "agent/trust"},
	"agent/link":            {},
	"agent/link/*":          {"agent/link", "agent/trust"},
	"agent/trust":           {"agent/link"},
	"agent/trust/trusttest": {},
	"agent/receive":         {"agent/message", "agent/record"},
	"agent/page":            {"drivers", "agent/health", "agent/people", "agent/record"},
	"agent/page/pagetest":   {"drivers", "agent/health", "agent/record", "agent/page"},
	"agent/history":         {"drivers"},
	"agent/health":          {},
	"agent/people":          {},
	"agent/clock":           {},
	"agent/watchdog":        {},
	"cross/*":               {"agent/...", "drivers/...", "buffer", "configs"},
	"cross/imports":         {},
	"cross/build":           {},
	"cross/document":        {},
}

// forbidden lists imports that rooms with wide permission still may not have,
// and third parties that only one room may know.
var forbidden = []struct {
	what    string   // import path, or its beginning when it ends in /
	only    []string // the rooms that may
	because string
}{
	{module + "/drivers/sim", []string{"agent/desk", "cross/"}, "the gateway's binary has no simulator in it"},
	{module + "/agent/desk", nil, "the desk is a program, not a library"},
	{"github.com/mochi-mqtt/", []string{"agent/desk", "cross/"}, "the gateway's binary has no broker in it"},
	{"github.com/eclipse/paho.mqtt.golang", []string{"agent/link/mqtt", "agent/desk", "cross/"}, "paho reports success for what was not acknowledged; one package guards against it"},
	{"github.com/hashicorp/go-retryablehttp", []string{"agent/httpsend"}, "its defaults log addresses, wait for ever and retry in step; one package guards against it"},
	{"go.etcd.io/bbolt", []string{"buffer"}, "the buffer gives no transaction out"},
	{"periph.io/x/host/", []string{"drivers/board"}, "only the board touches the hardware"},
	{"go.bug.st/serial", []string{"drivers/board"}, "only the board touches the hardware"},
	{"github.com/warthog618/go-gpiocdev", []string{"drivers/board"}, "only the board touches the hardware"},
	{module + "/drivers/board/ptytest", nil, "the product has no test code in it"},
	{"github.com/goccy/go-yaml", []string{"configs"}, "configuration is read in one place"},
	{"testing", nil, "the product has no test code in it"},
}

func TestRoomsImportDownwardsOnly(t *testing.T) {
	for _, p := range packages(t) {
		room, allowed := ruleFor(p.dir)
		if room == "" {
			t.Errorf("%s: no room in the table of imports; add it there and in ARCHITECTURE.md", p.dir)
			continue
		}
		for _, imported := range p.imports {
			ours, ok := strings.CutPrefix(imported, module+"/")
			if ok && !permitted(allowed, ours) {
				t.Errorf("%s imports %s; room %s may import only %v", p.dir, imported, room, allowed)
			}
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.imports {
			for _, rule := range forbidden {
				if (imported == rule.what || strings.HasSuffix(rule.what, "/") && strings.HasPrefix(imported, rule.what)) && !allowedIn(rule.only, p.dir) {
					t.Errorf("%s imports %s, which only %v may: %s", p.dir, imported, rule.only, rule.because)
				}
			}
		}
	}
}

// TestGatewayLinksNoSimulatorAndNoBroker follows the imports of the gateway's
// program through all our packages.
func TestGatewayLinksNoSimulatorAndNoBroker(t *testing.T) {
	byPath := map[string]pkg{}
	for _, p := range packages(t) {
		byPath[path.Join(module, p.dir)] = p
	}
	seen := map[string]bool{}
	var follow func(imported string, chain []string)
	follow = func(imported string, chain []string) {
		chain = append(slices.Clone(chain), imported)
		if imported == module+"/drivers/sim" || strings.HasPrefix(imported, "github.com/mochi-mqtt/") {
			t.Errorf("watchpost links it: %s", strings.Join(chain, " -> "))
		}
		if seen[imported] {
			return
		}
		seen[imported] = true
		for _, next := range byPath[imported].imports {
			follow(next, chain)
		}
	}
	follow(module+"/agent", nil)
	if !seen[module+"/buffer"] {
		t.Error("the walk did not reach the buffer: it followed nothing")
	}
}

// TestTheTableCanFail is the negative control of the tests above.
func TestTheTableCanFail(t *testing.T) {
	_, allowed := ruleFor("buffer")
	if permitted(allowed, "agent/record") {
		t.Error("buffer may import agent/record: the table forbids nothing")
	}
	_, allowed = ruleFor("drivers/ads1115")
	if permitted(allowed, "drivers/board") {
		t.Error("a driver may import the board: it could open devices itself")
	}
}

// pkg is one folder's imports, tests left out.
type pkg struct {
	dir     string
	imports []string
}

// packages reads every package of the module, but nested modules.
func packages(t *testing.T) []pkg {
	t.Helper()
	root := filepath.Join("..", "..")
	byDir := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(filepath.Dir(name), root), string(filepath.Separator)))
		if d.IsDir() {
			if d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "bin" {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != root {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		byDir[dir] = append(byDir[dir], "")
		for _, spec := range file.Imports {
			byDir[dir] = append(byDir[dir], strings.Trim(spec.Path.Value, `"`))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dir, imports := range byDir {
		slices.Sort(imports)
		all = append(all, pkg{dir: dir, imports: slices.Compact(imports)})
	}
	if len(all) < 5 {
		t.Fatalf("found %d packages only", len(all))
	}
	return all
}

// ruleFor finds the room a folder belongs to.
func ruleFor(dir string) (room string, allowed []string) {
	for d := dir; d != "."; d = path.Dir(d) {
		if allowed, ok := rooms[d]; ok {
			return d, allowed
		}
		if allowed, ok := rooms[path.Dir(d)+"/*"]; ok {
			return path.Dir(d) + "/*", allowed
		}
	}
	return "", nil
}

func permitted(allowed []string, imported string) bool {
	for _, a := range allowed {
		if base, below := strings.CutSuffix(a, "/..."); a == imported || below && (imported == base || strings.HasPrefix(imported, base+"/")) {
			return true
		}
	}
	return false
}

func allowedIn(only []string, dir string) bool {
	for _, room := range only {
		if dir == room || strings.HasPrefix(dir, strings.TrimSuffix(room, "/")+"/") {
			return true
		}
	}
	return false
}
