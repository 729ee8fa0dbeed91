package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"sort"
	"time"
)

const (
	turnDepth          = 20
	turnCount          = 20000
	allocationsPerTurn = 1000
)

var (
	turnTree *node
	turnRing []*node
)

func buildTree(depth int) *node {
	n := new(node)
	if depth > 0 {
		n.left = buildTree(depth - 1)
		n.right = buildTree(depth - 1)
	}
	return n
}

// measureTurns prints turn.<p50|p99|p99.9|max>: microseconds of turns of 1,000 allocations beside 2,097,151 live nodes,
// the last of which becomes a leaf of the tree; turn.stop.<p99|max>, of the world's stops meanwhile (the upper bounds of
// the buckets the runtime counts them in); and turn.cycles.
func measureTurns() {
	turnTree = buildTree(turnDepth)
	turnRing = make([]*node, ringLength)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	stopsBefore := readStops()
	times := make([]float64, 0, turnCount)
	random := uint64(1)
	start := time.Now()
	for turn := 0; turn < turnCount; turn++ {
		for i := 0; i < allocationsPerTurn; i++ {
			turnRing[i&(ringLength-1)] = new(node)
		}
		random = random*6364136223846793005 + 1442695040888963407
		path := random >> 32
		n := turnTree
		for level := 1; level < turnDepth; level++ {
			if path&1 == 0 {
				n = n.left
			} else {
				n = n.right
			}
			path >>= 1
		}
		if path&1 == 0 {
			n.left = turnRing[(allocationsPerTurn-1)&(ringLength-1)]
		} else {
			n.right = turnRing[(allocationsPerTurn-1)&(ringLength-1)]
		}
		end := time.Now()
		times = append(times, float64(end.Sub(start).Nanoseconds())/1e3)
		start = end
	}
	stops := readStops()
	runtime.ReadMemStats(&after)
	sort.Float64s(times)
	fmt.Printf("turn.p50 %.2f\n", percentile(times, 0.5))
	fmt.Printf("turn.p99 %.2f\n", percentile(times, 0.99))
	fmt.Printf("turn.p99.9 %.2f\n", percentile(times, 0.999))
	fmt.Printf("turn.max %.2f\n", percentile(times, 1))
	fmt.Printf("turn.stop.p99 %.2f\n", stopPercentile(stopsBefore, stops, 0.99))
	fmt.Printf("turn.stop.max %.2f\n", stopPercentile(stopsBefore, stops, 1))
	fmt.Printf("turn.cycles %d\n", after.NumGC-before.NumGC)
	turnTree, turnRing = nil, nil
}

func percentile(sorted []float64, share float64) float64 {
	return sorted[int(math.Ceil(float64(len(sorted))*share))-1]
}

func readStops() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: "/gc/pauses:seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}

func stopPercentile(before, after *metrics.Float64Histogram, share float64) float64 {
	var total uint64
	for i := range after.Counts {
		total += after.Counts[i] - before.Counts[i]
	}
	wanted := uint64(math.Ceil(float64(total) * share))
	var seen uint64
	for i := range after.Counts {
		seen += after.Counts[i] - before.Counts[i]
		if seen >= wanted {
			return after.Buckets[i+1] * 1e6
		}
	}
	return 0
}
