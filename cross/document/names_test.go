package document

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// functionName is package.Func or package.Type.Method.
var functionName = regexp.MustCompile(`^[a-z][a-z0-9]*(\.[A-Za-z][A-Za-z0-9]*){1,2}$`)

// wayNames lists the functions that a section passes, in order.
func wayNames(prose, heading string) (names []string) {
	for _, span := range spans(section(prose, heading)) {
		if functionName.MatchString(span) {
			names = append(names, span)
		}
	}
	return names
}

// declared lists the functions and methods of the product as package.Func and
// package.Type.Method.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, name := range files(t, ".go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				names[file.Name.Name+"."+receiver(f)+f.Name.Name] = true
			}
		}
	}
	return names
}

// receiver is the method's type and a dot, empty for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	for e := f.Recv.List[0].Type; ; {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name + "."
		default:
			return "?."
		}
	}
}

// missing lists the names that are declared nowhere.
func missing(names []string, known map[string]bool) (gone []string) {
	for _, name := range names {
		if !known[name] {
			gone = append(gone, name)
		}
	}
	return gone
}

func TestTheWaysNameWhatExists(t *testing.T) {
	prose, _ := parse(read(t, "ARCHITECTURE.md"))
	known := declared(t)
	for _, heading := range []string{"## The way of one reading", "## The way of one alarm", "## The way of one card"} {
		names := wayNames(prose, heading)
		if len(names) < 10 {
			t.Errorf("%q names %d functions only: %v", heading, len(names), names)
		}
		for _, name := range missing(names, known) {
			t.Errorf("%q passes %s, which is declared nowhere", heading, name)
		}
	}
}

// TestANameThatIsGoneIsSeen is the negative control.
func TestANameThatIsGoneIsSeen(t *testing.T) {
	prose := "\n## The way\nfrom `buffer.Buffer.Append` by `buffer.Buffer.Forget` and `record.EncodeNothing` to `good`\n"
	got := missing(wayNames(prose, "## The way"), declared(t))
	if want := []string{"buffer.Buffer.Forget", "record.EncodeNothing"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestTheHouseIsTheImportTable compares the rooms on the page with the ones the
// import test enforces.
func TestTheHouseIsTheImportTable(t *testing.T) {
	prose, _ := parse(read(t, "ARCHITECTURE.md"))
	page := houseRooms(section(prose, "## The house"))
	table := importRooms(t)
	for room, allowed := range table {
		if got, ok := page[room]; !ok || !slices.Equal(got, allowed) {
			t.Errorf("room %s: the page says %v, the import test %v", room, got, allowed)
		}
	}
	for room := range page {
		if _, ok := table[room]; !ok {
			t.Errorf("room %s is on the page and not in the import test", room)
		}
	}
	if len(table) < 20 {
		t.Errorf("the import test has %d rooms only", len(table))
	}
}

// houseRooms reads the rows of the page's table: first cell the room, last cell
// what it may import.
func houseRooms(text string) map[string][]string {
	rooms := map[string][]string{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if room := spans(cells[0]); len(cells) == 3 && len(room) == 1 {
			rooms[room[0]] = sorted(spans(cells[2]))
		}
	}
	return rooms
}

// importRooms reads the table out of the import test's source.
func importRooms(t *testing.T) map[string][]string {
	t.Helper()
	name := filepath.Join(root, "cross", "imports", "imports_test.go")
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	rooms := map[string][]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "rooms" {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			pair := e.(*ast.KeyValueExpr)
			var allowed []string
			for _, a := range pair.Value.(*ast.CompositeLit).Elts {
				allowed = append(allowed, literal(a))
			}
			rooms[literal(pair.Key)] = sorted(allowed)
		}
		return false
	})
	return rooms
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// literal is a string literal's text, empty for anything else.
func literal(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, err := strconv.Unquote(l.Value)
	if err != nil {
		return ""
	}
	return text
}
