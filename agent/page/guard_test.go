package page

import (
	"net/http"
	"net/url"
	"testing"
)

// Somebody without a session has no token, and an empty one in a form is none.
func TestNoTokenIsNoToken(t *testing.T) {
	for _, form := range []url.Values{{}, {"csrf": {""}}} {
		if new(Page).meant(&http.Request{PostForm: form}, visitor{known: true}) {
			t.Errorf("the form %v counts as the page's own", form)
		}
	}
}
