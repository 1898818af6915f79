// Package browser holds the tests of the page in a real Chromium, on the demo as
// it is run by newcomers. They need Debian's packages chromium and
// fonts-wqy-zenhei and the built program: `make test-page`. What a demo of a minute
// cannot have comes from cross/showpage: a day of samples, and the real agent in each
// state. Two checkers, axe-core
// and acorn, are fetched by npm as the tests run, and held to their checksums. With
// WATCHPOST_PICTURES set to a directory they write screenshots there:
// `make pictures`.
package browser
