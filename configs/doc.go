// Package configs is the typed configuration of a gateway and its strict
// loader.
//
// There is one YAML file. Parse reports every mistake in it at once, each with
// line, column, what was expected and the nearest correct name; a file with a
// mistake gives no Config at all, so nothing starts half-configured.
//
// The loader walks goccy/go-yaml's parsed tree itself, because a decoder stops
// at the first mistake. It reads less YAML than the language has, and says so
// where a file asks for more: one document, no anchors, aliases, merge keys or
// tags. Values are taken as they are written, so that an id 0317 stays 0317,
// and a number 010, which parsers read as 8 or as 10, is refused.
//
// Problems go to logs and terminals, so they hold keys, and values only of keys
// that cannot hold a secret; never neighbouring lines, as the library's own
// excerpts do. Secrets live in files of their own: see ReadSecret.
package configs
