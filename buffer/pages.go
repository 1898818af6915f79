package buffer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The layout of a bbolt file, format 2 (go.etcd.io/bbolt v1.5.0,
// internal/common/page.go, meta.go, inode.go). Numbers are in the byte order of
// the machine. Everything here is read with ReadAt and believed only after it
// was checked, since the file may hold anything.
const (
	pageSize       = 4096
	pageHeader     = 16 // id u64, flags u16, count u16, overflow u32
	elementSize    = 16
	branchPage     = 0x01
	leafPage       = 0x02
	bucketElement  = 0x01
	boltMagic      = 0xED0CDAED
	boltVersion    = 2
	noFreelist     = ^uint64(0)
	metaSize       = 64
	maxOverflow    = 1024 // pages; a value has at most 1 MiB
	maxTreeDepth   = 16
	bucketHeadSize = 16
)

var errStructure = errors.New("damaged structure")

// pageFile reads the pages of a store's file.
type pageFile struct {
	r    io.ReaderAt
	size int64
}

// meta is what a meta page says.
type meta struct {
	root  uint64
	pages uint64 // high-water mark
	txid  uint64
}

// rawPage is one page with its overflow.
type rawPage struct {
	id       uint64
	flags    uint16
	count    int
	overflow uint64
	data     []byte
}

// element is one entry of a page. Child is set in branch pages, Value in leaf
// pages.
type element struct {
	bucket bool
	key    []byte
	value  []byte
	child  uint64
	at     int64 // end of the key, and so start of the value, from the start of the page
}

// meta returns the newer of the valid meta pages, as bbolt chooses.
func (f *pageFile) meta() (meta, error) {
	var best meta
	found := false
	for i := range int64(2) {
		raw := make([]byte, pageHeader+metaSize)
		if _, err := f.r.ReadAt(raw, i*pageSize); err != nil {
			continue
		}
		m, ok := parseMeta(raw[pageHeader:])
		if ok && (!found || m.txid > best.txid) {
			best, found = m, true
		}
	}
	if !found {
		return meta{}, fmt.Errorf("%w: no valid meta page", errStructure)
	}
	return best, nil
}

func parseMeta(raw []byte) (meta, bool) {
	order := binary.NativeEndian
	sum := fnv.New64a()
	_, _ = sum.Write(raw[:metaSize-8]) // a hash never returns an error
	ok := order.Uint32(raw) == boltMagic && order.Uint32(raw[4:]) == boltVersion &&
		order.Uint32(raw[8:]) == pageSize && order.Uint64(raw[56:]) == sum.Sum64() &&
		order.Uint64(raw[32:]) == noFreelist
	return meta{root: order.Uint64(raw[16:]), pages: order.Uint64(raw[40:]), txid: order.Uint64(raw[48:])}, ok
}

// page reads the page at place id, whatever its header says.
func (f *pageFile) page(id uint64) (rawPage, error) {
	if id >= uint64(f.size)/pageSize {
		return rawPage{}, fmt.Errorf("%w: page %d beyond the file's end", errStructure, id)
	}
	data := make([]byte, pageSize)
	if _, err := f.r.ReadAt(data, int64(id)*pageSize); err != nil {
		return rawPage{}, fmt.Errorf("read page %d: %w", id, err)
	}
	p := parseHeader(data)
	if p.flags != leafPage && p.flags != branchPage || p.overflow == 0 {
		return p, nil
	}
	if p.overflow > maxOverflow || id+p.overflow >= uint64(f.size)/pageSize {
		return rawPage{}, fmt.Errorf("%w: page %d says it is %d pages long", errStructure, id, p.overflow+1)
	}
	p.data = make([]byte, (p.overflow+1)*pageSize)
	if _, err := f.r.ReadAt(p.data, int64(id)*pageSize); err != nil {
		return rawPage{}, fmt.Errorf("read page %d: %w", id, err)
	}
	return p, nil
}

func parseHeader(data []byte) rawPage {
	order := binary.NativeEndian
	return rawPage{
		id: order.Uint64(data), flags: order.Uint16(data[8:]), count: int(order.Uint16(data[10:])),
		overflow: uint64(order.Uint32(data[12:])), data: data,
	}
}

// element returns the i-th entry of the page, or false when it points outside.
func (p rawPage) element(i int) (element, bool) {
	order := binary.NativeEndian
	at := uint64(pageHeader + i*elementSize)
	if at+elementSize > uint64(len(p.data)) {
		return element{}, false
	}
	raw := p.data[at:]
	if p.flags == branchPage {
		start := at + uint64(order.Uint32(raw))
		end := start + uint64(order.Uint32(raw[4:]))
		if end > uint64(len(p.data)) {
			return element{}, false
		}
		return element{key: p.data[start:end], child: order.Uint64(raw[8:]), at: int64(end)}, true
	}
	start := at + uint64(order.Uint32(raw[4:]))
	middle := start + uint64(order.Uint32(raw[8:]))
	end := middle + uint64(order.Uint32(raw[12:]))
	if end > uint64(len(p.data)) {
		return element{}, false
	}
	return element{
		bucket: order.Uint32(raw)&bucketElement != 0,
		key:    p.data[start:middle], value: p.data[middle:end], at: int64(middle),
	}, true
}

// follows says that the page's first entry comes directly after its table of
// entries, as bbolt writes it (WriteInodeToPage): a wrong count would hide
// entries otherwise.
func (p rawPage) follows(first element) bool {
	return first.at-int64(len(first.key)) == int64(pageHeader+p.count*elementSize)
}

// walker goes through a tree of pages in key order.
type walker struct {
	file *pageFile
	meta meta
	seen map[uint64]bool
	last []byte // last key of the tree being walked
	any  bool
}

// tree calls visit for each leaf entry of the tree at root. Each page may be
// reached once only, so the walk ends.
func (w *walker) tree(root uint64, visit func(element) error) error {
	w.last, w.any = nil, false
	return w.descend(root, 0, nil, nil, visit)
}

// descend walks the subtree at id, whose keys must be at least low and below
// high (nil: no bound).
func (w *walker) descend(id uint64, depth int, low, high []byte, visit func(element) error) error {
	p, err := w.reach(id, depth)
	if err != nil {
		return err
	}
	if p.flags == leafPage {
		return w.leaf(p, low, high, visit)
	}
	elements := make([]element, p.count)
	for i := range elements {
		e, ok := p.element(i)
		if !ok || i == 0 && !p.follows(e) || i > 0 && bytes.Compare(elements[i-1].key, e.key) >= 0 {
			return fmt.Errorf("%w: branch page %d", errStructure, id)
		}
		elements[i] = e
	}
	for i, e := range elements {
		upper := high
		if i+1 < len(elements) {
			upper = elements[i+1].key
		}
		if err := w.descend(e.child, depth+1, e.key, upper, visit); err != nil {
			return err
		}
	}
	return nil
}

// reach reads a page of a tree and checks that it is where and what it says.
func (w *walker) reach(id uint64, depth int) (rawPage, error) {
	if id < 2 || id >= w.meta.pages || depth > maxTreeDepth {
		return rawPage{}, fmt.Errorf("%w: page %d out of bounds", errStructure, id)
	}
	p, err := w.file.page(id)
	if err != nil {
		return rawPage{}, err
	}
	if p.id != id || (p.flags != leafPage && p.flags != branchPage) || id+p.overflow >= w.meta.pages {
		return rawPage{}, fmt.Errorf("%w: page %d has a foreign header", errStructure, id)
	}
	if p.count == 0 && (p.flags == branchPage || depth > 0) {
		return rawPage{}, fmt.Errorf("%w: page %d is empty", errStructure, id) // bbolt frees such pages
	}
	for i := id; i <= id+p.overflow; i++ {
		if w.seen[i] {
			return rawPage{}, fmt.Errorf("%w: page %d is used twice", errStructure, i)
		}
		w.seen[i] = true
	}
	return p, nil
}

func (w *walker) leaf(p rawPage, low, high []byte, visit func(element) error) error {
	for i := range p.count {
		e, ok := p.element(i)
		if !ok || i == 0 && !p.follows(e) {
			return fmt.Errorf("%w: leaf page %d", errStructure, p.id)
		}
		if w.any && bytes.Compare(w.last, e.key) >= 0 ||
			bytes.Compare(e.key, low) < 0 || high != nil && bytes.Compare(e.key, high) >= 0 {
			return fmt.Errorf("%w: keys of page %d out of order", errStructure, p.id)
		}
		w.last, w.any = e.key, true
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}
