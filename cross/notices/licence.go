package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// text is one file of a component that has to go along.
type text struct {
	name, content string
	licence       string // empty: a notice
}

// isLicence and isNotice judge a file by its name.
func isLicence(name string) bool {
	return hasPrefix(name, "licen", "copying", "edl-v", "epl-v")
}

func isNotice(name string) bool { return hasPrefix(name, "notice", "patents") }

func hasPrefix(name string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(strings.ToLower(name), p) && filepath.Ext(name) != ".go" {
			return true
		}
	}
	return false
}

// texts reads a component's licences and notices, by file name.
func texts(c component) (list []text, err error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("read licence of %s: %w", c.name, err)
	}
	licences := 0
	for _, e := range entries {
		if e.IsDir() || !isLicence(e.Name()) && !isNotice(e.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(c.dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read licence of %s: %w", c.name, err)
		}
		t := text{name: e.Name(), content: strings.ReplaceAll(string(content), "\r\n", "\n")}
		if isLicence(e.Name()) {
			if t.licence, err = licenceOf(t.content); err != nil {
				return nil, fmt.Errorf("read %s of %s: %w", e.Name(), c.name, err)
			}
			licences++
		}
		list = append(list, t)
	}
	if licences == 0 {
		return nil, fmt.Errorf("read licence of %s: there is none in %s", c.name, c.dir)
	}
	return list, nil
}

// licenceOf is the SPDX expression of a licence's text. Only those that a program
// under Apache-2.0 may link are known; all others are errors. It judges by the
// title, where there is one: MPL-2.0 and EPL-2.0 name the GPL in their texts.
func licenceOf(content string) (string, error) {
	all := strings.Join(strings.Fields(content), " ")
	title := all[:min(len(all), 400)]
	for _, known := range []struct{ spdx, title string }{
		{"MPL-2.0", "Mozilla Public License"},
		{"EPL-2.0 OR EDL-1.0", "Eclipse Public License v2.0 and Eclipse Distribution License v1.0 which accompany"},
		{"EPL-2.0", "Eclipse Public License - v 2.0"},
		{"EDL-1.0", "Eclipse Distribution License - v 1.0"},
		{"Apache-2.0", "Apache License Version 2.0"},
	} {
		if strings.Contains(title, known.title) {
			return known.spdx, nil
		}
	}
	if strings.Contains(strings.ToUpper(title), "GENERAL PUBLIC LICENSE") {
		return "", errors.New("a GPL: the product may not link it")
	}
	switch {
	case strings.Contains(all, "Permission is hereby granted, free of charge"):
		return "MIT", nil
	case strings.Contains(all, "Permission to use, copy, modify, and/or distribute"), strings.Contains(all, "Permission to use, copy, modify, and distribute"):
		return "ISC", nil
	case strings.Contains(all, "Redistribution and use in source and binary forms") && strings.Contains(all, "names of"):
		return "BSD-3-Clause", nil
	case strings.Contains(all, "Redistribution and use in source and binary forms"):
		return "BSD-2-Clause", nil
	}
	return "", errors.New("unknown licence: a person has to look at it first")
}

const heading = `THIRD PARTY NOTICES

watchpost is under the Apache License 2.0. Its programs contain the components
listed here, each under its own licence; the texts follow. Where a component may
be had under EPL-2.0 or EDL-1.0, it is used under EDL-1.0. The source of those
under MPL-2.0, unchanged, is at the address given with them.

`

// render writes the list and the texts.
func render(components []component) ([]byte, error) {
	var list, body bytes.Buffer
	list.WriteString(heading)
	for _, c := range components {
		files, err := texts(c)
		if err != nil {
			return nil, err
		}
		var licences []string
		fmt.Fprintf(&body, "\n%s\n%s %s\n%s\n", strings.Repeat("=", 78), c.name, c.version, c.source)
		for _, t := range files {
			if t.licence != "" {
				licences = append(licences, t.licence)
			}
			fmt.Fprintf(&body, "\n--- %s\n\n%s\n", t.name, strings.TrimSpace(t.content))
		}
		fmt.Fprintf(&list, "%s\n    %s, %s\n", strings.TrimSpace(c.name+" "+c.version), strings.Join(licences, ", "), c.source)
	}
	return append(list.Bytes(), body.Bytes()...), nil
}
