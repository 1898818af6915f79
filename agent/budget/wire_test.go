package budget

import (
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"watchpost/agent/httpsend"
	"watchpost/agent/link"
	"watchpost/agent/trust"
)

// counter counts what its connections carry.
type counter struct {
	net.Listener
	bytes atomic.Int64
}

func (c *counter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	return &tap{conn, c}, err
}

type tap struct {
	net.Conn
	counter *counter
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.counter.bytes.Add(int64(n))
	return n, err
}

func (t *tap) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	t.counter.bytes.Add(int64(n))
	return n, err
}

// What a request and a handshake of the second way are said to cost is what the
// real client spends on them, by a third at most. TCP's own headers are not seen
// here and left out on both sides.
func TestSecondWayAgreesWithTheClient(t *testing.T) {
	inlet := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	inlet.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	counted := &counter{Listener: inlet.Listener}
	inlet.Listener = counted
	inlet.StartTLS()
	defer inlet.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: inlet.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	token := strings.Repeat("t", 40)
	dialer, err := httpsend.New(httpsend.Options{
		Base: inlet.URL + "/ingest", UserAgent: "watchpost/0.1.0",
		Trust:       trust.Settings{CAFile: ca, Clock: func() (time.Time, bool) { return time.Now(), true }},
		Credentials: func() (httpsend.Credentials, error) { return httpsend.Credentials{Token: token}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	way, err := dialer.Dial(t.Context(), link.Opening{})
	if err != nil {
		t.Fatal(err)
	}
	defer way.Close()
	m := link.Message{Topic: "watchpost/v1/GW-0317/readings", Payload: make([]byte, 700)}
	send := func(n int) float64 {
		before := counted.bytes.Load()
		for range n {
			if _, err := way.Send(t.Context(), []link.Message{m}); err != nil {
				t.Fatal(err)
			}
		}
		return float64(counted.bytes.Load() - before)
	}
	first := send(1)
	each := send(10)/10 - float64(len(m.Payload))
	h := HTTPS{TLS: true, Address: inlet.URL + "/ingest", Authorised: len("Bearer " + token)}
	const bare = 60 // bytes in the answer of httptest, which has no header but Date
	said := float64(requestHead+len(h.path())+h.Authorised+len(m.Topic)) + bare + 3*tlsRecord
	opening := first - float64(len(m.Payload)) - each
	const shaken = shake - 8*segment
	t.Logf("a request: predicted %.0f, real %.0f bytes; a handshake: predicted %d, real %.0f", said, each, shaken, opening)
	for what, pair := range map[string][2]float64{
		"a request": {said, each},
		// httptest shows one certificate and not a chain of two.
		"a handshake": {shaken - 1800, opening},
	} {
		if said, real := pair[0], pair[1]; said < real*2/3 || said > real*4/3 {
			t.Errorf("%s: predicted %.0f bytes, the client spends %.0f", what, said, real)
		}
	}
}
