package page_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/page"
	"watchpost/agent/page/pagetest"
)

// serve runs a page on fake time and hands the test raw connections to it.
func serve(t *testing.T, attack func(dial func() net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, page.Options{Source: pagetest.NewSource(state("ok").View)})
		ctx, cancel := context.WithCancel(t.Context())
		l, served := newPipes(), make(chan error, 1)
		go func() { served <- p.Serve(ctx, l) }()
		var open []net.Conn
		attack(func() net.Conn {
			conn, err := l.dial(ctx, "", "")
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
			return conn
		})
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		for _, conn := range open {
			_ = conn.Close()
		}
	})
}

// ended reads what is left of a connection and says how long it stayed open.
func ended(conn net.Conn) (said string, after time.Duration) {
	start := time.Now()
	text, _ := io.ReadAll(conn) // whatever way it ended
	return string(text), time.Since(start)
}

// Who sends slowly, or reads nothing, keeps a connection for seconds and not for
// ever.
func TestSlowClientsAreCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		sends string
		most  time.Duration
	}{
		"no request":     {"", 5 * time.Second},
		"half a header":  {"GET / HTTP/1.1\r\nHost: 192.168.1.20\r\nX-", 5 * time.Second},
		"half a form":    {"POST /logout HTTP/1.1\r\nHost: 192.168.1.20\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ncsrf=", 10 * time.Second},
		"idle after one": {"HEAD /a/nothing HTTP/1.1\r\nHost: 192.168.1.20\r\n\r\n", 60 * time.Second},
	} {
		serve(t, func(dial func() net.Conn) {
			conn := dial()
			if _, err := io.WriteString(conn, c.sends); err != nil {
				t.Fatal(err)
			}
			if _, after := ended(conn); after > c.most {
				t.Errorf("%s: kept for %v, want %v at most", name, after, c.most)
			}
		})
	}
	serve(t, func(dial func() net.Conn) {
		conn := dial()
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: 192.168.1.20\r\n\r\n")
		<-time.After(16 * time.Second) // and reads nothing
		if said, after := ended(conn); said != "" || after != 0 {
			t.Errorf("a page nobody reads goes on: %d bytes, %v", len(said), after)
		}
	})
	serve(t, func(dial func() net.Conn) {
		conn := dial()
		fmt.Fprint(conn, "GET /events HTTP/1.1\r\nHost: 192.168.1.20\r\n\r\n")
		<-time.After(11 * time.Second) // and reads nothing
		if said, after := ended(conn); said != "" || after != 0 {
			t.Errorf("a stream nobody reads goes on: %d bytes, %v", len(said), after)
		}
	})
}

// What is too large is refused before it takes memory.
func TestHugeHeadersAreRefused(t *testing.T) {
	serve(t, func(dial func() net.Conn) {
		conn := dial()
		go func() {
			// its error is that the server has hung up
			_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: 192.168.1.20\r\nCookie: x=%s\r\n\r\n", strings.Repeat("x", 100_000))
		}()
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header of 100 kB: %s", r.Status)
		}
	})
}

// So many connections and no more; one that leaves makes room.
func TestConnectionsAreCapped(t *testing.T) {
	serve(t, func(dial func() net.Conn) {
		var first net.Conn
		for i := range 64 {
			conn := dial()
			if i == 0 {
				first = conn
			}
		}
		synctest.Wait()
		if said, after := ended(dial()); said != "" || after != 0 {
			t.Errorf("connection 65 was kept for %v and told %q", after, said)
		}
		_ = first.Close()
		synctest.Wait()
		conn := dial()
		go fmt.Fprint(conn, "GET /livez HTTP/1.1\r\nHost: 192.168.1.20\r\nConnection: close\r\n\r\n")
		if said, _ := ended(conn); !strings.Contains(said, "200 OK") {
			t.Errorf("after one left: %q", said)
		}
	})
}
