package configs

import "strings"

// Language is the language that problems are told in.
type Language string

// The two languages. The zero Language reads as English.
const (
	Chinese Language = "zh"
	English Language = "en"
)

// LanguageOf is the language the environment asks for: the first of LC_ALL,
// LC_MESSAGES and LANG that is set decides, as POSIX orders them. Without any,
// and with C or POSIX, which name no language and are what bare images set, it
// is Chinese: who stands before a gateway is an installer in China. Any other
// language than Chinese gets English.
func LanguageOf(getenv func(string) string) Language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		value := getenv(name)
		if value == "" {
			continue
		}
		// zh_CN.UTF-8, and as other systems write it: zh-CN, zh@pinyin.
		language := strings.ToLower(value)
		if end := strings.IndexAny(language, "_-.@"); end >= 0 {
			language = language[:end]
		}
		switch language {
		case "zh", "c", "posix":
			return Chinese
		}
		return English
	}
	return Chinese
}

// Words is one text in both languages.
type Words struct{ Zh, En string }

// In is the text in one language.
func (w Words) In(l Language) string {
	if l == Chinese {
		return w.Zh
	}
	return w.En
}

// plain is a text that reads the same in both languages: a name, a number, a
// range such as 0x48 … 0x4b.
func plain(s string) Words { return Words{s, s} }

// ParseWords reads "中文|English", as tags and drivers write it. A text without
// the bar is neutral and stands for both.
func ParseWords(s string) Words {
	zh, en, both := strings.Cut(s, "|")
	if !both {
		return plain(s)
	}
	return Words{strings.TrimSpace(zh), strings.TrimSpace(en)}
}

// filled is w with {0}, {1} replaced by args.
func (w Words) filled(args ...Words) Words {
	for i, a := range args {
		hole := "{" + itoa(i) + "}"
		w.Zh = strings.ReplaceAll(w.Zh, hole, a.Zh)
		w.En = strings.ReplaceAll(w.En, hole, a.En)
	}
	return w
}

// and joins two pieces of one sentence; the second brings its own comma.
func (w Words) and(more Words) Words { return Words{w.Zh + more.Zh, w.En + more.En} }
