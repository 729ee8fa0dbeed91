import Glibc
import GravlaxHeap

/// Memory that a program with 300 MB of live objects takes at most, while it replaces them in random order, with the
/// default percentage: five times as much is allocated as lives.
enum ResidentBenchmark {
    static let liveBytes = 300_000_000
    /// Sizes that waste nothing, so that what is asked for is what lives.
    private static let sizes = [32, 48, 64, 96, 128, 256, 512]

    /// Peak resident size over the bytes of live objects.
    static func peakOverLive() throws -> Double {
        let heap = try Heap()
        let roots = SingleRoot()
        let mutator = try heap.makeMutator(roots: roots)
        defer { mutator.close() }
        let layouts = sizes.map { ObjectLayout(headerWords: 1, slotCount: $0 / 8 - 1) }
        let count = liveBytes / (sizes.reduce(0, +) / sizes.count)
        guard let table = mutator.allocate(ObjectLayout(headerWords: 0, slotCount: count)) else {
            throw HeapError.outOfMemory
        }
        roots.word = UInt64(UInt(bitPattern: table))
        let slots = table.assumingMemoryBound(to: UInt64.self)
        // Which layout a slot's object has.
        var kinds = [UInt8](repeating: 0, count: count)
        var live = 0
        var mostLive = 0
        var random = SplitMix(state: 1)

        func replace(_ index: Int) throws {
            let kind = Int(random.next() % UInt64(sizes.count))
            guard let object = mutator.allocate(layouts[kind]) else { throw HeapError.outOfMemory }
            object.storeBytes(of: UInt64(index), as: UInt64.self)
            if slots[index] != 0 { live -= sizes[Int(kinds[index])] }
            mutator.store(UInt64(UInt(bitPattern: object)), to: slots + index)
            kinds[index] = UInt8(kind)
            live += sizes[kind]
            if mutator.pollRequested { mutator.safepoint() }
        }

        resetPeak()
        for index in 0..<count { try replace(index) }
        for _ in 0..<5 * count {
            try replace(Int(random.next() % UInt64(count)))
            mostLive = max(mostLive, live)
        }
        return Double(peakResidentBytes()) / Double(mostLive + count * 8)
    }

    /// From here on the kernel counts the peak anew.
    private static func resetPeak() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }

    /// VmHWM of /proc/self/status.
    private static func peakResidentBytes() -> Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                .split { $0 == " " || $0 == "\t" }
            if words.first == "VmHWM:" { return (Int(words[1]) ?? 0) << 10 }
        }
        return 0
    }
}
