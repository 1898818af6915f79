package document

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// command is one level of a program's command line, as kong makes it of a struct.
type command struct {
	sub   map[string]*command
	flags map[string]bool // by name; true when it takes a value
	args  bool
}

// program reads the command line out of a program's source: the struct commands
// and those it holds. The programs are not linked, since a main cannot be.
func program(t *testing.T, folder string) *command {
	t.Helper()
	structs := map[string]*ast.StructType{}
	for _, name := range files(t, ".go") {
		if path.Dir(name) != folder || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					structs[spec.Name.Name] = s
				}
			}
			return true
		})
	}
	if structs["commands"] == nil {
		t.Fatalf("%s has no struct commands", folder)
	}
	return commandOf("commands", structs)
}

func commandOf(name string, structs map[string]*ast.StructType) *command {
	c := &command{sub: map[string]*command{}, flags: map[string]bool{"help": false}}
	if structs[name] == nil {
		return c
	}
	for _, field := range structs[name].Fields.List {
		if field.Tag == nil || len(field.Names) != 1 {
			continue
		}
		tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`"))
		word := tag.Get("name")
		if word == "" {
			word = kebab(field.Names[0].Name)
		}
		kind, _ := field.Type.(*ast.Ident)
		_, isCommand := tag.Lookup("cmd")
		_, isArg := tag.Lookup("arg")
		switch {
		case isCommand && kind != nil:
			c.sub[word] = commandOf(kind.Name, structs)
		case isArg:
			c.args = true
		default:
			c.flags[word] = kind == nil || kind.Name != "bool"
		}
	}
	return c
}

var hump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

func kebab(name string) string {
	return strings.ToLower(hump.ReplaceAllString(name, "$1-$2"))
}

// check says what is wrong with a command line; an empty one is no command.
func (c *command) check(words []string) error {
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if text, ok := strings.CutPrefix(word, "--"); ok {
			name, _, given := strings.Cut(text, "=")
			takes, known := c.flags[name]
			switch {
			case !known:
				return fmt.Errorf("there is no flag --%s", name)
			case name == "help":
				return nil
			case takes && !given && len(words) == 0:
				return fmt.Errorf("flag --%s lacks its value", name)
			case takes && !given:
				words = words[1:]
			}
			continue
		}
		if next := c.sub[word]; next != nil {
			c = next
			continue
		}
		if !c.args {
			return fmt.Errorf("there is no command %q", word)
		}
	}
	if len(c.sub) > 0 {
		return fmt.Errorf("a command is missing")
	}
	return nil
}

// allFlags lists the flags of all levels.
func (c *command) allFlags() (names []string) {
	for name := range c.flags {
		names = append(names, name)
	}
	for _, sub := range c.sub {
		names = append(names, sub.allFlags()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
