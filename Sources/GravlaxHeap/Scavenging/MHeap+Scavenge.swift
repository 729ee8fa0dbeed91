import Synchronization

extension UnsafeMutablePointer where Pointee == MHeap {
    /// Gives up to so many bytes of free pages back to the system, counts them and tells of it. Returns the bytes.
    /// Under the heap lock; in the background without it, which is then taken for each piece.
    package func scavenge(byteCount: UInt, _ reason: ScavengeReason) -> UInt {
        let isBackground = reason == .background
        let began = pointee.events.begin()
        let released = pointee.pages.scavenge(byteCount: byteCount, locked: !isBackground)
        if released > 0 {
            pointee.statistics.scavengedBytes.add(UInt64(released))
            pointee.events.end(
                .scavenge, isBackground ? EventTrack(.scavenger) : .pages, began, UInt64(reason.rawValue),
                UInt64(released))
            sampleCounters(always: true)
        }
        return released
    }
}
