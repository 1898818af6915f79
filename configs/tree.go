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
		r.report(at, "", "too-deep", wantTooDeep, "")
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	var root *node
	for _, doc := range file.Docs {
		if doc == nil || doc.Body == nil {
			continue
		}
		if root != nil {
			r.report(placeOf(doc.Body), "", "second-document",
				Words{"只留一份：删去 --- 这一行和后面的内容", "one document: remove the line --- and what follows"}, "")
			continue
		}
		root = r.node(doc.Body, "")
	}
	if root == nil || root.kind == empty {
		r.report(place{}, "", "empty", Words{"一份配置，见带注释的样例", "a configuration; see the annotated sample"}, "")
		return nil
	}
	return root
}

// syntax reports what the parser refused. The parser's own words are never
// passed on: some quote the file, and all are in English.
func (r *reader) syntax(err error) {
	broken, ok := errors.AsType[yaml.Error](err)
	if !ok || broken.GetToken() == nil || broken.GetToken().Position == nil {
		r.report(place{}, "", "yaml", wantSample, "")
		return
	}
	pos := broken.GetToken().Position
	at := place{min(max(pos.Line, 1), len(r.lines)), max(pos.Column, 1)}
	line := r.lines[at.line-1]
	code := syntaxCode(broken.GetMessage())
	r.report(at, "", code, syntaxWant(code, line), "")
}

// syntaxCode sorts the parser's messages by what an installer can do about them.
func syntaxCode(message string) Code {
	for _, kind := range []struct {
		part string
		code Code
	}{
		{"quoted text", "yaml-quote"},
		{"escape", "yaml-escape"}, {"UTF-", "yaml-escape"}, {"surrogate", "yaml-escape"},
		{"'['", "yaml-bracket"}, {"'{'", "yaml-bracket"}, {"']'", "yaml-bracket"}, {"'}'", "yaml-bracket"},
		{"flow map", "yaml-bracket"}, {"','", "yaml-bracket"},
		{"tab character", "tab"},
		{"reserved character", "yaml-reserved"},
		{"sequence", "yaml-dash"},
		{"anchor", "anchors"}, {"alias", "anchors"}, {"merge key", "anchors"},
		{"tag", "tags"},
		{"mapping value is not allowed", "yaml-indent"},
		{"value is not allowed", "yaml-indent"},
		{"key", "yaml-key"}, {"map", "yaml-key"},
	} {
		if strings.Contains(message, kind.part) {
			return kind.code
		}
	}
	return "yaml"
}

// syntaxWant guesses from the line at fault what was meant.
func syntaxWant(code Code, line string) Words {
	line = strings.TrimSpace(line)
	key, rest, found := strings.Cut(strings.TrimPrefix(line, "- "), ":")
	switch {
	case code == "yaml-quote":
		return Words{"引号成对，或不用引号", "both quotes, or none"}
	case code == "yaml-escape":
		return Words{"单引号，或不用引号", "single quotes, or none"}
	case code == "tab":
		return wantSpaces
	case strings.ContainsAny(line, "：，“”‘’｛｝［］"):
		return Words{"半角标点", "plain punctuation instead of full-width"}
	case code == "yaml-bracket":
		return Words{"括号成对，各项之间用半角逗号", "both brackets, and commas between the entries"}
	case code == "yaml-reserved":
		return Words{"给值加上引号", "quotes around the value"}
	case found && isKey(key) && rest != "" && rest[0] != ' ':
		return Words{"冒号后加一个空格", "a space after the colon"}
	case code == "yaml-dash" && !strings.HasPrefix(line, "-"):
		return Words{"列表另起一行，每项以 - 开头", "the list on lines of its own, each entry beginning with a dash"}
	case found && (strings.HasSuffix(rest, ":") || strings.Contains(rest, ": ")):
		return Words{"给带冒号的值加上引号", "quotes around a value with a colon"}
	case len(line) > 1 && line[0] == '-' && line[1] != ' ' && line[1] != '-':
		return Words{"- 后加一个空格", "a space after the dash"}
	case strings.HasPrefix(line, "-"):
		return Words{"与前面的 - 上下对齐", "the entry to stand in line with those before it"}
	case found && isKey(key):
		return Words{"与相邻的键上下对齐", "the key to stand in line with its neighbours"}
	}
	return wantKeyValue
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
		r.report(at, path, "anchors", wantWrittenOut, "")
	case *ast.TagNode:
		r.report(at, path, "tags", wantValueAlone, "")
	default:
		r.report(at, path, "not-readable", wantValueAlone, "")
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
			r.report(keyAt, path, "anchors", wantWrittenOut, "")
			continue
		}
		key, ok := v.Key.(ast.ScalarNode)
		if !ok {
			r.report(keyAt, path, "key-not-word", wantKeyValue, "")
			continue
		}
		name := keyName(key)
		if before, doubled := first[name]; doubled {
			r.report(keyAt, join(path, name), "doubled-key",
				Words{"只写一次；第 {0} 行已经写过", "it once; it is already on line {0}"}.filled(plain(itoa(before.line))), "")
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
