package trust

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// day is how dates are written in reasons: what is finer would differ from one
// attempt to the next.
const day = "2006-01-02"

// stage is how far a connection has come.
type stage uint8

const (
	inHandshake stage = iota
	unheard           // it is done, and the far side has said nothing since
	spoken
)

// explain makes an Error of what the TLS library says, if trust is the matter.
func (a *attempt) explain(err error, at stage) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	if verification, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return a.distrust(verification)
	}
	if code, ok := alertOf(err); ok {
		return a.alerted(code, err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok && at == inHandshake {
		return New(NotTLS, err)
	}
	ended := isEnd(err)
	switch {
	case at < spoken && ended && a.asked.Load():
		return New(CutOffAfterCert, err)
	case at == inHandshake && ended:
		return New(CutOff, err)
	case at == inHandshake && strings.Contains(err.Error(), "unsupported protocol version"):
		return New(OldVersion, err) // crypto/tls has no type for it
	}
	return err
}

// isEnd reports that the far side ended the connection.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// distrust words what is wrong with the far side's certificate.
func (a *attempt) distrust(err *tls.CertificateVerificationError) error {
	now, _ := a.settings.Clock()
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired { // not yet valid is the same to x509
			return a.outOfDate(invalid.Cert, now, err)
		}
		return New(BadCertificate, err, plainly(invalid))
	}
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		return New(WrongName, err, namesOf(wrong.Certificate), a.name)
	}
	unknown, ok := errors.AsType[x509.UnknownAuthorityError](err)
	if !ok || unknown.Cert == nil {
		if len(err.UnverifiedCertificates) == 0 {
			return New(BadCertificate, err, plainly(err.Err))
		}
		unknown.Cert = err.UnverifiedCertificates[0]
	}
	// x509 says the same of an issuer that is known and cannot vouch for it.
	for _, ca := range a.cas {
		if !bytes.Equal(ca.RawSubject, unknown.Cert.RawIssuer) {
			continue
		}
		signed := unknown.Cert.CheckSignatureFrom(ca)
		if weak, ok := errors.AsType[x509.InsecureAlgorithmError](signed); ok {
			return New(WeakSignature, err, named(unknown.Cert), x509.SignatureAlgorithm(weak).String())
		}
		if _, ok := errors.AsType[x509.ConstraintViolationError](signed); ok {
			return New(NoAuthority, err, named(ca), a.settings.CAFile)
		}
	}
	subject, issuer := named(unknown.Cert), unknown.Cert.Issuer.String()
	if a.roots == nil {
		return New(UnknownToSystem, err, subject, issuer)
	}
	return New(UnknownAuthority, err, subject, issuer, a.settings.CAFile)
}

func (a *attempt) outOfDate(c *x509.Certificate, now time.Time, err error) error {
	_, set := a.settings.Clock()
	reason, when := Expired, c.NotAfter
	switch early := now.Before(c.NotBefore); {
	case early && set:
		reason, when = NotYetValid, c.NotBefore
	case early:
		reason, when = NotYetOrClock, c.NotBefore
	case !set:
		reason = ExpiredOrClock
	}
	return New(reason, err, named(c), when.UTC().Format(day), now.UTC().Format(day))
}

// The alerts of RFC 8446 section 6 that have words of their own.
const (
	alertHandshakeFailure    = 40
	alertBadCertificate      = 42
	alertCertificateUnknown  = 46
	alertUnknownCA           = 48
	alertAccessDenied        = 49
	alertProtocolVersion     = 70
	alertInsufficientSecrecy = 71
	alertUnrecognizedName    = 112
	alertCertificateRequired = 116
)

// alertOf is the alert that the far side sent. crypto/tls has an exported type
// for alerts only in QUIC, whose text is the same.
func alertOf(err error) (code uint8, ok bool) {
	op, isOp := errors.AsType[*net.OpError](err)
	if !isOp || op.Op != "remote error" {
		return 0, false
	}
	for code := range 256 {
		if op.Err.Error() == tls.AlertError(code).Error() {
			return uint8(code), true
		}
	}
	return 0, false
}

// alerted words the far side's alert.
func (a *attempt) alerted(code uint8, err error) error {
	ofCertificate := code >= alertBadCertificate && code <= alertCertificateUnknown ||
		code == alertUnknownCA || code == alertAccessDenied || code == alertCertificateRequired
	switch {
	case code == alertProtocolVersion:
		return New(OldVersion, err)
	case code == alertUnrecognizedName:
		return New(NameRefused, err, a.name)
	case a.asked.Load() && (ofCertificate || code == alertHandshakeFailure):
		return a.refused(code, err)
	case code == alertHandshakeFailure, code == alertInsufficientSecrecy:
		return New(NoCommonCipher, err)
	}
	return New(OtherAlert, err, tlsWord(code))
}

// refused words that the far side will not have our certificate, or the lack of
// one.
func (a *attempt) refused(code uint8, err error) error {
	if a.own == nil {
		return New(ClientCertMissing, err)
	}
	if now, set := a.settings.Clock(); set && a.own.Leaf != nil && now.After(a.own.Leaf.NotAfter) {
		return New(ClientCertExpired, err, a.settings.CertFile, a.own.Leaf.NotAfter.UTC().Format(day))
	}
	return New(ClientCertRefused, err, a.settings.CertFile, tlsWord(code))
}

func tlsWord(code uint8) string { return strings.TrimPrefix(tls.AlertError(code).Error(), "tls: ") }

func plainly(err error) string { return strings.TrimPrefix(err.Error(), "x509: ") }

// named is what a certificate is called: by its subject, else by what it is for.
func named(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return c.Subject.CommonName
	case len(c.Subject.Names) > 0:
		return c.Subject.String()
	}
	return namesOf(c)
}

// maxNames is how many names of a certificate are listed.
const maxNames = 4

// namesOf lists what a certificate is for.
func namesOf(c *x509.Certificate) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	switch {
	case len(names) == 0:
		return "no server" // an old certificate: a subject alone names none
	case len(names) > maxNames:
		names = append(names[:maxNames], "...")
	}
	return strings.Join(names, ", ")
}
