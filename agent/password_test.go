package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"watchpost/agent/people"
)

func TestPasswordCommand(t *testing.T) {
	data := t.TempDir()
	path := write(t, "watchpost.yaml", strings.ReplaceAll(rightConfiguration, "gateway:", "data: "+data+"\ngateway:"))
	got := watchpost(t, "password", "--lang", "en", "--config", path)
	if got.code != 1 || got.out != "" || !strings.Contains(got.err, "--reset") {
		t.Errorf("before the agent ran: %+v", got)
	}
	if _, err := people.Open(data, nil); err != nil {
		t.Fatal(err)
	}
	code, err := people.Code(data)
	if err != nil {
		t.Fatal(err)
	}
	if got = watchpost(t, "password", "--lang", "zh", "--config", path); got.code != 0 || !strings.Contains(got.out, code) || !strings.Contains(got.out, "安装码") {
		t.Errorf("with a code: %+v", got)
	}
	if err := os.WriteFile(filepath.Join(data, people.PasswordFile), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	got = watchpost(t, "password", "--reset", "--lang", "en", "--config", path)
	if fresh, err := people.Code(data); err != nil || fresh == code || !strings.Contains(got.out, fresh) {
		t.Errorf("after a reset: %+v, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(data, people.PasswordFile)); !os.IsNotExist(err) {
		t.Errorf("the password is still there: %v", err)
	}
}
