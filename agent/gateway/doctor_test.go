package gateway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"watchpost/buffer"
)

// How a check ends decides whether a store is set aside: only a verdict, or a
// death of what was read, says that it is damaged.
func TestChildTellsDamageFromItsOwnTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		script  string // empty: there is no program
		damaged bool
		fine    bool
	}{
		"sound":               {script: "exit 0", fine: true},
		"damaged":             {script: "echo error: bad page >&2; exit 1", damaged: true},
		"fault":               {script: "kill -SEGV $$", damaged: true},
		"bus error":           {script: "kill -BUS $$", damaged: true},
		"trace":               {script: "echo 'panic: runtime error' >&2; exit 2", damaged: true},
		"wrong command line":  {script: "echo 'error: unexpected argument' >&2; exit 2"},
		"out of memory":       {script: "echo 'fatal error: runtime: out of memory' >&2; exit 2"},
		"killed from outside": {script: "kill -KILL $$"},
		"service stopped":     {script: "kill -TERM $$"},
		"does not start":      {},
	} {
		path := filepath.Join(t.TempDir(), "watchpost")
		if c.script != "" {
			if err := os.WriteFile(path, []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		err := child{executable: path}.Verify(context.Background(), "buffer.db")
		if (err == nil) != c.fine || errors.Is(err, buffer.ErrDamaged) != c.damaged {
			t.Errorf("%s: %v", name, err)
		}
		// A salvage that fails with 1 may lack room: it is no verdict.
		_, err = child{executable: path}.Salvage(context.Background(), "buffer.db", "buffer.db.new")
		if want := c.damaged && name != "damaged"; errors.Is(err, buffer.ErrDamaged) != want {
			t.Errorf("%s: salvage: %v", name, err)
		}
	}
}
