package configs

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// fold is what an input method left on Chinese punctuation was meant to write:
// full-width letters, digits and marks become plain ones.
func fold(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= '！' && c <= '～':
			return c - '！' + '!'
		case c == '\u3000':
			return ' '
		case c == '。':
			return '.'
		case c == '、':
			return ','
		case strings.ContainsRune("“”‘’「」", c):
			return -1
		case strings.ContainsRune("—–−", c):
			return '-'
		}
		return c
	}, s)
}

// measure is a number and a unit as people write them.
var measure = regexp.MustCompile(`^([+-]?[0-9]+)([.,][0-9]+)? *(\pL*|Ω)\.?$`)

// unitNames are other spellings of the units that are read.
var unitNames = map[string]string{
	"毫秒": "ms", "秒": "s", "秒钟": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
	"分": "m", "分钟": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
	"时": "h", "小时": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
	"米": "m", "公尺": "m", "厘米": "cm", "公分": "cm", "毫米": "mm", "metre": "m", "metres": "m", "meter": "m", "meters": "m",
	"欧": "ohm", "欧姆": "ohm", "Ω": "ohm", "ohms": "ohm", "千欧": "kohm", "兆": "MB", "兆字节": "MB", "mb": "MB", "gb": "GB", "kb": "kB",
	"MM": "mm", "CM": "cm", "M": "m", "S": "s", "H": "h", "MS": "ms", "OHM": "ohm",
}

// plainly is text as it was most likely meant: plain characters, a point before
// decimals, a unit as it is spelled here, no space before it.
func plainly(text string) string {
	text = strings.TrimSpace(fold(text))
	m := measure.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	unit := m[3]
	if known, ok := unitNames[unit]; ok {
		unit = known
	}
	return m[1] + strings.Replace(m[2], ",", ".", 1) + unit
}

// isWide reports whether s has characters that fold changes.
func isWide(s string) bool { return fold(s) != s }

// secretWords are what keys of secrets have in them.
var secretWords = []string{
	"password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "apikey", "key", "psk", "auth",
	"密码", "口令", "密钥", "令牌", "凭证",
}

// looksSecret reports whether s is, or has in it, what people call a secret by.
func looksSecret(s string) bool {
	folded := strings.ToLower(fold(s))
	for _, word := range secretWords {
		if strings.Contains(folded, word) {
			return true
		}
	}
	return folded == "pass" || strings.Contains(folded, "pass:") || strings.Contains(folded, "pass ")
}

// shownKey is a key as paths have it. One in which a secret may be caught, such
// as the flow key "password hunter2", is not shown.
func shownKey(key string) string {
	if strings.Contains(key, "\n") || catchesSecret(key) {
		return hidden
	}
	return shown(key)
}

// catchesSecret reports whether s names a secret and goes on after that.
func catchesSecret(s string) bool {
	return looksSecret(s) && strings.ContainsFunc(fold(s), func(c rune) bool {
		return c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c < utf8.RuneSelf
	})
}
