package httpsend

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"watchpost/agent/link"
	"watchpost/agent/trust"
)

const hangGuard = 20 * time.Second

// planted are the secrets that must show nowhere.
const (
	plantedToken    = "t0ken-hunter2"
	plantedPassword = "passw0rd-hunter2"
)

// inlet is a platform's HTTPS server that keeps what it confirmed.
type inlet struct {
	*httptest.Server
	// answer, when set, answers in place of 204; it reports whether it did.
	answer func(w http.ResponseWriter, r *http.Request, n int) bool
	took   func(body string) // when set, is told of what is confirmed

	mu      sync.Mutex
	posts   int
	got     []string // "path body" of what was confirmed
	headers []http.Header
	flaws   []string
}

func newInlet(t *testing.T, answer func(http.ResponseWriter, *http.Request, int) bool) *inlet {
	t.Helper()
	in := &inlet{answer: answer}
	in.Server = httptest.NewUnstartedServer(in)
	in.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	in.StartTLS()
	t.Cleanup(func() {
		in.CloseClientConnections()
		in.Close()
	})
	return in
}

func (in *inlet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	in.mu.Lock()
	in.posts++
	n := in.posts
	in.headers = append(in.headers, r.Header.Clone())
	sum := sha256.Sum256(body)
	switch {
	case err != nil:
	case r.Method != http.MethodPost:
		in.flaws = append(in.flaws, "method "+r.Method)
	case r.Header.Get("Idempotency-Key") != hex.EncodeToString(sum[:]):
		in.flaws = append(in.flaws, "key "+r.Header.Get("Idempotency-Key"))
	case r.Header.Get("Content-Type") != "application/json" || r.Header.Get("User-Agent") != "watchpost/test":
		in.flaws = append(in.flaws, fmt.Sprint(r.Header))
	}
	in.mu.Unlock()
	if in.answer != nil && in.answer(w, r, n) {
		return
	}
	in.mu.Lock()
	in.got = append(in.got, r.URL.Path+" "+string(body))
	if in.took != nil {
		in.took(string(body))
	}
	in.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (in *inlet) confirmed() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]string(nil), in.got...)
}

func (in *inlet) posted() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.posts
}

// wrong says which requests were not as they should be.
func (in *inlet) wrong() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return strings.Join(in.flaws, "; ")
}

func (in *inlet) header(i int) http.Header {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.headers[i]
}

// hold waits until the client gives the request up, and never answers.
func hold(_ http.ResponseWriter, r *http.Request, _ int) bool {
	select {
	case <-r.Context().Done():
	case <-time.After(hangGuard):
	}
	panic(http.ErrAbortHandler) // returning would be a 200, which the client may still see
}

// always answers with a status and a body.
func always(status int, body string) func(http.ResponseWriter, *http.Request, int) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// caFile is the certificate that vouches for the server.
func caFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// client is a dialer to an inlet, quick to try again, and what it logged.
func client(t *testing.T, in *inlet, edit func(*Options)) (*Dialer, *safeBuffer) {
	t.Helper()
	logged := &safeBuffer{}
	o := Options{
		Base: in.URL + "/ingest", UserAgent: "watchpost/test",
		Trust:       trust.Settings{CAFile: caFile(t, in.Server)},
		Credentials: func() (Credentials, error) { return Credentials{Token: plantedToken}, nil },
		RetryWait:   time.Millisecond, RetryWaitMax: 4 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if edit != nil {
		edit(&o)
	}
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d, logged
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func dial(t *testing.T, d *Dialer) link.Link {
	t.Helper()
	l, err := d.Dial(t.Context(), link.Opening{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func batchOf(n int) (batch []link.Message) {
	for i := range n {
		batch = append(batch, link.Message{Topic: "watchpost/v1/GW-1/readings", Payload: fmt.Appendf(nil, `{"seq":%d}`, i+1)})
	}
	return batch
}
