package gateway

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"watchpost/agent/forward"
	"watchpost/agent/health"
	"watchpost/agent/httpsend"
	"watchpost/agent/link"
	"watchpost/agent/link/mqtt"
	"watchpost/agent/message"
	"watchpost/agent/record"
	"watchpost/configs"
)

// uplink is one platform: its profile, its documents and its forwarder.
type uplink struct {
	g         *gateway
	platform  configs.Platform
	profile   *message.Native
	dialer    *mqtt.Dialer
	inlet     *httpsend.Dialer // nil: there is no second way
	forwarder *forward.Forwarder
	session   atomic.Uint64 // of the newest state that was shaped
	heard     atomic.Uint64 // of the newest that the broker handed back
	sent      wear          // bytes sent, counted by day as those to flash are

	// mu guards everything that follows.
	mu    sync.Mutex
	state forward.State
}

func (g *gateway) newUplink(platform configs.Platform) (*uplink, error) {
	u := &uplink{g: g, platform: platform}
	u.profile = message.New(message.Gateway{
		Root:  platform.Root,
		ID:    g.cfg.Gateway.ID,
		Place: gatewayPlace(g.cfg.Gateway),
	}, inventory(g.cfg))
	options := mqtt.Options{
		Server:         platform.Server,
		ClientID:       platform.ClientID,
		Username:       platform.Username,
		AllowPlaintext: platform.AllowPlaintext,
		TLS:            g.trust(platform),
		KeepAlive:      platform.KeepAlive,
		Dial:           g.opts.Dial,
		Log:            g.log.With("room", "link", "platform", platform.ID),
	}
	if platform.PasswordFile != "" {
		options.Password = func() ([]byte, error) {
			secret, err := configs.ReadSecret(platform.PasswordFile)
			return []byte(secret.Reveal()), err
		}
	}
	if inClear(platform.Server) {
		g.health.Set(health.Plaintext, platform.ID, "")
	}
	var err error
	if u.dialer, err = mqtt.New(options); err != nil {
		return nil, fmt.Errorf("prepare link to platform %s: %w", platform.ID, err)
	}
	if u.inlet, err = g.secondWay(platform); err != nil {
		return nil, err
	}
	var second link.Dialer // which a nil u.inlet would not leave nil
	var after time.Duration
	if u.inlet != nil {
		second, after = u.inlet, platform.Fallback.After
	}
	u.forwarder, err = forward.New(forward.Options{
		Platform:   platform.ID,
		Source:     g.buffer,
		Dialer:     u.dialer,
		Encoder:    encoder{u.profile, g.boots.Correct},
		Documents:  u,
		Inbox:      u,
		Linger:     forward.DefaultLinger(),
		BackoffMax: g.opts.Reconnect,

		Second:      second,
		SecondAfter: after,

		OnState: u.onState,
		Log:     g.log.With("room", "forward"),
	})
	if err != nil {
		return nil, fmt.Errorf("prepare forwarding to platform %s: %w", platform.ID, err)
	}
	return u, nil
}

var (
	_ forward.Documents = (*uplink)(nil)
	_ forward.Inbox     = (*uplink)(nil)
)

// Will is the state a broker publishes when this session dies.
func (u *uplink) Will(session uint64) link.Message {
	doc := u.stateDoc(session)
	doc.Online = false
	topic, payload, err := u.profile.Will(doc)
	return u.document(topic, payload, err)
}

// Opening is the newest of both documents.
func (u *uplink) Opening(session uint64) []link.Message {
	u.session.Store(session)
	doc := u.stateDoc(session)
	doc.Online = true
	topic, payload, err := u.profile.State(doc)
	state := u.document(topic, payload, err)
	active, revision, asOf := u.g.live.activeAlarms()
	for i := range active {
		active[i] = record.CorrectedAlarm(active[i], u.g.boots.Correct)
	}
	topic, payload, err = u.profile.ActiveAlarms(message.ActiveDoc{
		Run: record.Run(u.g.buffer.Run()), Revision: revision, AsOf: asOf, Now: u.g.clock.Now(), Alarms: active,
	})
	return []link.Message{state, u.document(topic, payload, err)}
}

// Changed is closed at the next change of any document.
func (u *uplink) Changed() <-chan struct{} { return u.g.changed.changed() }

// Subscribe asks for our own state.
func (u *uplink) Subscribe() []string { return []string{u.profile.Topic(message.ClassState)} }

// Receive reports whether our retained state says something else than we do: a
// late will of an older session, or what an earlier run left behind.
func (u *uplink) Receive(m link.Message) (overwritten bool) {
	run, session, online, err := message.StateSession(m.Payload)
	if err != nil {
		return true
	}
	ours := run == record.Run(u.g.buffer.Run()).String() && session >= u.session.Load()
	if ours && online {
		u.heard.Store(session)
	}
	return !ours || !online
}

// unheard reports that a connection has held and the broker has not handed back
// the state that it confirmed. MQTT 3.1.1 cannot refuse a publication, and
// Mosquitto confirms what its ACL forbids.
func (u *uplink) unheard(now time.Time) bool {
	s := u.linkState()
	return s.Connected && now.Sub(s.Since) > heldFor && u.heard.Load() != u.session.Load()
}

// document is a retained message. Shaping cannot fail for what we made
// ourselves; if it does, the log says so and nothing is sent in its place.
func (u *uplink) document(topic string, payload []byte, err error) link.Message {
	if err != nil {
		u.g.log.Error("document was not shaped", "platform", u.platform.ID, "err", err)
		return link.Message{}
	}
	return link.Message{Topic: topic, Payload: payload, Retained: true}
}

func (u *uplink) stateDoc(session uint64) message.StateDoc {
	doc := message.StateDoc{
		Run:         record.Run(u.g.buffer.Run()),
		Predecessor: record.Run(u.g.buffer.Ending().Predecessor),
		Session:     session,
		Now:         u.g.clock.Now(),
		Fixes:       u.g.boots.Fixes(),
		Versions:    map[string]string{"watchpost": u.g.opts.Version},
		Backlog:     u.backlog(),
	}
	for _, c := range u.g.conditions() {
		doc.Conditions = append(doc.Conditions, message.Condition{
			Code: string(c.Code), Severity: c.Severity.String(), Since: c.Since, Subject: c.Subject, ZH: c.Title.ZH, EN: c.Title.EN,
		})
	}
	return doc
}

// backlog is what waits to be sent to this platform, per lane.
func (u *uplink) backlog() (held [3]uint64) {
	for lane, s := range u.g.buffer.Stats().Lanes[u.platform.ID] {
		held[lane] = s.Held
	}
	return held
}

// bytesSent is what went to the platform in this run, by either way: headers of
// MQTT and HTTP included, those of TCP not.
func (u *uplink) bytesSent() uint64 {
	n := u.dialer.Stats().BytesSent
	if u.inlet != nil {
		n += u.inlet.Stats().BytesSent
	}
	return uint64(n)
}

func (u *uplink) onState(s forward.State) {
	u.mu.Lock()
	was := u.state
	u.state = s
	u.mu.Unlock()
	u.g.onLink(u.platform.ID, s)
	if s.Connected != was.Connected || s.Second != was.Second {
		u.g.log.Info("link changed", "platform", u.platform.ID, "connected", s.Connected, "via", via(s), "session", s.Session, "why", s.LastError)
	}
}

func (u *uplink) linkState() forward.State {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state
}
