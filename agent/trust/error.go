package trust

import (
	"strings"

	"watchpost/agent/link"
)

// Reason is why a connection is not to be trusted. The codes are stable.
type Reason string

// The reasons.
const (
	BadFile           Reason = "bad_file"            // a file of ours cannot be used: path, why
	UnknownAuthority  Reason = "unknown_authority"   // nobody we believe vouches for the certificate: subject, issuer, CA file
	UnknownToSystem   Reason = "unknown_to_system"   // the same of the system's roots: subject, issuer
	WrongName         Reason = "wrong_name"          // it is for others: names it is for, name asked for
	Expired           Reason = "expired"             // it was valid until: subject, day, today
	ExpiredOrClock    Reason = "expired_or_clock"    // the same while the clock is not set
	NotYetValid       Reason = "not_yet_valid"       // it is valid from: subject, day, today
	NotYetOrClock     Reason = "not_yet_or_clock"    // the same while the clock is not set
	WeakSignature     Reason = "weak_signature"      // it is signed by a method that is no longer safe: subject, method
	NoAuthority       Reason = "no_authority"        // what the CA file has for its issuer may not vouch for others: subject, CA file
	BadCertificate    Reason = "bad_certificate"     // it is no good otherwise: why
	ClientCertMissing Reason = "client_cert_missing" // the far side wants a certificate and none is configured
	ClientCertRefused Reason = "client_cert_refused" // it does not take ours: file, its word
	ClientCertExpired Reason = "client_cert_expired" // it does not take ours, which was valid until: file, day
	NameRefused       Reason = "name_refused"        // the far side does not know the name: name
	OldVersion        Reason = "old_version"         // the far side speaks nothing as new as TLS 1.2
	NoCommonCipher    Reason = "no_common_cipher"    // it accepts none of our ciphers
	NotTLS            Reason = "not_tls"             // what it answered is not TLS
	CutOff            Reason = "cut_off"             // it ended the connection within the handshake
	CutOffAfterCert   Reason = "cut_off_after_cert"  // it ended it after it had asked for a certificate
	NoAnswer          Reason = "no_answer"           // the handshake was not answered in time
	OtherAlert        Reason = "other_alert"         // it refused for another reason: its word
	WantsTLS          Reason = "wants_tls"           // it speaks TLS where we do not
	MayWantTLS        Reason = "may_want_tls"        // it ended a connection without TLS before any answer
)

// Error is a connection that was given up for want of trust.
type Error struct {
	Reason Reason
	Args   []string // as the Reason lists them
	cause  error
}

// New makes an Error that a link found out by itself.
func New(reason Reason, cause error, args ...string) *Error {
	return &Error{Reason: reason, Args: args, cause: cause}
}

// Error is the reason in English. It does not repeat the cause, which would have
// port numbers in it that differ from one attempt to the next.
func (e *Error) Error() string {
	_, en := e.Words()
	return en
}

// Words are the reason in Chinese and English.
func (e *Error) Words() (zh, en string) {
	w, known := sentences[e.Reason]
	if !known {
		return string(e.Reason), string(e.Reason)
	}
	return fill(w.zh, e.Args), fill(w.en, e.Args)
}

// Unwrap is what the TLS library said.
func (e *Error) Unwrap() error { return e.cause }

// Is tells how a link's error is to be taken: as link.ErrUntrusted when trying
// again soon is pointless because of the far side's certificate, as
// link.ErrRefused when it is because of ours. While our clock is not set it is
// neither: time comes with the network.
func (e *Error) Is(target error) bool {
	switch e.Reason {
	case UnknownAuthority, UnknownToSystem, WrongName, Expired, NotYetValid, WeakSignature, NoAuthority, BadCertificate, OldVersion, NoCommonCipher:
		return target == link.ErrUntrusted
	case ClientCertMissing, ClientCertRefused, ClientCertExpired, NameRefused:
		return target == link.ErrRefused
	}
	return false
}

// Lasts reports a reason that somebody has to put right. The others go away with
// the network, and with the time that comes with it.
func (e *Error) Lasts() bool {
	switch e.Reason {
	case NotYetOrClock, ExpiredOrClock, NoAnswer, MayWantTLS:
		return false
	}
	return true
}

func badFile(path string, err error) error {
	return &Error{Reason: BadFile, Args: []string{path, err.Error()}, cause: err}
}

func fill(text string, args []string) string {
	for i, a := range args {
		text = strings.ReplaceAll(text, "{"+string(rune('0'+i))+"}", a)
	}
	return text
}

type words struct{ zh, en string }

// sentences has every reason's words; {0}, {1} are the arguments.
var sentences = map[Reason]words{
	BadFile:           {"文件 {0} 不能用：{1}", "file {0} cannot be used: {1}"},
	UnknownAuthority:  {"平台的证书（{0}）由 {1} 签发，CA 文件 {2} 不认它", "the certificate of {0} was issued by {1}, which CA file {2} does not vouch for"},
	UnknownToSystem:   {"平台的证书（{0}）由 {1} 签发，系统自带的根证书不认它；请用 ca_file 指定 CA", "the certificate of {0} was issued by {1}, which the system's roots do not vouch for; name its CA with ca_file"},
	WrongName:         {"平台的证书是给 {0} 的，不是给 {1} 的；如果确实是它，用 server_name 写明", "the certificate is for {0}, not for {1}; name the right one with server_name if that is the platform"},
	Expired:           {"证书（{0}）已于 {1} 过期", "the certificate of {0} expired on {1}"},
	ExpiredOrClock:    {"证书（{0}）已于 {1} 过期：本机时间是 {2}，但时间未校准", "the certificate of {0} expired on {1}: this clock says {2}; the clock is not set"},
	NotYetValid:       {"证书（{0}）要到 {1} 才生效：今天是 {2}", "certificate not valid yet: that of {0} is valid from {1}, and today is {2}"},
	NotYetOrClock:     {"证书尚未生效：本机时间是 {2}，时间未校准（证书 {0} 自 {1} 起有效）", "certificate not valid yet: this clock says {2}; the clock is not set (that of {0} is valid from {1})"},
	WeakSignature:     {"平台的证书（{0}）用 {1} 签名，这种签名已不安全；请换发证书", "the certificate of {0} is signed with {1}, which is no longer safe; it has to be issued anew"},
	NoAuthority:       {"CA 文件 {1} 里的 {0} 不是 CA 证书，不能为平台的证书作保（缺 CA:TRUE）", "{0} in CA file {1} is no CA certificate, and cannot vouch for the platform's (CA:TRUE is missing)"},
	BadCertificate:    {"平台的证书不能用：{0}", "the certificate cannot be used: {0}"},
	ClientCertMissing: {"平台要求网关出示证书，但没有配置 cert_file 和 key_file", "the platform wants a certificate of this gateway, and no cert_file and key_file are configured"},
	ClientCertRefused: {"平台不接受网关的证书 {0}：{1}", "the platform does not accept this gateway's certificate {0}: {1}"},
	ClientCertExpired: {"平台不接受网关的证书 {0}：它已于 {1} 过期", "the platform does not accept this gateway's certificate {0}: it expired on {1}"},
	NameRefused:       {"平台的服务器不认 {0} 这个名字；请核对 server_name", "the server does not know the name {0}; check server_name"},
	OldVersion:        {"平台只支持 TLS 1.2 之前的旧协议", "the platform speaks nothing as new as TLS 1.2"},
	NoCommonCipher:    {"平台与网关没有共同的加密方式", "the platform accepts none of this gateway's ciphers"},
	NotTLS:            {"这个端口不是 TLS：对方的回答不是加密的", "no TLS on this port: what the server answered is not TLS"},
	CutOff:            {"TLS 握手时被对方断开：这个端口多半不是 TLS", "the server ended the connection during the TLS handshake: most often there is no TLS on this port"},
	CutOffAfterCert:   {"对方索要证书后断开了连接：多半是不接受网关的证书，或网关没有证书", "the server ended the connection after it had asked for a certificate: most often it does not accept this gateway's, or wants one"},
	NoAnswer:          {"TLS 握手没有及时得到回答", "the TLS handshake was not answered in time"},
	OtherAlert:        {"平台拒绝了 TLS 连接：{0}", "the platform refused the TLS connection: {0}"},
	WantsTLS:          {"这个端口要求 TLS：server 请写 tls://", "the server speaks TLS on this port: write tls:// in server"},
	MayWantTLS:        {"对方没有回答就断开了：这个端口也许要求 TLS（tls://）", "the server ended the connection without an answer: perhaps this port wants TLS (tls://)"},
}
