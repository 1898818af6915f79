// Package browser holds the tests of the page in a real Chromium, on the demo as
// it is run by newcomers. They need Debian's packages chromium and
// fonts-wqy-zenhei and the built program: `make test-page`. With
// WATCHPOST_PICTURES set to a directory they write screenshots there:
// `make pictures`.
package browser
