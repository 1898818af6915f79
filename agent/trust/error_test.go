package trust

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"watchpost/agent/link"
)

// reasons lists every reason with how many arguments it has, and how it is to be
// taken.
var reasons = map[Reason]struct {
	args  int
	is    error // nil: neither
	lasts bool
}{
	BadFile: {2, nil, true}, UnknownAuthority: {3, link.ErrUntrusted, true}, UnknownToSystem: {2, link.ErrUntrusted, true},
	WrongName: {2, link.ErrUntrusted, true}, Expired: {2, link.ErrUntrusted, true}, ExpiredOrClock: {3, nil, false},
	NotYetValid: {3, link.ErrUntrusted, true}, NotYetOrClock: {3, nil, false}, BadCertificate: {1, link.ErrUntrusted, true},
	WeakSignature: {2, link.ErrUntrusted, true}, NoAuthority: {2, link.ErrUntrusted, true},
	ClientCertMissing: {0, link.ErrRefused, true}, ClientCertRefused: {2, link.ErrRefused, true}, ClientCertExpired: {2, link.ErrRefused, true},
	NameRefused: {1, link.ErrRefused, true}, OldVersion: {0, link.ErrUntrusted, true}, NoCommonCipher: {0, link.ErrUntrusted, true},
	NotTLS: {0, nil, true}, CutOff: {0, nil, true}, CutOffAfterCert: {0, nil, true}, NoAnswer: {0, nil, false},
	OtherAlert: {1, nil, true}, WantsTLS: {0, nil, true}, MayWantTLS: {0, nil, false},
}

func TestEveryReasonHasWords(t *testing.T) {
	if len(reasons) != len(sentences) {
		t.Errorf("%d reasons, %d with words", len(reasons), len(sentences))
	}
	for reason, want := range reasons {
		args := make([]string, want.args)
		for i := range args {
			args[i] = "<" + strconv.Itoa(i) + ">"
		}
		e := New(reason, io.EOF, args...)
		zh, en := e.Words()
		if flaw := wordsFlaw(zh, en, args); flaw != "" {
			t.Errorf("%s: %s: %s | %s", reason, flaw, zh, en)
		}
		if e.Error() != en || !errors.Is(e, io.EOF) {
			t.Errorf("%s: says %q of %v", reason, e, errors.Unwrap(e))
		}
		wrapped := fmt.Errorf("connect: %w", e)
		for _, target := range []error{link.ErrRefused, link.ErrUntrusted} {
			if is := errors.Is(want.is, target); errors.Is(wrapped, target) != is {
				t.Errorf("%s is %v: %t", reason, target, !is)
			}
		}
		if e.Lasts() != want.lasts {
			t.Errorf("%s lasts: %t", reason, e.Lasts())
		}
	}
	for name, bad := range map[string][2]string{
		"no Chinese": {"x {0}", "x"}, "an argument less": {"中", "x"}, "a place unfilled": {"中 <0> {1}", "x <0>"}, "Chinese in English": {"中 <0>", "中 <0>"},
	} {
		if wordsFlaw(bad[0], bad[1], []string{"<0>"}) == "" {
			t.Errorf("%s was not noticed", name)
		}
	}
	if zh, en := (&Error{Reason: "new"}).Words(); zh != "new" || en != "new" {
		t.Errorf("a reason without words is %q, %q", zh, en)
	}
}

// wordsFlaw says what is wrong with a sentence. The Chinese one may leave out
// what the English one has.
func wordsFlaw(zh, en string, args []string) string {
	han := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	}
	if !han(zh) || han(en) {
		return "a sentence in the wrong language"
	}
	if strings.Contains(zh+en, "{") {
		return "a place is not filled"
	}
	for _, a := range args {
		if !strings.Contains(zh, a) && !strings.Contains(en, a) {
			return "argument " + a + " is not used"
		}
	}
	return ""
}

// asked is an attempt whose far side wanted a certificate, and none was shown.
func asked(want bool) *attempt {
	a := &attempt{loaded: &loaded{settings: Settings{Clock: nil}}, name: "h"}
	a.asked.Store(want)
	return a
}

func TestEveryAlertIsUnderstood(t *testing.T) {
	for code := range 256 {
		// crypto/tls has it so: an alert of a type it keeps to itself
		err := &net.OpError{Op: "remote error", Err: errors.New(tls.AlertError(code).Error())}
		if got, ok := alertOf(fmt.Errorf("read: %w", err)); !ok || got != uint8(code) {
			t.Errorf("alert %d is taken for %d, %t", code, got, ok)
		}
	}
	for _, c := range []struct {
		code  uint8
		asked bool
		want  Reason
	}{
		{40, false, NoCommonCipher}, {40, true, ClientCertMissing}, {42, true, ClientCertMissing}, {46, true, ClientCertMissing},
		{48, true, ClientCertMissing}, {116, true, ClientCertMissing}, {42, false, OtherAlert}, {70, true, OldVersion},
		{112, false, NameRefused}, {71, false, NoCommonCipher}, {80, true, OtherAlert}, {47, true, OtherAlert},
	} {
		err := &net.OpError{Op: "remote error", Err: errors.New(tls.AlertError(c.code).Error())}
		got, ok := errors.AsType[*Error](asked(c.asked).explain(err, inHandshake))
		if !ok || got.Reason != c.want {
			t.Errorf("alert %d, asked %t: %v, want %s", c.code, c.asked, got, c.want)
		}
	}
	if _, ok := alertOf(&net.OpError{Op: "local error", Err: errors.New(tls.AlertError(40).Error())}); ok {
		t.Error("an alert of our own is taken for theirs")
	}
}

func TestWhatIsNoMatterOfTrust(t *testing.T) {
	for _, c := range []struct {
		err   error
		at    stage
		asked bool
		want  Reason // empty: as it is
	}{
		{io.EOF, inHandshake, false, CutOff}, {io.EOF, inHandshake, true, CutOffAfterCert},
		{io.ErrUnexpectedEOF, inHandshake, false, CutOff}, {syscall.ECONNRESET, inHandshake, false, CutOff}, {syscall.EPIPE, inHandshake, true, CutOffAfterCert},
		{io.EOF, unheard, true, CutOffAfterCert}, {io.EOF, unheard, false, ""}, {io.EOF, spoken, true, ""}, {syscall.ECONNRESET, spoken, true, ""},
		{tls.RecordHeaderError{Msg: "x"}, inHandshake, false, NotTLS}, {tls.RecordHeaderError{Msg: "x"}, spoken, false, ""},
		{net.ErrClosed, inHandshake, false, ""}, {context.Canceled, inHandshake, true, ""},
		{New(NotTLS, nil), spoken, false, NotTLS},
		{&tls.CertificateVerificationError{Err: errors.New("x509: too clever")}, inHandshake, false, BadCertificate},
	} {
		a := asked(c.asked)
		a.settings.Clock = at1970
		got := a.explain(c.err, c.at)
		known, ok := errors.AsType[*Error](got)
		if ok != (c.want != "") || ok && known.Reason != c.want || !ok && !errors.Is(got, c.err) {
			t.Errorf("%v at stage %d, asked %t: %v, want %q", c.err, c.at, c.asked, got, c.want)
		}
	}
}

func at1970() (time.Time, bool) { return time.Unix(0, 0), false }
