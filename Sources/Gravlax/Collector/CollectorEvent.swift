import GravlaxHeap

/// Something that an interpreter's collector did.
public struct CollectorEvent: Sendable, Equatable {
    /// What the collector is doing.
    public enum Phase: Sendable, Equatable {
        /// Live objects are marked, while scripts run.
        case marking
        /// The world stands still for the end of marking.
        case termination
        /// Dead objects are freed, little by little; or nothing is left to do.
        case sweeping
    }

    /// What the world was stopped for.
    public typealias StopReason = GravlaxHeap.StopReason

    /// What it was, with what is known of it.
    public enum Change: Sendable, Equatable {
        /// A phase began.
        case phase(Phase)
        /// Scripts stood still. `waiting` is how long it took until they did, while they ran on; `stopped` how long they did.
        case stop(StopReason, waiting: Duration, stopped: Duration)
        /// A collection's marking is over: its number, from 1; how long it took, from its first stop; and the bytes that it
        /// found alive.
        case cycle(Int, duration: Duration, markedBytes: Int)
    }

    /// What happened.
    public let change: Change
    /// When it happened, or was over; since the interpreter was made.
    public let time: Duration
    /// Events before this one that the listener did not get, all in all.
    public let lostCount: Int

    /// Nil for what listeners are not told.
    init?(_ event: HeapEvent, created: UInt64, lostCount: Int) {
        func duration(_ nanoseconds: UInt64) -> Duration { .nanoseconds(Int64(clamping: nanoseconds)) }
        let code = UInt8(truncatingIfNeeded: event.values.0)
        switch event.kind {
        case .phase:
            switch TracePhase(rawValue: code) {
            case .mark: change = .phase(.marking)
            case .markTermination: change = .phase(.termination)
            case .off: change = .phase(.sweeping)
            case nil: return nil
            }
        case .stop:
            change = .stop(
                StopReason(rawValue: code) ?? .other, waiting: duration(event.values.1),
                stopped: duration(event.duration - min(event.values.1, event.duration)))
        case .cycle:
            change = .cycle(Int(event.values.0), duration: duration(event.duration), markedBytes: Int(event.values.1))
        default: return nil
        }
        time = duration(event.start + event.duration - min(created, event.start))
        self.lostCount = lostCount
    }
}

extension Interpreter {
    /// What the collector does from now on, as it happens: phases, stops of the world, collections. It costs something only
    /// while there is somebody who listens; there may be several, each with events of its own. The stream ends when the
    /// interpreter goes, which it does not keep alive, or at once if the system refuses the memory for it.
    ///
    ///     for await event in interpreter.events() {
    ///         if case .stop(_, _, let stopped) = event.change { pauses.append(stopped) }
    ///     }
    ///
    /// Any thread may ask for a stream, and read it.
    ///
    /// - Parameter limit: how many events wait for the listener at most. Those that find no room are lost, and counted in
    ///   `CollectorEvent.lostCount` of the next that does.
    public func events(bufferLimit limit: Int = 256) -> AsyncStream<CollectorEvent> { listeners.add(bufferLimit: limit) }
}
