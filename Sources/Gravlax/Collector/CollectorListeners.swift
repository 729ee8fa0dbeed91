import GravlaxHeap
import GravlaxRuntime

/// Who listens to the collector of an interpreter. Any thread.
final class CollectorListeners: Sendable {
    /// One stream.
    private final class Listener: Sendable {
        let continuation: AsyncStream<CollectorEvent>.Continuation
        /// The collector's clock when it began.
        let began: UInt64
        /// Events that were lost for it. Owner: the queue of the heap's listener.
        nonisolated(unsafe) private var lostCount = 0

        init(_ continuation: AsyncStream<CollectorEvent>.Continuation, began: UInt64) {
            self.continuation = continuation
            self.began = began
        }

        func tell(_ reading: EventReading, created: UInt64) {
            lostCount += Int(reading.lostCount)
            for event in reading.events where event.start + event.duration >= began {
                guard let told = CollectorEvent(event, created: created, lostCount: lostCount) else { continue }
                if case .dropped = continuation.yield(told) { lostCount += 1 }
            }
        }
    }

    /// Nil once the interpreter goes. Under `lock`, so that it is there as long as that is held.
    nonisolated(unsafe) private unowned(unsafe) var core: GravlaxRuntime.Interpreter?
    nonisolated(unsafe) private var listeners: [Listener] = []
    private let created: UInt64
    private let lock = HostLock()

    init(_ core: GravlaxRuntime.Interpreter) {
        self.core = core
        created = core.heap.createdNanoseconds
    }

    func add(bufferLimit: Int) -> AsyncStream<CollectorEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: CollectorEvent.self, bufferingPolicy: .bufferingOldest(max(bufferLimit, 1)))
        let listener = Listener(continuation, began: monotonicNanoseconds())
        let isListening = lock.withLock {
            guard let core, core.heap.listen({ [weak self] in self?.tell($0) }) else { return false }
            listeners.append(listener)
            return true
        }
        continuation.onTermination = { [weak self, weak listener] _ in
            if let listener { self?.remove(listener) }
        }
        if !isListening { continuation.finish() }
        return stream
    }

    private func remove(_ listener: Listener) {
        lock.withLock {
            listeners.removeAll { $0 === listener }
            if listeners.isEmpty { core?.heap.stopListening() }
        }
    }

    private func tell(_ reading: EventReading) {
        for listener in lock.withLock({ listeners }) { listener.tell(reading, created: created) }
    }

    /// Ends all streams: the interpreter goes.
    func close() {
        let rest = lock.withLock {
            defer { listeners = [] }
            core = nil
            return listeners
        }
        for listener in rest { listener.continuation.finish() }
    }
}
