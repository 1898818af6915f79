package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"watchpost/agent/link"
	"watchpost/agent/trust"
)

// The subscriber's times.
const (
	patience = 10 * time.Second // for dialling, CONNACK and SUBACK
	goodbye  = 2 * time.Second  // for what is done at the end
	again    = 250 * time.Millisecond
)

// arrival is one message as it came.
type arrival struct {
	topic    string
	payload  []byte
	retained bool
	at       time.Time
}

// subscriber receives from a broker. Its session outlasts a broken connection,
// so that the broker keeps what comes meanwhile; it is of a name of its own and
// ended at the end, since a session that nobody comes back to would fill the
// broker's memory. Each connection has a fresh client: paho's own reconnection
// subscribes late and hides that the broker has forgotten the session.
type subscriber struct {
	address            string
	host               string          // of address
	trust              *trust.Settings // nil: plain
	username, password string
	id                 string
	topics             []string
	messages           chan arrival
	notice             func(zh, en string)
}

// clientID is of this process alone: two clients of one name drive each other
// out.
func clientID() string { return "watchpost-follow-" + rand.Text()[:8] }

// errRefused is a broker that will not have us: asking again is no use.
var errRefused = errors.New("the broker refused")

// hopeless reports an error that somebody has to put right first.
func hopeless(err error) bool {
	distrust, ok := errors.AsType[*trust.Error](err)
	return errors.Is(err, errRefused) || ok && (distrust.Reason == trust.BadFile || errors.Is(err, link.ErrUntrusted) || errors.Is(err, link.ErrRefused))
}

// reason is an error in both languages: that of a handshake in words.
func reason(err error) (zh, en string) {
	if distrust, ok := errors.AsType[*trust.Error](err); ok {
		return distrust.Words()
	}
	zh, en = err.Error(), err.Error()
	if errors.Is(err, errRefused) {
		zh = "代理拒绝：" + zh
	}
	return zh, en
}

// run receives until ctx ends, which is no error, or the broker refuses, or is
// not to be trusted when it is first met.
func (s *subscriber) run(ctx context.Context) error {
	connected := false
	for last := ""; ctx.Err() == nil; {
		err := s.visit(ctx, &connected)
		if errors.Is(err, errRefused) || !connected && hopeless(err) {
			return err
		}
		if err != nil && ctx.Err() == nil && err.Error() != last {
			last = err.Error()
			zh, en := reason(err)
			s.notice("未连接，不断重试："+zh, "not connected, trying again: "+en)
		}
		if err == nil {
			last = ""
		}
		timer := time.NewTimer(again)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	if connected {
		s.forget()
	}
	return nil
}

// visit is one connection. Its error says why there was none.
func (s *subscriber) visit(ctx context.Context, connected *bool) error {
	var once sync.Once
	lost := make(chan struct{})
	var why error
	options := s.options(ctx).SetCleanSession(false).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			if ctx.Err() != nil {
				return // or a later message would overtake one that is left out
			}
			select {
			case s.messages <- arrival{m.Topic(), m.Payload(), m.Retained(), time.Now()}:
			case <-ctx.Done():
			}
		}).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			once.Do(func() { why = err; close(lost) })
		})
	var opening error // why there is no connection to speak MQTT on
	options.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (c net.Conn, err error) {
		c, opening = s.dial(ctx)
		return c, opening
	})
	client := mqtt.NewClient(options)
	token, ok := client.Connect().(*mqtt.ConnectToken)
	if err := await(ctx, token, "connect to "+s.address); err != nil || !ok {
		client.Disconnect(0)
		select {
		case <-token.Done(): // opening is written
			if opening != nil { // without the client's words around it
				err = opening
			}
		default:
		}
		return connectError(err)
	}
	defer client.Disconnect(250)
	switch {
	case !token.SessionPresent():
		if *connected {
			s.notice("代理已忘记本订阅：其间的消息收不到", "the broker has forgotten this subscription: what came meanwhile is not received")
		}
		if err := s.subscribe(ctx, client); err != nil {
			return err
		}
	default:
		s.notice("已重新连接，会话仍在", "connected again, the session was kept")
	}
	if !*connected {
		s.notice("已连接 "+s.address, "connected to "+s.address)
	}
	*connected = true
	select {
	case <-lost:
		zh, en := reason(why)
		s.notice("连接中断："+zh, "connection lost: "+en)
	case <-ctx.Done():
	}
	return nil
}

func (s *subscriber) subscribe(ctx context.Context, client mqtt.Client) error {
	filters := map[string]byte{}
	for _, topic := range s.topics {
		filters[topic] = 1
	}
	token, ok := client.SubscribeMultiple(filters, nil).(*mqtt.SubscribeToken)
	if err := await(ctx, token, "subscribe"); err != nil || !ok {
		return err
	}
	for topic, granted := range token.Result() {
		switch granted {
		case 1, 2:
		case 0:
			s.notice("代理对 "+topic+" 只给 QoS 0：可能丢失而不重发", "the broker grants "+topic+" with QoS 0 only: what is lost is not sent again")
		default:
			return fmt.Errorf("subscribe to %s: %w", topic, errRefused)
		}
	}
	return nil
}

func (s *subscriber) options(ctx context.Context) *mqtt.ClientOptions {
	return mqtt.NewClientOptions().AddBroker("tcp://" + s.address).SetClientID(s.id).
		SetUsername(s.username).SetPassword(s.password).SetProtocolVersion(4).
		SetAutoReconnect(false).SetConnectRetry(false).SetResumeSubs(false).
		SetConnectTimeout(patience).SetWriteTimeout(patience).SetKeepAlive(30 * time.Second).SetPingTimeout(10 * time.Second).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return s.dial(ctx) })
}

// dial leaves the environment's proxies aside: it goes where it was told.
func (s *subscriber) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	under, err := new(net.Dialer).DialContext(ctx, "tcp", s.address)
	if err != nil || s.trust == nil {
		return under, err
	}
	conn, err := s.trust.Client(ctx, under, s.host)
	if err != nil {
		return nil, err // not conn, which would be an interface that is not nil
	}
	return conn, nil
}

// forget ends the session at the broker: a connection that asks for a clean one
// drops the old one (MQTT 3.1.1, section 3.1.2.4). It is tried once.
func (s *subscriber) forget() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	client := mqtt.NewClient(s.options(ctx).SetCleanSession(true))
	if err := await(ctx, client.Connect(), "end session"); err != nil {
		s.notice("代理上的会话 "+s.id+" 未能删除："+err.Error(), "session "+s.id+" is left at the broker: "+err.Error())
	}
	client.Disconnect(100)
}

func connectError(err error) error {
	for _, refusal := range []error{packets.ErrorRefusedBadUsernameOrPassword, packets.ErrorRefusedNotAuthorised, packets.ErrorRefusedIDRejected, packets.ErrorRefusedBadProtocolVersion} {
		if errors.Is(err, refusal) {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	return err
}

// await waits for a token, no longer than patience.
func await(ctx context.Context, token mqtt.Token, what string) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-token.Done():
		if err := token.Error(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("%s: no answer within %s", what, patience)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
}
