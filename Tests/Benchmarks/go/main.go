// Times Go's allocator and marker, for comparison with Gravlax's heap.
//
// Prints lines of a name and a value: alloc.<scan|noscan>.<bytes>.<goroutines> in nanoseconds per allocation
// (wall time of the slowest goroutine over its own allocations), mark.<order>.<nodes> in nanoseconds per node, and the
// rows of turns.go, finalizers.go and resident.go.
// The collector stays on with its default settings. Arguments: parts of names; only rows that contain one of them are
// measured. Run with: go run .
package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Each allocation lands in a ring that the goroutine owns, so that it escapes and soon dies.
const ringLength = 256

type object interface {
	[1]uint64 | [2]uint64 | [3]uint64 | [4]uint64 | [6]uint64 | [8]uint64 | [16]uint64 | [32]uint64 |
		[64]uint64 | [128]uint64 | [256]uint64 | [512]uint64 | [4096]uint64 |
		[1]*byte | [2]*byte | [3]*byte | [4]*byte | [6]*byte | [8]*byte | [16]*byte | [32]*byte |
		[64]*byte | [128]*byte | [256]*byte | [512]*byte | [4096]*byte
}

var sinks [2]unsafe.Pointer

func churn[T object](count int, slot int) {
	ring := make([]*T, ringLength)
	for i := 0; i < count; i++ {
		ring[i&(ringLength-1)] = new(T)
	}
	sinks[slot] = unsafe.Pointer(&ring[0])
}

func isWanted(name string) bool {
	for _, filter := range os.Args[1:] {
		if strings.Contains(name, filter) {
			return true
		}
	}
	return len(os.Args) == 1
}

// Best of five rounds: the least disturbed one.
func measure[T object](kind string) {
	var sample T
	size := int(unsafe.Sizeof(sample))
	count := 64 << 20 / size
	if count > 4<<20 {
		count = 4 << 20
	}
	for goroutines := 1; goroutines <= 2; goroutines++ {
		name := fmt.Sprintf("alloc.%s.%d.%d", kind, size, goroutines)
		if !isWanted(name) {
			continue
		}
		best := time.Duration(1 << 62)
		for round := 0; round < 5; round++ {
			runtime.GC()
			var group sync.WaitGroup
			start := time.Now()
			for g := 0; g < goroutines; g++ {
				group.Add(1)
				go func(slot int) {
					churn[T](count, slot)
					group.Done()
				}(g)
			}
			group.Wait()
			if elapsed := time.Since(start); elapsed < best {
				best = elapsed
			}
		}
		fmt.Printf("%s %.2f\n", name, float64(best.Nanoseconds())/float64(count))
	}
}

// 32 bytes, two of its words pointers, like a tree node of a script.
type node struct {
	header      uint64
	left, right *node
	value       uint64
}

// build links the nodes of a complete binary tree; order[i] is the position in memory of the i-th node in preorder.
func build(order []int) *node {
	memory := make([]*node, len(order))
	for i := range memory {
		memory[i] = new(node)
	}
	next := 0
	var link func(count int) *node
	link = func(count int) *node {
		if count == 0 {
			return nil
		}
		n := memory[order[next]]
		next++
		half := (count - 1) / 2
		n.left = link(half)
		n.right = link(count - 1 - half)
		return n
	}
	return link(len(order))
}

var root *node

// One processor, so that the figure is that of one marker; runtime.GC also sweeps, as ours does in a full collection.
func markTree(order []int, kind string) {
	name := fmt.Sprintf("mark.%s.%d", kind, len(order))
	if !isWanted(name) {
		return
	}
	root = build(order)
	runtime.GC()
	before := runtime.GOMAXPROCS(1)
	best := time.Duration(1 << 62)
	for round := 0; round < 5; round++ {
		start := time.Now()
		runtime.GC()
		if elapsed := time.Since(start); elapsed < best {
			best = elapsed
		}
	}
	runtime.GOMAXPROCS(before)
	fmt.Printf("%s %.2f\n", name, float64(best.Nanoseconds())/float64(len(order)))
	root = nil
}

// A collection on so many processors.
func markTreeOn(processors int, order []int) {
	name := fmt.Sprintf("mark.workers.%d", processors)
	if !isWanted(name) {
		return
	}
	root = build(order)
	before := runtime.GOMAXPROCS(processors)
	runtime.GC()
	best := time.Duration(1 << 62)
	for round := 0; round < 5; round++ {
		start := time.Now()
		runtime.GC()
		if elapsed := time.Since(start); elapsed < best {
			best = elapsed
		}
	}
	runtime.GOMAXPROCS(before)
	fmt.Printf("%s %.2f\n", name, float64(best.Nanoseconds())/float64(len(order)))
	root = nil
}

func main() {
	measure[[1]uint64]("noscan")
	measure[[2]uint64]("noscan")
	measure[[3]uint64]("noscan")
	measure[[4]uint64]("noscan")
	measure[[6]uint64]("noscan")
	measure[[8]uint64]("noscan")
	measure[[16]uint64]("noscan")
	measure[[32]uint64]("noscan")
	measure[[64]uint64]("noscan")
	measure[[128]uint64]("noscan")
	measure[[256]uint64]("noscan")
	measure[[512]uint64]("noscan")
	measure[[4096]uint64]("noscan")
	measure[[1]*byte]("scan")
	measure[[2]*byte]("scan")
	measure[[3]*byte]("scan")
	measure[[4]*byte]("scan")
	measure[[6]*byte]("scan")
	measure[[8]*byte]("scan")
	measure[[16]*byte]("scan")
	measure[[32]*byte]("scan")
	measure[[64]*byte]("scan")
	measure[[128]*byte]("scan")
	measure[[256]*byte]("scan")
	measure[[512]*byte]("scan")
	measure[[4096]*byte]("scan")

	order := make([]int, 2000000)
	for i := range order {
		order[i] = i
	}
	markTree(order, "ordered")
	rand.New(rand.NewSource(1)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	markTree(order, "shuffled")
	for processors := 1; processors <= 2; processors++ {
		markTreeOn(processors, order)
	}
	order = nil

	if isWanted("finalizers.") {
		measureFinalizers()
	}

	if isWanted("turn") {
		measureTurns()
	}
	if isWanted("resident.peak") {
		measureResident()
	}
}
