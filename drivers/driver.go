package drivers

import "context"

// Sampler is a sensor that is asked. Sample returns within its context's
// deadline, as far as the bus lets it, and returns either readings (which may
// be of quality Fault where the chip itself said so) or an error, which the
// caller turns into Fault readings with ReasonOf. It is called by one
// goroutine at a time.
type Sampler interface {
	Sample(ctx context.Context) ([]Reading, error)
	// Quantities lists what Sample reports, so that a failure can be said of
	// each of them.
	Quantities() []Quantity
}

// Watcher is a sensor that speaks by itself. Watch calls emit, from its own
// goroutine only, for each reading until ctx ends (it then returns ctx's error)
// or the sensor fails (any other error; the caller tries again with backoff).
type Watcher interface {
	Watch(ctx context.Context, emit func(Reading)) error
}
