package configs

import "testing"

func TestLanguageOf(t *testing.T) {
	for _, c := range []struct {
		all, messages, lang string
		want                Language
	}{
		{"", "", "", Chinese},
		{"", "", "C", Chinese},
		{"", "", "C.UTF-8", Chinese},
		{"POSIX", "", "en_US.UTF-8", Chinese},
		{"", "", "zh_CN.UTF-8", Chinese},
		{"", "", "zh_TW", Chinese},
		{"", "", "zh-CN", Chinese},
		{"", "", "zh@pinyin", Chinese},
		{"", "", "zha_CN.UTF-8", English},
		{"", "", "en_GB.UTF-8", English},
		{"", "", "de_DE@euro", English},
		{"", "en_US", "zh_CN.UTF-8", English},
		{"zh_CN", "en_US", "en_US", Chinese},
		{"en", "zh_CN", "zh_CN", English},
	} {
		environment := map[string]string{"LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}
		if got := LanguageOf(func(name string) string { return environment[name] }); got != c.want {
			t.Errorf("LC_ALL=%s LC_MESSAGES=%s LANG=%s: got %s, want %s", c.all, c.messages, c.lang, got, c.want)
		}
	}
}

func TestParseWords(t *testing.T) {
	for text, want := range map[string]Words{
		"大于 0m|more than 0m": {"大于 0m", "more than 0m"},
		"0x48 … 0x4b":        {"0x48 … 0x4b", "0x48 … 0x4b"},
		"":                   {},
	} {
		if got := ParseWords(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}
