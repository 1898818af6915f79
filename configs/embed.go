package configs

import _ "embed" // the annotated sample and the demo's configuration

//go:embed sample.yaml
var sample string

//go:embed demo.yaml
var demo string

// Sample is the annotated configuration, in Chinese and English, to start from.
func Sample() []byte { return []byte(sample) }

// Demo is the configuration of the demo at the desk.
func Demo() []byte { return []byte(demo) }
