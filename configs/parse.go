package configs

import (
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
	r := &reader{file: name, drivers: drivers, seen: map[string]place{}}
	defer func() {
		if recover() != nil { // the panic's value may quote the file
			r.report(place{}, "", "the file cannot be understood", "YAML such as the annotated sample", "")
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
	seen     map[string]place // path of every value read, to where it stands
}

func (r *reader) report(at place, path, message, want, near string) {
	r.problems = append(r.problems, Problem{
		File: r.file, Line: at.line, Column: at.column, Path: path, Message: message, Want: want, Near: near,
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
// in GB 18030 unless told otherwise.
func (r *reader) plainText(src []byte) (string, bool) {
	if len(src) > maxSource {
		r.report(place{}, "", "the file is too large", "at most "+itoa(maxSource>>10)+" KiB", "")
		return "", false
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(src), "\ufeff"), "\r\n", "\n")
	before := len(r.problems)
	for i, line := range strings.Split(text, "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		tab := strings.IndexByte(indent, '\t')
		key, _, wide := strings.Cut(strings.TrimPrefix(line[len(indent):], "- "), "：")
		switch {
		case !utf8.ValidString(line):
			r.report(place{i + 1, 1}, "", "not UTF-8 text", "the file to be saved as UTF-8", "")
		case strings.ContainsFunc(line, isControl):
			r.report(place{i + 1, 1}, "", "control character", "plain text", "")
		case tab >= 0 && strings.TrimSpace(line) != "":
			r.report(place{i + 1, tab + 1}, "", "tab in the indentation", "spaces", "")
		case wide && isKey(key):
			column := utf8.RuneCountInString(line[:strings.Index(line, "：")]) + 1
			r.report(place{i + 1, column}, "", "full-width colon", "a colon and a space", "")
		}
	}
	return text, len(r.problems) == before
}

func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

func tokenize(src string) token.Tokens { return lexer.Tokenize(src) }

func itoa(n int) string { return strconv.Itoa(n) }

func join(path, key string) string {
	if path == "" {
		return shown(key)
	}
	return path + "." + shown(key)
}

// shown is text from the file as problems may print it: short, and without
// characters that a terminal would obey.
func shown(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "..."
	}
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}

func index(path string, i int) string { return path + "[" + itoa(i) + "]" }
