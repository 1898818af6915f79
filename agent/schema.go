package main

import (
	"fmt"
	"strings"

	"watchpost/agent/gateway"
	"watchpost/configs"
)

type schemaCommand struct{}

// Run prints the schema, the same bytes as configs/schema.json.
func (schemaCommand) Run(to streams) error {
	schema, err := configs.Schema(gateway.Catalogue{})
	if err != nil {
		return fmt.Errorf("make schema: %w", err)
	}
	if _, err := to.out.Write(schema); err != nil {
		return fmt.Errorf("print schema: %w", err)
	}
	return nil
}

type driversCommand struct {
	Name string `arg:"" optional:"" help:"Only this driver."`
	Lang string `enum:"zh,en,auto" default:"auto" help:"Language: zh, en, or auto for the locale's."`
}

// Run prints each driver with its keys, their defaults and what they take.
func (c driversCommand) Run(to streams) error {
	l := languageFor(c.Lang)
	names := gateway.Catalogue{}.Names()
	if c.Name != "" {
		if _, known := (gateway.Catalogue{}).Options(c.Name); !known {
			text := configs.Words{Zh: "没有驱动 %s", En: "no driver %s"}.In(l)
			hint := configs.Words{Zh: "可选：", En: "there are "}.In(l) + strings.Join(names, ", ")
			return &failure{exitUsage, fmt.Errorf(text, c.Name), hint}
		}
		names = []string{c.Name}
	}
	for i, name := range names {
		if i > 0 {
			name = "\n" + name
		}
		if _, err := fmt.Fprintln(to.out, name); err != nil {
			return fmt.Errorf("print drivers: %w", err)
		}
		if err := table(to.out, keyRows(strings.TrimSpace(name), l)); err != nil {
			return fmt.Errorf("print drivers: %w", err)
		}
	}
	return nil
}

func keyRows(driver string, l configs.Language) (rows [][]string) {
	required := configs.Words{Zh: "必填", En: "required"}.In(l)
	for _, k := range configs.Keys(gateway.Catalogue{}, driver) {
		value := k.Default
		if k.Required {
			value = required
		}
		doc := k.Doc.In(l)
		if takes := k.Values.In(l); takes != "" && takes != doc {
			doc += configs.Words{Zh: "；", En: "; "}.In(l) + takes
		}
		rows = append(rows, []string{"  " + k.Name, value, doc})
	}
	return rows
}
