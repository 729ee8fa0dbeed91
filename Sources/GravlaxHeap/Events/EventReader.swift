// Reading a heap's events, beside the threads that add to them.

/// What a reader got in one go.
public struct EventReading: Sendable {
    /// In the order in which they were added: instants when they happened, slices when they ended.
    public var events: [HeapEvent] = []
    /// Events that were overwritten, or given up, before this reader came to them.
    public var lostCount: UInt64 = 0

    public init() {}
}

/// Reads each of a heap's events once. Several readers of one heap do not disturb each other; one thread at a time uses
/// a reader, which must not outlive its heap.
public struct EventReader {
    private let stream: EventStream
    private var position: UInt64 = 0

    package init(_ stream: EventStream) { self.stream = stream }

    public init(_ heap: Heap) { self.init(heap.raw.pointee.events) }

    /// What was added since the last call, or since the stream was first switched on.
    ///
    /// - Parameter isLast: nobody adds any more: what is unfinished counts as lost. Otherwise reading stops there, unless
    ///   half of the ring was added since.
    public mutating func read(isLast: Bool = false) -> EventReading {
        var reading = EventReading()
        let end = stream.ticketCount
        let capacity = stream.capacity
        if end - position > capacity {
            reading.lostCount = end - capacity - position
            position = end - capacity
        }
        reading.events.reserveCapacity(Int(end - position))
        while position < end {
            switch stream.read(position) {
            case .event(let event): reading.events.append(event)
            case .overwritten: reading.lostCount += 1
            case .unfinished:
                if !isLast, end - position <= capacity / 2 { return reading }
                reading.lostCount += 1
            }
            position += 1
        }
        return reading
    }
}

extension Heap {
    /// When the heap was made, in nanoseconds of the clock of its events.
    public var createdNanoseconds: UInt64 { collector.createdAt }

    /// Switches the stream of events on, which keeps the last `capacity` of them, 64 bytes each. The first call decides
    /// how many. Any thread, one at a time.
    ///
    /// - Returns: false when the system refuses the memory.
    @discardableResult
    public func startEvents(capacity: Int = 1 << 20) -> Bool { raw.pointee.events.start(capacity: capacity) }

    /// Switches the stream off; what it holds can still be read.
    public func stopEvents() { raw.pointee.events.stop() }
}
