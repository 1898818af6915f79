// Package all is the list of drivers a configuration can name: for each its
// name, its options and how a sensor is built from them on a board. The list is
// written out here; nothing registers itself.
//
// Options are structs for a strict loader. Field tags say all it needs:
//
//	yaml:"key"        the key
//	default:"text"    what an absent key means, as it would be written
//	required:"true"   the key must be there
//	doc:"zh|en"       one line in each language
//
// Field types are string, bool, int, uint16, time.Duration, types whose pointer
// has Set(string) error, and string types with Values() []string (one of those).
package all
