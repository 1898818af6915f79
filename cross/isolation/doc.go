// Package isolation holds the house to its seventh promise, one bad sensor is
// one bad sensor, with real drivers on a real board: 31 dead sensors of every
// kind beside a living one.
package isolation
