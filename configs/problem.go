package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is one mistake in a file. It never holds a secret.
type Problem struct {
	File   string
	Line   int     // from 1; 0 when the file as a whole is meant
	Column int     // from 1, in characters
	Path   string  // such as sensors[0].alarm.above; empty for the whole file
	Code   Code    // what kind of mistake it is
	Args   []Words // what the code's sentence is about
	Want   Words   // what was expected; may be empty
	Near   string  // the nearest correct name or value; may be empty
}

// Message is what is wrong, without place and remedy.
func (p Problem) Message() Words { return sentences[p.Code].filled(p.Args...) }

// In is the problem as one line in one language:
// file:line:col: path: message; expected ...; did you mean "..."?
func (p Problem) In(l Language) string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if p.Path != "" {
		b.WriteString(": " + p.Path)
	}
	b.WriteString(": " + p.Message().In(l))
	if want := p.Want.In(l); want != "" {
		b.WriteString(Words{"；正确写法：", "; expected "}.In(l) + want)
	}
	if p.Near != "" {
		b.WriteString(Words{`；是不是想写 "{0}"？`, `; did you mean "{0}"?`}.filled(plain(p.Near)).In(l))
	}
	return b.String()
}

// Error is the problem in English.
func (p Problem) Error() string { return p.In(English) }

// Problems is every mistake found in a file, in the order of its lines. As an
// error it is one line each; a nil Problems is no error, see Err.
type Problems []Problem

// Error is one problem a line.
func (ps Problems) Error() string { return ps.In(English) }

// In is one problem a line, in one language.
func (ps Problems) In(l Language) string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.In(l)
	}
	return strings.Join(lines, "\n")
}

// Err is nil when there are no problems, else ps.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// sorted is ps by line and column, cut to maxProblems.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if more := len(ps) - maxProblems; more > 0 {
		last := ps[maxProblems]
		ps = append(ps[:maxProblems:maxProblems], Problem{
			File: last.File, Line: last.Line, Column: last.Column,
			Code: "more", Args: []Words{plain(itoa(more))},
		})
	}
	return ps
}

// nearest is the candidate that s was most likely meant to be, or "". A
// candidate that s begins, such as password_file for password, counts as near.
func nearest(s string, candidates []string) string {
	if len(s) > 64 { // nobody mistypes that much
		return ""
	}
	best, bestDistance := "", max(1, utf8.RuneCountInString(s)/3)+1
	folded := strings.ToLower(strings.ReplaceAll(s, "-", "_"))
	for _, c := range candidates {
		d := distance(folded, strings.ToLower(strings.ReplaceAll(c, "-", "_")))
		if len(s) >= 4 && (strings.HasPrefix(c, s) || strings.HasPrefix(s, c) && len(c) >= 4) {
			d = min(d, 1)
		}
		if d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (Damerau-Levenshtein, optimal string alignment).
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	before, above := make([]int, len(to)+1), make([]int, len(to)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(from); i++ {
		row := make([]int, len(to)+1)
		row[0] = i
		for j := 1; j <= len(to); j++ {
			cost := 1
			if from[i-1] == to[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(to)]
}
