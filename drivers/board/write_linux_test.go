package board

import (
	"io"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"

	"watchpost/drivers/board/ptytest"
)

// A request longer than the kernel's buffer goes out in pieces, whole and in
// order, to a peer that reads; from one that does not, the writer comes back.
func TestSerialWrite(t *testing.T) {
	pty, err := ptytest.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pty.Close() }()
	port, err := Periph(nil).OpenSerial(pty.Path, SerialMode{Baud: 115200, DataBits: 8, Parity: ParityNone, StopBits: 1})
	if err != nil {
		t.Fatal(err)
	}
	sent := make([]byte, 300_000)
	for i := range sent {
		sent[i] = byte(i / 7)
	}
	got := make([]byte, len(sent))
	read := make(chan error)
	go func() {
		_, err := io.ReadFull(pty.Master, got)
		read <- err
	}()
	if n, err := port.Write(sent); n != len(sent) || err != nil {
		t.Errorf("wrote %d of %d, %v", n, len(sent), err)
	}
	if err := <-read; err != nil || string(got) != string(sent) {
		t.Errorf("what arrived differs: %v", err)
	}
	if n, err := port.Read(nil, time.Minute); n != 0 || err != nil {
		t.Errorf("a read into nothing gave %d, %v; want 0, nil", n, err)
	}
	// Nobody reads any more.
	failed := make(chan error, 1)
	go func() {
		_, err := port.Write(sent)
		failed <- err
	}()
	select {
	case err := <-failed:
		if err == nil {
			t.Errorf("%d bytes went to nobody", len(sent))
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the writer hangs")
	}
	if err := port.Close(); err != nil {
		t.Error(err)
	}
}

// fakePort counts what is done to an SPI port.
type fakePort struct {
	spi.Conn
	connects, closes int
}

func (p *fakePort) String() string                    { return "fake" }
func (p *fakePort) LimitSpeed(physic.Frequency) error { return nil }
func (p *fakePort) Close() error                      { p.closes++; return nil }

func (p *fakePort) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if f != physic.MegaHertz || mode != spi.Mode3 || bits != 8 {
		return nil, io.ErrUnexpectedEOF
	}
	p.connects++
	return p, nil
}

func (p *fakePort) Tx(w, r []byte) error {
	copy(r, w)
	return nil
}

func TestPeriphSPI(t *testing.T) {
	var port *fakePort
	opens := 0
	opener := func() (spi.PortCloser, error) { port = &fakePort{}; opens++; return port, nil }
	if err := spireg.Register("/dev/spidev98.0", []string{"SPI98.0"}, 98, opener); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spireg.Unregister("/dev/spidev98.0") }()
	for i := range 2 {
		conn, err := Periph(nil).OpenSPI(SPIName("SPI98.0"), physic.MegaHertz, spi.Mode3)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := conn.Tx([]byte{5}, make([]byte, 1)); err != nil {
				t.Error(err)
			}
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if opens != i+1 || port.connects != 1 || port.closes != 1 {
			t.Errorf("opened %d, connected %d, closed %d times; want %d, 1, 1", opens, port.connects, port.closes, i+1)
		}
	}
	if _, err := Periph(nil).OpenSPI("spidev98.0", 1, spi.Mode3); err == nil || port.closes != 1 {
		t.Errorf("a port that does not connect gave %v and was closed %d times", err, port.closes)
	}
}
