package board

import (
	"sync/atomic"
	"time"

	"watchpost/drivers"
)

// maxQueuedEdges is how many edges wait between the goroutine that reads the
// kernel's and whoever watches: 27 cards of 37 bits.
const maxQueuedEdges = 1024

// edgeQueue hands edges from one goroutine to another. Full, it drops the oldest
// as the kernel does, so that the gap in Seqno lies before an edge that is
// delivered: a tail that went missing could not be seen.
type edgeQueue struct {
	edges   chan drivers.Edge
	dropped atomic.Int64
}

func newEdgeQueue(size int) *edgeQueue { return &edgeQueue{edges: make(chan drivers.Edge, size)} }

// put never waits. It is for one goroutine.
func (q *edgeQueue) put(e drivers.Edge) {
	for {
		select {
		case q.edges <- e:
			return
		default:
		}
		select {
		case <-q.edges:
			q.dropped.Add(1)
		default:
		}
	}
}

// next waits at most timeout for the first edge and takes what there is. What is
// queued comes before the time that ran out.
func (q *edgeQueue) next(edges []drivers.Edge, timeout time.Duration) int {
	n := q.take(edges)
	if n > 0 || len(edges) == 0 {
		return n
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case edges[0] = <-q.edges:
		return 1 + q.take(edges[1:])
	case <-timer.C:
		return q.take(edges)
	}
}

func (q *edgeQueue) take(edges []drivers.Edge) int {
	for i := range edges {
		select {
		case edges[i] = <-q.edges:
		default:
			return i
		}
	}
	return len(edges)
}
