package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// table prints rows in columns that line up on a terminal, where a Chinese
// character takes two places. A row of one cell stands by itself: it is printed
// as it is and widens no column.
func table(to io.Writer, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		if len(row) == 1 {
			continue
		}
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], places(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-places(cell)+2))
			}
		}
		if _, err := fmt.Fprintln(to, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// places is how many places of a terminal's line a text takes: two for Chinese
// characters and full-width punctuation (Unicode Standard Annex 11, W and F, as
// far as our texts use it).
func places(s string) (n int) {
	for _, r := range s {
		n++
		if unicode.Is(unicode.Han, r) || r >= 0x3000 && r <= 0x303f || r >= 0xff01 && r <= 0xff60 {
			n++
		}
	}
	return n
}
