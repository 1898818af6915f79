package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLicenceOf(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"The MIT License (MIT)\n\nPermission is hereby granted, free of\ncharge, to any person", "MIT"},
		{"Mozilla Public License, version 2.0\n ... GNU General Public License, Version 2.0", "MPL-2.0"},
		{"Eclipse Public License - v 2.0\n ... GNU General Public License", "EPL-2.0"},
		{"Eclipse Public License - v 2.0 (EPL-2.0) ... terms of the Eclipse Public License v2.0\nand Eclipse Distribution License v1.0 which accompany this", "EPL-2.0 OR EDL-1.0"},
		{"Eclipse Distribution License - v 1.0\n\nRedistribution and use in source and binary forms", "EDL-1.0"},
		{"   Apache License\n   Version 2.0, January 2004", "Apache-2.0"},
		{"Redistribution and use in source and binary forms ... nor the names of its contributors", "BSD-3-Clause"},
		{"Redistribution and use in source and binary forms ...", "BSD-2-Clause"},
		{"GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007", ""},
		{"GNU Affero General Public License", ""},
		{"GNU LESSER GENERAL PUBLIC LICENSE", ""},
		{"Business Source License 1.1", ""},
		{"", ""},
	} {
		got, err := licenceOf(tc.text)
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%.40q: %q, %v; want %q", tc.text, got, err, tc.want)
		}
	}
}

// A module that may not be linked, or says nothing, ends the build.
func TestRenderRefuses(t *testing.T) {
	for name, content := range map[string]string{"LICENSE": "GNU GENERAL PUBLIC LICENSE Version 2", "README.md": "free for all"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := render([]component{{name: "example.org/m", dir: dir}}); err == nil || !strings.Contains(err.Error(), "example.org/m") {
			t.Errorf("%s %q: error %v, want one that names the module", name, content, err)
		}
	}
}

func TestRenderSaysAll(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"LICENSE": "Apache License Version 2.0", "NOTICE": "made by us", "license.go": "package licence", "main.go": "package main",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := render([]component{{"example.org/m", "v1.2.3", "https://example.org", dir}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"example.org/m v1.2.3\n    Apache-2.0, https://example.org", "--- LICENSE", "made by us"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "package") {
		t.Error("source files were taken for licences")
	}
}
