import GravlaxHeap

/// Turns of 1,000 allocations of 32 bytes while the heap grows by 256 MiB and nothing is collected: what the first touch
/// of fresh memory costs, with the next chunk touched in the background and without.
enum GrowthBenchmark {
    private static let turnCount = (256 << 20) / 32 / 1_000

    /// Microseconds of each turn, ascending.
    static func turns(prepared: Bool) throws -> [Double] {
        var configuration = HeapConfiguration()
        configuration.gcPercent = -1
        configuration.preparesMemory = prepared
        let heap = try Heap(configuration)
        let roots = SingleRoot()
        let mutator = try heap.makeMutator(roots: roots)
        defer { mutator.close() }
        let layout = ObjectLayout(headerWords: 2, slotCount: 2)
        var times: [Double] = []
        times.reserveCapacity(turnCount)
        var start = now()
        for _ in 0..<turnCount {
            for _ in 0..<1_000 {
                guard let object = mutator.allocate(layout) else { throw HeapError.outOfMemory }
                object.storeBytes(of: 1, as: UInt64.self)
            }
            let end = now()
            times.append(Double(end - start) / 1e3)
            start = end
        }
        withExtendedLifetime(roots) {}
        return times.sorted()
    }
}
