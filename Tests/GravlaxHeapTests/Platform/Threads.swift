import GravlaxHeap
import Glibc
import Synchronization

/// Runs `body` with 0 ..< `count` on as many threads, which start together, and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    final class Start: Sendable {
        let waiting: Atomic<Int>
        let body: @Sendable (Int) -> Void
        init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
            waiting = Atomic(count)
            self.body = body
        }
    }
    final class Argument {
        let start: Start
        let index: Int
        init(_ start: Start, _ index: Int) {
            self.start = start
            self.index = index
        }
    }
    let start = Start(count, body)
    let threads = (0..<count).map { index in
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(Argument(start, index)).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { raw in
                let argument = Unmanaged<Argument>.fromOpaque(raw!).takeRetainedValue()
                argument.start.waiting.subtract(1, ordering: .acquiringAndReleasing)
                while argument.start.waiting.load(ordering: .acquiring) > 0 { sched_yield() }
                argument.start.body(argument.index)
                return nil
            }, argument)
        precondition(result == 0, "no thread")
        return thread
    }
    for thread in threads { pthread_join(thread, nil) }
}

/// System memory and a statistic for one test, given back by `close`.
struct MemoryFixture: @unchecked Sendable {
    let memory: OSMemory
    let statistic: SystemStatistic
    private let cell: UnsafeMutableRawPointer

    init() {
        memory = OSMemory()!
        cell = .allocate(byteCount: 8, alignment: 8)
        statistic = SystemStatistic(initializing: cell)
    }

    /// Uses up the rest of the persistent chunk, so that the next block, whatever its size, needs a call.
    func exhaustPersistentChunk() {
        let calls = memory.callCount
        while memory.callCount == calls {
            _ = memory.allocatePersistent(byteCount: 4096, alignment: 4096, statistic: statistic)
        }
        for _ in 0..<(256 << 10) / 64 where memory.callCount == calls + 1 {
            memory.failCall(1)
            if memory.allocatePersistent(byteCount: 64, alignment: 64, statistic: statistic) == nil { break }
        }
        memory.failCall(0)
    }

    /// Bytes that were not given back.
    func close() -> UInt64 {
        cell.deallocate()
        return memory.destroy()
    }
}
