package buffer

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// flipIn flips a bit in each place where the file holds the value, and returns
// how many there are: free pages hold older copies.
func flipIn(file []byte, value string) int {
	n := 0
	for at := 0; ; n++ {
		i := bytes.Index(file[at:], []byte(value))
		if i < 0 {
			return n
		}
		file[at+i] ^= 0x40
		at += i + 1
	}
}

// flipLive flips a bit of a value in the file of a store that is open. The
// store's map of the file shows it at once.
func flipLive(t *testing.T, dir, value string) {
	t.Helper()
	path := filepath.Join(dir, nameStore)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	was := bytes.Clone(file)
	if flipIn(file, value) == 0 {
		t.Fatalf("%q is not in the file", value)
	}
	writeDifference(t, path, was, file)
}

// writeDifference writes the bytes that differ in place.
func writeDifference(t *testing.T, path string, was, now []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range was {
		if was[i] != now[i] {
			if _, err := f.WriteAt(now[i:i+1], int64(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
