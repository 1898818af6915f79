// Package people knows who may do more than look: one password for the people
// of a compound, the sessions of those who gave it, and the one-time code that
// lets the first of them choose it. There is no default password, and nothing
// can be acknowledged before one was chosen.
//
// # Files in the data directory, mode 0600
//
//	people.json  the password, as argon2id with its salt
//	setup-code   the one-time code; gone once it was used
//
// # What it costs
//
// A check takes 9 MiB for a moment, one at a time: small enough for a board with
// 64 MB (OWASP Password Storage Cheat Sheet: argon2id with 9 MiB, 4 passes, 1
// lane is as strong as its other recommended settings). After five wrong tries
// each further one has to wait, from one second up to five minutes, by the
// network it comes from.
//
// Sessions live in memory: a restart asks for the password again.
package people
