package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tap presses what the expression finds.
func (b *tab) tap(what, expression string) {
	b.t.Helper()
	b.until(what, `!!(`+expression+`)`)
	ask[int](b, `(`+expression+`).click(), 1`)
}

// fill writes into a field of a form.
func (b *tab) fill(name, value string) {
	b.t.Helper()
	field := `document.querySelector('input[name=` + name + `]')`
	b.until("the field "+name, `!!`+field)
	ask[string](b, field+`.value = '`+value+`'`)
}

const (
	enter     = `document.querySelector('form.entry button')`
	ackLink   = `document.querySelector('.alarm a.ack')`
	ackButton = `document.querySelector('form.ack button')`
)

// TestAcknowledge goes from an alarm on the page to the broker in three taps,
// and shows that a page without the password offers no other way. Both browsers
// ask by an address of a LAN: what forms are sent with differs there.
func TestAcknowledge(t *testing.T) {
	data := t.TempDir()
	browser := startChromium(t)
	first, manager := openTab(t, browser, desktop("en")), openTab(t, browser, phone("zh"))
	d := startDemo(t, "--page", "127.0.0.1:0", "--data", data, "--round", "60s", "--rounds", "1")

	// The first visit: the code from the gateway's console, a name, a password.
	var code []byte
	for deadline := time.Now().Add(hang); len(code) == 0; {
		text, err := os.ReadFile(filepath.Join(data, "setup-code"))
		if err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		}
		code = text
	}
	first.goTo(onLAN(d.page) + "login?lang=en")
	first.fill("code", strings.TrimSpace(string(code)))
	first.fill("name", "Installer")
	first.fill("password", "four plain words")
	for _, problem := range first.faults() {
		t.Errorf("choosing a password: %s", problem)
	}
	first.tap("the set-up button", enter)
	first.until("the session", `!!document.body && document.body.textContent.includes('Installer')`)

	manager.goTo(onLAN(d.page) + "?lang=zh")
	manager.until("the alarm", `!!document.querySelector('.row.alarm')`)
	if ask[bool](manager, `!!(`+ackButton+`)`) {
		t.Error("an alarm can be acknowledged without the password")
	}
	manager.tap("1: I know, without a session", ackLink)
	manager.fill("name", "老王")
	manager.fill("password", "four plain words")
	for _, problem := range manager.faults() {
		t.Errorf("the password's page: %s", problem)
	}
	manager.tap("2: log in", enter)
	manager.tap("3: I know", ackButton)
	manager.until("that somebody knows", `[...document.querySelectorAll('.row.alarm, .banner, .other')].some(e => e.textContent.includes('已知晓'))`)
	told := d.wait("老王")
	t.Logf("the platform's side was told: %s", told.text)
	for _, problem := range manager.faults() {
		t.Errorf("after acknowledging: %s", problem)
	}
}
