package budget

import (
	"math"
	"net/url"
	"time"
)

// What travels beside the payload, in bytes.
const (
	// segment is the headers of one TCP segment: IPv4, TCP, and the time stamps
	// that Linux adds (RFC 791, RFC 9293, RFC 7323).
	segment = 20 + 20 + 12
	// full is the payload of a segment on Ethernet.
	full = 1500 - segment
	// tlsRecord is what TLS 1.3 adds to one write: header, content type and tag (RFC
	// 8446 section 5.2).
	tlsRecord = 5 + 1 + 16
	// publishHead is a PUBLISH's fixed header with a two-byte length, the topic's
	// length and the packet id (MQTT 3.1.1 section 3.3).
	publishHead = 1 + 2 + 2 + 2
	puback      = 4
	ping        = 2
	// hand is opening and ending TCP: SYN both ways with their options, their
	// acknowledgement, FIN both ways and theirs.
	hand = 2*60 + 5*segment
	// shake is a handshake of TLS 1.3 with the key exchange of Go, X25519MLKEM768
	// (1.2 kB each way), and a server that shows two certificates of common size.
	// shown is the gateway's own certificate with its signature.
	shake = 1550 + 1300 + 2600 + 8*segment
	shown = 1300
	// connect and subscribe are the packets with their answers, without will and
	// topic; names are client id, user name and password of common length.
	connect   = 2 + 10 + 3*2 + 60 + 4 + 3*segment
	subscribe = 2 + 2 + 3 + 5 + 3*segment
	// requestHead is the request line and headers of a POST, without address,
	// topic and Authorization; answer is that of a common server.
	requestHead = 215
	answer      = 150
	// idleHTTP is after how long an idle connection of the second way is closed,
	// attempts how often a day MQTT is tried meanwhile, and attempt what that
	// costs where nobody answers: SYN, sent five times.
	idleHTTP = 90 * time.Second
	attempts = 24 * 60
	attempt  = 5 * 60
)

// Connections a day: a mobile network ends one about once a day; a bad one, or
// one that is out of reach now and then, every hour.
const (
	calmConnections = 1
	mostConnections = 24
)

// segments is what the headers of n bytes are.
func segments(n float64) float64 { return math.Ceil(n/full) * segment }

// traffic is a day of readings on their way.
type traffic struct {
	readings, payload float64
	head              float64 // payload and topic of a message without its readings
}

func (t *traffic) add(readings, each, head float64) {
	t.readings += readings
	t.payload += readings * each
	t.head = max(t.head, head)
}

// messages is how many messages a day they are. Reports of different sensors
// fall at different moments: even those that began together drift apart. A
// message has its own reading and those that come within the linger.
func (t traffic) messages(linger time.Duration) float64 {
	return t.readings / (1 + t.readings*linger.Seconds()/day.Seconds())
}

// gaps is how many times a day no message comes for so long, when they come at
// any moment.
func (t traffic) gaps(linger, quiet time.Duration) float64 {
	n := t.messages(linger)
	return n * math.Exp(-n*quiet.Seconds()/day.Seconds())
}

// idle is how many pings a day fill the gaps between messages: in a gap of k
// keep-alives there are k.
func (t traffic) idle(linger, keepAlive time.Duration) float64 {
	n := t.messages(linger)
	if keepAlive <= 0 {
		return 0
	}
	if n == 0 {
		return perDay(keepAlive)
	}
	return n / math.Expm1(n/perDay(keepAlive))
}

// message is what one message adds to the payload of its readings: PUBLISH,
// PUBACK, and the acknowledgement of that by TCP; the first one rides on the
// PUBACK.
func (to Platform) message(head float64) float64 {
	return publishHead + head + puback + 3*segment + to.records(2)
}

// ping is one PINGREQ with its answer.
func (to Platform) ping() float64 { return 2*ping + 3*segment + to.records(2) }

func (to Platform) records(n float64) float64 {
	if !to.TLS {
		return 0
	}
	return n * tlsRecord
}

// opening is what one connection costs before anything is sent: TCP, TLS, MQTT
// with its will, and the documents. Our own state comes back as retained, and
// again when it is published, since the agent listens to it.
func (to Platform) opening() float64 {
	n := float64(hand + connect + subscribe)
	if to.TLS {
		n += shake + to.records(4)
	}
	if to.TLS && to.Shows {
		n += shown + segment
	}
	document := func(size int) float64 { return to.message(float64(size)) + segments(float64(size)) - segment }
	return n + document(to.Will) + 3*document(to.State) + document(to.Active)
}

// sent is bytes a day by the second way: each message is a request of its own,
// on a connection that was idle for less than idleHTTP or on a new one; and MQTT
// is tried in vain.
func (h HTTPS) sent(t traffic, linger time.Duration) float64 {
	head := requestHead + t.head + float64(len(h.path())+h.Authorised)
	request := head + answer + 3*segment
	opening := float64(hand)
	if h.TLS {
		request += 3 * tlsRecord // Go writes headers and body in one record, an answer has one or two
		opening += shake
	}
	if h.TLS && h.Shows {
		opening += shown + segment
	}
	return t.payload + t.messages(linger)*request + t.gaps(linger, idleHTTP)*opening + attempts*attempt
}

// path is what of the address is sent with every request: host and path.
func (h HTTPS) path() string {
	u, err := url.Parse(h.Address)
	if err != nil {
		return h.Address
	}
	return u.Host + u.Path
}
