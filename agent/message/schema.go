package message

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed schema/*.json
var schemas embed.FS

// Schema is the JSON Schema (draft 2020-12) of a class's payload.
func Schema(class string) ([]byte, error) {
	b, err := schemas.ReadFile("schema/" + strings.ReplaceAll(class, "/", "-") + ".json")
	if err != nil {
		return nil, fmt.Errorf("read schema of class %q: %w", class, err)
	}
	return b, nil
}
