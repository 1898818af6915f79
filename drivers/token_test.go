package drivers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"watchpost/drivers"
)

func TestTokenHidesItself(t *testing.T) {
	const number = "99/31999"
	token := drivers.NewToken("h10301", number)
	reading := drivers.NewGood(drivers.Card, drivers.Int(1), drivers.Count)
	reading.Token = token
	marshalled, err := json.Marshal(reading)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("card", "token", token, "reading", reading)
	slog.New(slog.NewTextHandler(&log, nil)).Info("card", "token", token, "reading", reading)
	for form, text := range map[string]string{
		"%v": fmt.Sprintf("%v %v %v", token, &token, reading), "%+v": fmt.Sprintf("%+v %+v", token, reading),
		"%#v": fmt.Sprintf("%#v %#v", token, reading), "%s": fmt.Sprintf("%s %q", token, token), "error": fmt.Errorf("card %v", token).Error(),
		"json": string(marshalled), "log": log.String(),
	} {
		if strings.Contains(text, number) || strings.Contains(text, "31999") {
			t.Errorf("%s shows the number: %s", form, text)
		}
	}
	// The check sees a number that is there.
	if !strings.Contains(token.Secret(), number) || token.Format() != "h10301" {
		t.Errorf("secret %q, format %q", token.Secret(), token.Format())
	}
	if !(drivers.Token{}).IsZero() || token.IsZero() || (drivers.Token{}).String() != "" {
		t.Error("the zero token is not none")
	}
	if !token.Equal(drivers.NewToken("h10301", number)) || token.Equal(drivers.NewToken("h10302", number)) {
		t.Error("tokens are not compared by format and number")
	}
}
