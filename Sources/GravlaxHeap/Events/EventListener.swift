// Who is told of a heap's turns while they happen, beside the ring that keeps everything for a look after the fact.

/// Reads the events of a heap on a queue of its own, and hands them to one function. Nobody who adds events waits for it: when
/// it is slow, the ring loses what is oldest, and the reading says how much.
package final class EventListener: Sendable {
    /// What is kept for it: the turns of the collector.
    package static let kinds = HeapEventKind.phase.bit | HeapEventKind.stop.bit | HeapEventKind.cycle.bit

    /// Slots of the ring, 64 bytes each. A cycle has about eight of those events.
    private static let capacity = 512

    private struct State {
        var reader: EventReader
        let body: @Sendable (EventReading) -> Void
    }

    private let stream: EventStream
    private let task: BackgroundTask
    /// Nil until the first `start`, which happens before the task is posted first; from then on the task's.
    nonisolated(unsafe) private let state: UnsafeMutablePointer<State?>

    init(_ stream: EventStream) {
        self.stream = stream
        let state = UnsafeMutablePointer<State?>.allocate(capacity: 1)
        state.initialize(to: nil)
        self.state = state
        let place = UInt(bitPattern: state)
        task = BackgroundTask(label: "gravlax.events") { _ in
            let state = UnsafeMutablePointer<State?>(bitPattern: place).unsafelyUnwrapped
            guard let reading = state.pointee?.reader.read() else { return }
            if !reading.events.isEmpty || reading.lostCount > 0 { state.pointee?.body(reading) }
        }
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// The first call decides about `body`. False when the system refuses the memory.
    func start(_ body: @escaping @Sendable (EventReading) -> Void) -> Bool {
        guard stream.start(capacity: Self.capacity, kinds: Self.kinds) else { return false }
        if state.pointee == nil { state.pointee = State(reader: EventReader(stream), body: body) }
        stream.setListener(self)
        return true
    }

    /// Whoever has just looked for the listener may wake it once more.
    func pause() {
        stream.setListener(nil)
        stream.stop()
    }

    func wake() { task.post() }

    /// Waits until the function has returned; it is not called again. Nobody adds events any more.
    func stop() {
        pause()
        task.stop()
    }
}
