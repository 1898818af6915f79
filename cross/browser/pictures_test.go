package browser

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// Pictures are kept small: each alone, and a sheet of all states.
const (
	pictureLimit = 120 * 1000
	sheetLimit   = 500 * 1000
)

// pictures is where they are asked for; empty: nowhere.
func pictures() string { return os.Getenv("WATCHPOST_PICTURES") }

// picture writes what the tab's screen shows, where pictures are asked for.
func picture(b *tab, what string) {
	b.t.Helper()
	if pictures() == "" {
		return
	}
	name := b.name
	if what != "" {
		name += "-" + what
	}
	shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Errorf("%s: take picture: %v", name, err)
		return
	}
	screen, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		b.t.Errorf("%s: read picture: %v", name, err)
		return
	}
	keep(b.t, name, screen, pictureLimit)
}

// keep writes a picture with few colours.
func keep(t *testing.T, name string, shot image.Image, limit int) {
	t.Helper()
	small, err := reduced(shot)
	if err != nil {
		t.Errorf("%s: reduce picture: %v", name, err)
		return
	}
	if len(small) > limit {
		t.Errorf("%s: picture has %d bytes, want %d at most", name, len(small), limit)
	}
	if err := os.WriteFile(filepath.Join(pictures(), name+".png"), small, 0o644); err != nil {
		t.Error(err)
	}
}

// colours are enough for a page of flat ones, and take a fifth of the space.
const colours = 64

// reduced is a picture with the colours that are most frequent in it.
func reduced(from image.Image) ([]byte, error) {
	bounds := from.Bounds()
	coarse := func(x, y int) color.RGBA {
		r, g, b, _ := from.At(x, y).RGBA()
		return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}
	}
	count := map[color.RGBA]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[coarse(x, y)]++
		}
	}
	// Ties are broken by the colour itself, so that one page gives one picture.
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), bytes.Compare([]byte{a.R, a.G, a.B}, []byte{b.R, b.G, b.B}))
	})
	palette := color.Palette{}
	for _, c := range all[:min(len(all), colours)] {
		palette = append(palette, c)
	}
	nearest := map[color.RGBA]uint8{}
	to := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := coarse(x, y)
			n, known := nearest[c]
			if !known {
				n = uint8(palette.Index(c))
				nearest[c] = n
			}
			to.SetColorIndex(x, y, n)
		}
	}
	var out bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, to)
	return out.Bytes(), err
}

// sheet collects one whole page for each state, for each screen.
type sheet struct {
	mu    sync.Mutex
	shots map[string][]image.Image // by screen, one point of the picture for each of CSS
}

// add takes the whole page that the tab shows.
func (s *sheet) add(b *tab) {
	b.t.Helper()
	if pictures() == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, hang)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Errorf("%s: take picture: %v", b.name, err)
		return
	}
	whole, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		b.t.Errorf("%s: read picture: %v", b.name, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shots == nil {
		s.shots = map[string][]image.Image{}
	}
	s.shots[b.name] = append(s.shots[b.name], shrunk(whole, int(b.scale)))
}

// shrunk is a picture of which each point is the mean of n times n.
func shrunk(from image.Image, n int) image.Image {
	if n == 1 {
		return from
	}
	size := from.Bounds().Size()
	to := image.NewRGBA(image.Rect(0, 0, size.X/n, size.Y/n))
	for y := range size.Y / n {
		for x := range size.X / n {
			var sum [3]uint32
			for at := range n * n {
				r, g, b, _ := from.At(x*n+at%n, y*n+at/n).RGBA()
				sum[0], sum[1], sum[2] = sum[0]+r>>8, sum[1]+g>>8, sum[2]+b>>8
			}
			part := func(i int) uint8 { return uint8(sum[i] / uint32(n*n)) }
			to.SetRGBA(x, y, color.RGBA{part(0), part(1), part(2), 255})
		}
	}
	return to
}

// across is how many pages stand in one row of a sheet.
func across(screen string) int {
	if strings.HasPrefix(screen, "desktop") {
		return 2
	}
	return 5
}

// write lays the pages of each screen out on one sheet, in rows.
func (s *sheet) write(t *testing.T) {
	t.Helper()
	const gap = 16
	for name, shots := range s.shots {
		var rows [][]image.Image
		for row := range slices.Chunk(shots, across(name)) {
			rows = append(rows, row)
		}
		width, height := gap, gap
		for _, row := range rows {
			tallest := 0
			for _, shot := range row {
				tallest = max(tallest, shot.Bounds().Dy())
			}
			height += tallest + gap
		}
		for _, shot := range rows[0] {
			width += shot.Bounds().Dx() + gap
		}
		all := image.NewRGBA(image.Rect(0, 0, width, height))
		draw.Draw(all, all.Bounds(), image.NewUniform(color.RGBA{0xc9, 0xd0, 0xd8, 255}), image.Point{}, draw.Src)
		y := gap
		for _, row := range rows {
			x, tallest := gap, 0
			for _, shot := range row {
				size := shot.Bounds().Size()
				draw.Draw(all, image.Rect(x, y, x+size.X, y+size.Y), shot, shot.Bounds().Min, draw.Src)
				x, tallest = x+size.X+gap, max(tallest, size.Y)
			}
			y += tallest + gap
		}
		keep(t, "states-"+name, all, sheetLimit)
	}
}
