package buffer

import "context"

type seam struct{}

type InProcess struct{}

func (InProcess) Verify(ctx context.Context, path string) error { return Verify(path) }
func (InProcess) Salvage(ctx context.Context, src, dst string) (SalvageReport, error) {
	return Salvage(src, dst)
}

// Verify checks the file.
func Verify(path string) error { return nil }

// Salvage brings over what is readable.
func Salvage(src, dst string) (SalvageReport, error) { return SalvageReport{}, nil }

// Buffer is the durable store.
type Buffer struct{ opts Options }

// Open opens the store in the background.
func Open(opts Options) (*Buffer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Buffer{opts: opts}, nil
}
func (b *Buffer) Ready() <-chan struct{} { return nil }
func (b *Buffer) Run() Run               { return Run{} }
func (b *Buffer) Ending() Ending         { return Ending{} }
func (b *Buffer) Append(lane Lane, record []byte, notes ...Note) (Position, error) {
	return Position{}, nil
}
func (b *Buffer) Next(platform string, lane Lane, after Position, maxCount, maxBytes int) ([]Entry, error) {
	return nil, nil
}
func (b *Buffer) Appended(lane Lane) <-chan struct{}                                  { return nil }
func (b *Buffer) Cursor(platform string, lane Lane) Position                          { return Position{} }
func (b *Buffer) Confirm(platform string, lane Lane, upTo Position) error             { return nil }
func (b *Buffer) GiveUp(platform string, lane Lane, p Position, why LossReason) error { return nil }
func (b *Buffer) Notes(prefix string) []Note                                          { return nil }
func (b *Buffer) Recent(lane Lane, n int) ([]Entry, error)                            { return nil, nil }
func (b *Buffer) Stats() Stats                                                        { return Stats{} }
func (b *Buffer) Close() error                                                        { return nil }
