import Synchronization

/// The local buffer of grey objects: a stack of addresses, exchanged as a whole with those that all workers share.
struct GreyStack {
    private let stacks: WorkBufferStacks
    let overflow: UnsafeMutablePointer<Atomic<UInt32>>
    private var current: WorkBuffer?
    private var bottom: UnsafeMutablePointer<UInt>
    private var top: UnsafeMutablePointer<UInt>
    private var limit: UnsafeMutablePointer<UInt>

    /// Whether each reference is checked before it is pushed.
    let verifies: Bool
    /// Bytes of the objects that were marked because there was no room for them here.
    var unqueuedBytes: UInt64 = 0

    init(_ work: MarkWork, verifies: Bool) {
        self.verifies = verifies
        stacks = work.stacks
        overflow = work.overflow
        bottom = UnsafeMutablePointer(bitPattern: 8)!
        top = bottom
        limit = bottom
    }

    /// False when there is no room and no buffer to be had.
    @inline(__always)
    mutating func push(_ entry: UInt) -> Bool {
        if _slowPath(top == limit) {
            guard exchangeFull() else { return false }
        }
        top.pointee = entry
        top += 1
        return true
    }

    /// The newest entry; 0 when neither this stack nor the shared ones have any.
    @inline(__always)
    mutating func pop() -> UInt {
        if _slowPath(top == bottom) {
            guard exchangeEmpty() else { return 0 }
        }
        top -= 1
        return top.pointee
    }

    private mutating func take(_ buffer: WorkBuffer?, count: Int) {
        current = buffer
        bottom = buffer?.entries ?? UnsafeMutablePointer(bitPattern: 8)!
        top = bottom + count
        limit = buffer == nil ? bottom : bottom + WorkBuffer.capacity
    }

    /// Offers the full buffer to others and takes an empty one; false when there is none.
    @inline(never)
    private mutating func exchangeFull() -> Bool {
        if let full = current {
            full.count = top - bottom
            stacks.putFull(full)
        }
        take(stacks.getEmpty(), count: 0)
        return current != nil
    }

    /// Takes a buffer that somebody filled; false if there is none.
    @inline(never)
    private mutating func exchangeEmpty() -> Bool {
        guard let full = stacks.tryGetFull() else { return false }
        if let empty = current {
            empty.count = 0
            stacks.putEmpty(empty)
        }
        take(full, count: full.count)
        return true
    }

    /// Entries in the local buffer.
    var count: Int { top - bottom }

    /// Leaves the older half of the entries, which tend to lead to more, to the other workers.
    mutating func shareHalf() {
        let shared = count / 2
        guard shared > 0, let buffer = stacks.getEmpty() else { return }
        buffer.entries.update(from: bottom, count: shared)
        buffer.count = shared
        bottom.update(from: bottom + shared, count: count - shared)
        top -= shared
        stacks.putFull(buffer)
    }

    /// Leaves all entries to the other workers.
    mutating func giveAway() {
        if let buffer = current {
            buffer.count = top - bottom
            if top == bottom { stacks.putEmpty(buffer) } else { stacks.putFull(buffer) }
        }
        take(nil, count: 0)
    }
}
