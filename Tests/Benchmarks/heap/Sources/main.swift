// Times the heap alone, for comparison with Go's: prints the lines that ../go/main.go prints, and a few of its own.
//
// Lines are a name and a value: alloc.<scan|noscan>.<bytes>.<threads> in nanoseconds per allocation of one thread (wall
// time of the slowest over its own allocations), mark.<order>.<nodes> in nanoseconds per node of a full collection;
// and, without a counterpart in Go, marking.<order>.<nodes>, the part of that between the two stops, and
// create.<ms|KiB>, what a new heap with its first object takes. mark.workers.<n> is marking the shuffled tree with so
// many background workers (in Go: a collection on so many processors); finalizers.<set|run> are nanoseconds for each of
// a million finalizers, of setting it, and of the cycle that finds it due until it has run. turn.<p50|p99|p99.9|max> are microseconds of a turn of
// 1,000 allocations beside 2.1 million live nodes, turn.stop.<p99|max> of the world's stops meanwhile, and turn.cycles
// how many cycles there were; resident.peak is the peak resident size of a program with 300 MB of live objects, over
// those; growth.<prepared|unprepared>.<p99|max> are microseconds of a turn of 1,000 allocations while the heap grows,
// with the next chunk touched ahead and without.
// Arguments: parts of names; only rows that contain one of them are measured.

import GravlaxHeap

let filters = CommandLine.arguments.dropFirst()

func isWanted(_ name: String) -> Bool { filters.isEmpty || filters.contains { name.contains($0) } }

func report(_ name: String, _ value: Double) {
    let hundredths = Int((value * 100).rounded())
    let fraction = hundredths % 100
    print("\(name) \(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)")
}

let sizes = [8, 16, 24, 32, 48, 64, 128, 256, 512, 1024, 2048, 4096, 32768]

let allocation = try AllocationBenchmark()
for kind in AllocationBenchmark.Kind.allCases {
    for size in sizes {
        for threadCount in 1...2 {
            let name = "alloc.\(kind.rawValue).\(size).\(threadCount)"
            if isWanted(name) { report(name, try allocation.nanoseconds(kind, byteCount: size, threadCount: threadCount)) }
        }
    }
}
for order in MarkBenchmark.Order.allCases {
    let suffix = "\(order.rawValue).\(MarkBenchmark.nodeCount)"
    if isWanted("mark.\(suffix)") || isWanted("marking.\(suffix)") {
        let (whole, marking) = try MarkBenchmark.nanosecondsPerNode(order)
        report("mark.\(suffix)", whole)
        report("marking.\(suffix)", marking)
    }
}
for workers in 1...2 where isWanted("mark.workers.\(workers)") {
    report("mark.workers.\(workers)", try MarkBenchmark.nanosecondsPerNode(workers: workers))
}
if isWanted("finalizers.") {
    let (set, run) = try FinalizerBenchmark.cost()
    report("finalizers.set", set)
    report("finalizers.run", run)
}
if isWanted("turn.") {
    let result = try TurnBenchmark().run()
    report("turn.p50", result.turns.percentile(0.5))
    report("turn.p99", result.turns.percentile(0.99))
    report("turn.p99.9", result.turns.percentile(0.999))
    report("turn.max", result.turns.percentile(1))
    report("turn.stop.p99", result.stops.percentile(0.99))
    report("turn.stop.max", result.stops.percentile(1))
    report("turn.cycles", Double(result.cycles))
}
if isWanted("resident.peak") { report("resident.peak", try ResidentBenchmark.peakOverLive()) }
for prepared in [true, false] {
    let name = "growth.\(prepared ? "prepared" : "unprepared")"
    if isWanted(name) {
        let turns = try GrowthBenchmark.turns(prepared: prepared)
        report("\(name).p99", turns.percentile(0.99))
        report("\(name).max", turns.percentile(1))
    }
}
if isWanted("create") {
    let (milliseconds, kibibytes) = try creationCost()
    report("create.ms", milliseconds)
    report("create.KiB", kibibytes)
}
