import Glibc
import GravlaxHeap
import Testing

/// What the process has: pages of address space, resident pages, mappings.
private struct Footprint {
    let sizeBytes: Int
    let residentBytes: Int
    let mappingCount: Int

    init() {
        let numbers = Self.contents("/proc/self/statm").split(separator: UInt8(ascii: " ")).prefix(2).map {
            Int(String(decoding: $0, as: UTF8.self))! * 4096
        }
        sizeBytes = numbers[0]
        residentBytes = numbers[1]
        mappingCount = Self.contents("/proc/self/maps").count { $0 == UInt8(ascii: "\n") }
    }

    private static func contents(_ path: String) -> [UInt8] {
        let file = open(path, O_RDONLY)
        precondition(file >= 0)
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count <= 0 { return bytes }
            bytes += buffer.prefix(count)
        }
    }
}

/// In a child process: ends it unless `condition` holds. The parent hears of it by what stands on the error stream: of a
/// child that fails it is not told any words.
private func require(_ condition: Bool, _ why: @autoclosure () -> String = "", line: Int = #line) {
    if condition { return }
    var text = Array("line \(line): \(why())\n".utf8)
    _ = write(STDERR_FILENO, &text, text.count)
    exit(EXIT_SUCCESS)
}

/// Uses a heap a little, in all its parts, and lets it go.
private func liveAndDie(seed: UInt64) {
    var configuration = HeapConfiguration(encoding: .tagged)
    configuration.backgroundSweepers = seed % 4 == 0 ? 1 : 0
    var generator = SeededGenerator(seed: seed)
    let heap = try! Heap(configuration)
    let shadow = ShadowGraph()
    let mutator = try! GraphMutator(heap, shadow, mayWait: true)
    for _ in 0..<30 { mutator.step(&generator) }
    if seed % 3 == 0 { mutator.mutator.collect() }
    shadow.forgetDeadAndCheck()
    mutator.close()
    require(shadow.failures.isEmpty, "\(shadow.failures)")
}

private func report(_ result: ExitTest.Result?) {
    #expect(String(decoding: result?.standardErrorContent ?? [], as: UTF8.self) == "")
}

/// Each in a process of its own, where nothing else takes memory meanwhile.
@Suite struct ManyHeapsTests {
    @Test func thousandsOfHeapsLeaveNothingBehind() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            for seed in 0..<50 { liveAndDie(seed: UInt64(seed)) }
            let before = Footprint()
            for seed in 0..<2_000 { liveAndDie(seed: UInt64(seed)) }
            let after = Footprint()
            // The C library keeps some of what it had for itself, and each thread that Dispatch makes for the background
            // gets an arena of 64 MiB of addresses. One heap's tables alone are 600 MiB.
            require(after.sizeBytes <= before.sizeBytes + (512 << 20), "\(before) \(after)")
            require(after.residentBytes <= before.residentBytes + (8 << 20), "\(before) \(after)")
            require(after.mappingCount <= before.mappingCount + 32, "\(before) \(after)")
        }
        report(result)
    }

    @Test func heapsOnSeveralThreadsLeaveNothingBehind() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            func round() {
                onThreads(4) { thread in
                    for seed in 0..<150 { liveAndDie(seed: UInt64(thread * 1_000 + seed)) }
                }
            }
            // Each thread of the C library gets an arena of 64 MiB of addresses the first time.
            round()
            let before = Footprint()
            for _ in 0..<3 { round() }
            let after = Footprint()
            require(after.sizeBytes <= before.sizeBytes + (256 << 20), "\(before) \(after)")
            require(after.residentBytes <= before.residentBytes + (24 << 20), "\(before) \(after)")
            require(after.mappingCount <= before.mappingCount + 16, "\(before) \(after)")
        }
        report(result)
    }

    /// Heaps that live side by side: each takes as many mappings as the first, and goes away in any order.
    @Test func theHundredthHeapIsAsCheapAsTheFirst() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            var configuration = HeapConfiguration(encoding: .tagged)
            configuration.backgroundSweepers = 0
            let roots = RootWords()
            var heaps: [(heap: Heap, mutator: Mutator)] = []
            var costs: [Footprint] = [Footprint()]
            // 100 × 700 MiB of addresses.
            for _ in 0..<100 {
                let heap = try! Heap(configuration)
                let mutator = try! heap.makeMutator(roots: roots)
                require(mutator.allocateNoScan(byteCount: 100) != nil)
                require(mutator.allocateNoScan(byteCount: 100_000) != nil)
                heaps.append((heap, mutator))
                costs.append(Footprint())
            }
            let mappings = (1...100).map { costs[$0].mappingCount - costs[$0 - 1].mappingCount }
            let first = mappings[0]
            require(first <= 16, "a heap takes \(first) mappings")
            require(mappings.allSatisfy { $0 <= first + 1 }, "\(mappings)")
            let resident = costs[100].residentBytes - costs[1].residentBytes
            require(resident / 99 <= 1 << 20, "a heap has \(resident / 99) bytes resident")
            for index in 0..<100 where index % 3 != 0 { heaps[index].mutator.close() }
            heaps = heaps.enumerated().filter { $0.offset % 3 == 0 }.map(\.element)
            for (heap, mutator) in heaps {
                require(mutator.allocateNoScan(byteCount: 5 << 20) != nil)
                require(HeapVerifier(heap.raw).violations(afterMark: false).isEmpty)
                mutator.close()
            }
            heaps = []
            let end = Footprint()
            require(end.sizeBytes <= costs[0].sizeBytes + (8 << 20), "\(costs[0]) \(end)")
        }
        report(result)
    }
}
