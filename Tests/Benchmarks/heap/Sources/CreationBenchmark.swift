import Glibc
import GravlaxHeap

/// A heap with a mutator and one object.
private final class SmallHeap {
    private let heap: Heap
    private let mutator: Mutator
    private let roots = SingleRoot()

    init() throws {
        heap = try Heap()
        mutator = try heap.makeMutator(roots: roots)
        if mutator.allocateNoScan(byteCount: 16) == nil { throw HeapError.outOfMemory }
    }
    deinit { mutator.close() }
}

/// The median milliseconds that it takes to make a heap, and the resident KiB of each of many.
func creationCost() throws -> (milliseconds: Double, kibibytes: Double) {
    // The first heap of the process pays for what all share.
    var heaps = [try SmallHeap()]
    let before = residentBytes()
    var times: [UInt64] = []
    for _ in 0..<100 {
        let start = now()
        heaps.append(try SmallHeap())
        times.append(now() - start)
    }
    let resident = Double(residentBytes() - before) / Double(times.count)
    times.sort()
    withExtendedLifetime(heaps) {}
    return (Double(times[times.count / 2]) / 1e6, resident / 1024)
}

/// The second figure of /proc/self/statm, in bytes.
private func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 256)
    guard fgets(&text, Int32(text.count), file) != nil else { return 0 }
    let fields = String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
    return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
}

/// Nanoseconds of the clock that only goes forward.
func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
