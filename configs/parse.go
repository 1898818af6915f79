package configs

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxSource is the largest file that is read: some thousand sensors.
	maxSource = 256 << 10
	// maxProblems is the most that are reported of one file.
	maxProblems = 100
)

// Catalogue is the drivers that a configuration may name.
type Catalogue interface {
	// Names lists the drivers.
	Names() []string
	// Options returns a pointer to a fresh options struct with its defaults, or
	// false for a driver there is not. Its fields carry the tags that Check
	// describes.
	Options(driver string) (any, bool)
}

// Load reads and parses the file at path. The error is Problems when the file
// could be read but has mistakes.
func Load(path string, drivers Catalogue) (*Config, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, cause(err))
	}
	cfg, problems := Parse(path, src, drivers)
	return cfg, problems.Err()
}

// Parse reads a configuration. It returns either a Config and no problems, or
// no Config and every problem there is. It does not panic, whatever src holds.
// The name is what problems call the file.
func Parse(name string, src []byte, drivers Catalogue) (cfg *Config, problems Problems) {
	r := &reader{file: name, drivers: drivers, seen: map[string]place{}, texts: map[string]map[string]string{}}
	defer func() {
		if recover() != nil { // the panic's value may quote the file
			r.report(place{}, "", "unclear", wantSample, "")
			cfg, problems = nil, r.problems.sorted()
		}
	}()
	cfg = r.config(src)
	if len(r.problems) > 0 {
		return nil, r.problems.sorted()
	}
	return cfg, nil
}

// reader is the state of one Parse.
type reader struct {
	file     string
	drivers  Catalogue
	problems Problems
	seen     map[string]place             // path of every value read, to where it stands
	texts    map[string]map[string]string // path of every section read, to its keys with a single value; never printed
	lines    []string                     // of the file, once it is known to be text
}

// report adds a problem. The parser places what is absent, such as an entry
// after the last dash, past the end of its line: an editor could not go there.
func (r *reader) report(at place, path string, code Code, want Words, near string, args ...Words) {
	if at.line > 0 && len(r.lines) > 0 {
		at.line = min(at.line, len(r.lines))
		at.column = max(1, min(at.column, utf8.RuneCountInString(r.lines[at.line-1])+1))
	}
	r.problems = append(r.problems, Problem{
		File: r.file, Line: at.line, Column: at.column, Path: path, Code: code, Args: args, Want: want, Near: near,
	})
}

func (r *reader) config(src []byte) *Config {
	text, ok := r.plainText(src)
	if !ok {
		return nil
	}
	root := r.tree(text)
	if root == nil {
		return nil
	}
	cfg := &Config{}
	r.document(root, cfg)
	r.check(cfg)
	return cfg
}

// plainText is src without byte order mark and carriage returns, when it can be
// handed to the parser at all. Editors on Windows leave both, and save Chinese
// in GB 18030 or UTF-16 unless told otherwise.
func (r *reader) plainText(src []byte) (string, bool) {
	asUTF8 := Words{"把文件另存为 UTF-8", "the file to be saved as UTF-8"}
	if len(src) > maxSource {
		most := itoa(maxSource>>10) + " KiB"
		r.report(place{}, "", "too-large", Words{"至多 " + most, "at most " + most}, "")
		return "", false
	}
	if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
		r.report(place{1, 1}, "", "utf16", asUTF8, "")
		return "", false
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(src), "\ufeff"), "\r\n", "\n")
	before := len(r.problems)
	r.lines = strings.Split(text, "\n")
	for i, line := range r.lines {
		if !utf8.ValidString(line) {
			r.report(place{i + 1, 1}, "", "not-utf8", asUTF8, "")
			break // every line with Chinese in it would follow
		}
		r.line(i+1, line)
	}
	return text, len(r.problems) == before
}

// line reports what an input method leaves in a line and no parser takes, or
// takes for something else.
func (r *reader) line(number int, line string) {
	rest := strings.TrimLeft(line, " \t\u3000")
	indent := line[:len(line)-len(rest)]
	tab := strings.IndexByte(indent, '\t')
	wide := strings.Index(indent, "\u3000")
	dash, _ := utf8.DecodeRuneInString(rest)
	key, _, colon := strings.Cut(strings.TrimPrefix(rest, "- "), "：")
	switch {
	case strings.ContainsFunc(line, isControl):
		r.report(place{number, 1}, "", "control", Words{"纯文字", "plain text"}, "")
	case strings.TrimSpace(line) == "":
	case tab >= 0:
		r.report(place{number, utf8.RuneCountInString(indent[:tab]) + 1}, "", "tab", wantSpaces, "")
	case wide >= 0:
		r.report(place{number, utf8.RuneCountInString(indent[:wide]) + 1}, "", "wide-space", wantSpaces, "")
	case strings.ContainsRune("－—–−", dash):
		r.report(place{number, utf8.RuneCountInString(indent) + 1}, "", "wide-dash", Words{"半角横线加一个空格", "a plain dash and a space"}, "")
	case colon && isKey(fold(key)):
		column := utf8.RuneCountInString(line[:strings.Index(line, "：")]) + 1
		r.report(place{number, column}, "", "wide-colon", wantColon, "")
	}
}

func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

func tokenize(src string) token.Tokens { return lexer.Tokenize(src) }

func itoa(n int) string { return strconv.Itoa(n) }

func join(path, key string) string {
	switch {
	case path == "":
		return shownKey(key)
	case looksSecret(path): // what stands below such a key may be the secret
		return path + "." + hidden
	}
	return path + "." + shownKey(key)
}

// shown is text from the file as problems may print it: short, and without
// characters that a terminal would obey.
func shown(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "..."
	}
	quoted := strconv.Quote(s)
	if strings.ReplaceAll(quoted, `\\`, `\`) == `"`+s+`"` { // a backslash alone is harmless
		return s
	}
	return quoted
}

func index(path string, i int) string { return path + "[" + itoa(i) + "]" }
