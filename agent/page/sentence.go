package page

import "time"

// Sentence is what the banner says of a view, in Chinese or English: the worst
// thing first, without its age.
func Sentence(v View, english bool) string {
	l := zh
	if english {
		l = en
	}
	s := &shaper{phrase: newPhrase(l), zone: time.UTC, view: v}
	return s.banners()[0].Text
}
