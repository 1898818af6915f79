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
	File    string
	Line    int    // from 1; 0 when the file as a whole is meant
	Column  int    // from 1, in characters
	Path    string // such as sensors[0].alarm.above; empty for the whole file
	Message string
	Want    string // what was expected; may be empty
	Near    string // the nearest correct name or value; may be empty
}

// Error is file:line:col: path: message; expected ...; did you mean "..."?
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if p.Path != "" {
		b.WriteString(": " + p.Path)
	}
	b.WriteString(": " + p.Message)
	if p.Want != "" {
		b.WriteString("; expected " + p.Want)
	}
	if p.Near != "" {
		fmt.Fprintf(&b, "; did you mean %q?", p.Near)
	}
	return b.String()
}

// Problems is every mistake found in a file, in the order of its lines. As an
// error it is one line each; a nil Problems is no error, see Err.
type Problems []Problem

// Error is one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
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
			Message: fmt.Sprintf("%d more problems from here on", more),
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
