package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

const finalizerCount = 1000000

var finalizable []*node

// measureFinalizers prints finalizers.<set|run>: nanoseconds for each of a million objects of 32 bytes, of setting its
// finalizer, and from the start of the cycle that finds all of them dead until the last finalizer has run.
func measureFinalizers() {
	finalizable = make([]*node, finalizerCount)
	for i := range finalizable {
		finalizable[i] = new(node)
	}
	runtime.GC()
	var run int64
	done := make(chan bool)
	finalizer := func(*node) {
		if atomic.AddInt64(&run, 1) == finalizerCount {
			close(done)
		}
	}
	start := time.Now()
	for _, object := range finalizable {
		runtime.SetFinalizer(object, finalizer)
	}
	set := time.Since(start)
	finalizable = nil
	start = time.Now()
	runtime.GC()
	<-done
	ran := time.Since(start)
	fmt.Printf("finalizers.set %.2f\n", float64(set.Nanoseconds())/finalizerCount)
	fmt.Printf("finalizers.run %.2f\n", float64(ran.Nanoseconds())/finalizerCount)
}
