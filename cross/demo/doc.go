// Package demo holds the tests of `watchpost-desk demo` as a newcomer runs it: a
// child process, judged from outside by a subscriber at its broker and by
// requests to its page. The tests need the build tag demo and the built program:
// `make test-demo`.
package demo
