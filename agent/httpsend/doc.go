// Package httpsend is the HTTPS way to a platform: each message is one POST, and
// a 2xx confirms it. It is the only importer of go-retryablehttp, whose defaults
// it does not use: they have no timeout and no jitter, log whole addresses, and
// obey any Retry-After.
//
// # The contract
//
//	POST {base}/{topic}
//	Content-Type: application/json
//	Idempotency-Key: SHA-256 of the body, 64 hexadecimal digits
//	Authorization: Bearer <token>, or Basic
//
// Topic and body are those that MQTT would carry. Any 2xx confirms; what it says
// is not looked at. 408, 425, 429 and 5xx (but 501) are tried again, with the
// same key; 401 and 403 are link.ErrRefused, 413 is link.ErrTooLarge; everything else ends the link and
// the message stays in the buffer. A redirect is followed when it keeps method,
// scheme, host and port (307 and 308), else it is an error.
//
// The key names the body, so that a receiver can drop a repeated POST without
// looking into it. A message that is shaped anew after a change of link may hold
// more records than before, and then has another key: records are known by
// gateway, run, lane and seq, whatever way they came.
//
// Only lanes go this way. There is no will and no subscription, and retained
// documents are refused.
package httpsend
