// Package trust is TLS as every link to a platform uses it: which certificates
// are believed, which one is shown, and a reason in words, in both languages,
// when a handshake fails.
//
// TLS 1.2 is the oldest that is spoken. The files are read anew for each
// connection, so that a renewed certificate needs no restart. Sessions are not
// resumed: a resumed one is not checked against a changed CA file.
package trust
