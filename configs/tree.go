package configs

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// place is a line and a column in the file, both from 1.
type place struct{ line, column int }

type kind uint8

const (
	empty kind = iota // nothing was written, or null
	scalar
	mapping
	list
)

// node is a piece of the file: all that the rest of this package sees of YAML.
type node struct {
	kind    kind
	at      place
	text    string // scalar: as written, without quotes
	lines   bool   // scalar: written over several lines, so not to be quoted back
	entries []entry
	items   []*node
}

type entry struct {
	key   string
	at    place
	value *node
}

// tree parses src into nodes. It returns nil, having reported why, when there
// is no tree to walk.
func (r *reader) tree(src string) *node {
	tokens := tokenize(src)
	if at, ok := tooDeep(tokens); ok {
		r.report(at, "", "nested too deeply", "at most 64 levels", "")
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(src, err)
		return nil
	}
	var root *node
	for _, doc := range file.Docs {
		if doc == nil || doc.Body == nil {
			continue
		}
		if root != nil {
			r.report(placeOf(doc.Body), "", "second document", "one document: remove the line --- and what follows", "")
			continue
		}
		root = r.node(doc.Body, "")
	}
	if root == nil || root.kind == empty {
		r.report(place{}, "", "the file is empty", "a configuration; see the annotated sample", "")
		return nil
	}
	return root
}

// syntax reports what the parser refused. Its messages that quote the file are
// replaced, since the quotation may be a secret.
func (r *reader) syntax(src string, err error) {
	broken, ok := errors.AsType[yaml.Error](err)
	if !ok || broken.GetToken() == nil || broken.GetToken().Position == nil {
		r.report(place{}, "", "not valid YAML", "", "")
		return
	}
	message := broken.GetMessage()
	if strings.ContainsAny(message, "\"`\n") {
		message = "unexpected text"
	}
	pos := broken.GetToken().Position
	want := ""
	if lines := strings.Split(src, "\n"); pos.Line >= 1 && pos.Line <= len(lines) {
		want = syntaxWant(lines[pos.Line-1])
	}
	r.report(place{pos.Line, pos.Column}, "", "not valid YAML: "+message, want, "")
}

// syntaxWant guesses from the line at fault what was meant.
func syntaxWant(line string) string {
	key, rest, found := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "- "), ":")
	switch {
	case found && isKey(key) && rest != "" && rest[0] != ' ':
		return "a space after the colon"
	case strings.HasPrefix(strings.TrimSpace(line), "-"):
		return "the entry to stand in line with those before it"
	case found && isKey(key):
		return "the key to stand in line with its neighbours"
	}
	return "key: value"
}

func isKey(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// node turns a parsed node into one of ours and reports what we do not read.
func (r *reader) node(n ast.Node, path string) *node {
	at := placeOf(n)
	switch n := n.(type) {
	case nil:
		return &node{at: at}
	case *ast.NullNode:
		return &node{at: at}
	case *ast.MappingNode:
		return r.entries(at, n.Values, path)
	case *ast.MappingValueNode:
		return r.entries(at, []*ast.MappingValueNode{n}, path)
	case *ast.SequenceNode:
		out := &node{kind: list, at: at}
		for i, item := range n.Values {
			out.items = append(out.items, r.node(item, index(path, i)))
		}
		return out
	case *ast.StringNode:
		return text(at, n.Value, n.GetToken())
	case *ast.LiteralNode:
		value := ""
		if n.Value != nil {
			value = strings.TrimSuffix(n.Value.Value, "\n")
		}
		return &node{kind: scalar, at: at, text: value, lines: true}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return text(at, n.GetToken().Value, n.GetToken())
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		r.report(at, path, "anchors, aliases and merge keys are not read", "the value written out", "")
	case *ast.TagNode:
		r.report(at, path, "tags are not read", "the value alone", "")
	default:
		r.report(at, path, "not a value, list or keys", "the value alone", "")
	}
	return nil
}

func text(at place, value string, tk *token.Token) *node {
	lines := tk != nil && strings.Contains(strings.TrimSpace(tk.Origin), "\n")
	return &node{kind: scalar, at: at, text: value, lines: lines || strings.Contains(value, "\n")}
}

// entries collects a mapping. Of a doubled key the first is kept. A value that
// could not be read (already reported) has a nil node.
func (r *reader) entries(at place, values []*ast.MappingValueNode, path string) *node {
	out := &node{kind: mapping, at: at}
	if len(values) > 0 && values[0] != nil && values[0].Key != nil {
		out.at = placeOf(values[0].Key)
	}
	first := map[string]place{}
	for _, v := range values {
		if v == nil || v.Key == nil {
			continue
		}
		keyAt := placeOf(v.Key)
		if v.Key.IsMergeKey() {
			r.report(keyAt, path, "anchors, aliases and merge keys are not read", "the keys written out", "")
			continue
		}
		key, ok := v.Key.(ast.ScalarNode)
		if !ok {
			r.report(keyAt, path, "the key is not a plain word", "key: value", "")
			continue
		}
		name := keyName(key)
		if before, doubled := first[name]; doubled {
			r.report(keyAt, join(path, name), "doubled key", "it once; it is already on line "+itoa(before.line), "")
			continue
		}
		first[name] = keyAt
		value := r.node(v.Value, join(path, name))
		if value != nil && value.kind == empty {
			value.at = keyAt
		}
		out.entries = append(out.entries, entry{name, keyAt, value})
	}
	return out
}

func keyName(key ast.ScalarNode) string {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value
	}
	if tk := key.GetToken(); tk != nil {
		return tk.Value
	}
	return ""
}

func placeOf(n ast.Node) place {
	if n == nil {
		return place{}
	}
	switch v := n.(type) {
	case *ast.MappingNode:
		if len(v.Values) > 0 && !v.IsFlowStyle {
			return placeOf(v.Values[0])
		}
	case *ast.MappingValueNode:
		if v.Key != nil {
			return placeOf(v.Key)
		}
	}
	tk := n.GetToken()
	if tk == nil || tk.Position == nil {
		return place{}
	}
	return place{tk.Position.Line, tk.Position.Column}
}

// maxDepth bounds nesting, since parser and walk recurse and a stack that
// overflows cannot be recovered.
const maxDepth = 64

// tooDeep finds the first token that may be nested deeper than maxDepth: by
// brackets, by indentation, or by indicators in one line.
func tooDeep(tokens token.Tokens) (place, bool) {
	brackets, line, indicators := 0, 0, 0
	for _, tk := range tokens {
		if tk == nil || tk.Position == nil {
			continue
		}
		if tk.Position.Line != line {
			line, indicators = tk.Position.Line, 0
			if tk.Position.Column > 4*maxDepth && tk.Type != token.CommentType {
				return place{line, tk.Position.Column}, true
			}
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(0, brackets-1)
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType,
			token.AnchorType, token.TagType, token.AliasType:
			indicators++
		}
		if brackets > maxDepth || indicators > maxDepth {
			return place{tk.Position.Line, tk.Position.Column}, true
		}
	}
	return place{}, false
}
