import Synchronization

/// The one word through which weak references see an object: an 8-byte heap object without pointers that holds the
/// object's address, or 0 once the object was found dead. It is in the heap so that it lives as long as anybody refers
/// to it, though its object may be gone; while the object lives, its special keeps it. A sweep that finds the object
/// dead clears the word before the slot can be used again, and touches no other object.
struct WeakHandle {
    let address: UInt

    private var word: UnsafeMutablePointer<Atomic<UInt64>> {
        UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
    }

    /// The object's address; 0 if it is known to be dead.
    var object: UInt { UInt(word.pointee.load(ordering: .acquiring)) }

    func set(_ object: UInt) { word.pointee.store(UInt64(object), ordering: .releasing) }
    func clear() { word.pointee.store(0, ordering: .releasing) }
}

extension Mutator {
    /// The handle through which weak references see `object`: always the same as long as that lives. Keep it like any
    /// other reference. nil when memory was refused.
    public func weakHandle(of object: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        let heap = state.pointee.heap
        let address = UInt(bitPattern: object)
        if let known = heap.findSpecial(.weakHandle, of: address, state) {
            shade(address: UInt(known))
            return UnsafeMutableRawPointer(bitPattern: UInt(known))
        }
        guard let memory = allocateNoScan(byteCount: 8) else { return nil }
        let handle = WeakHandle(address: UInt(bitPattern: memory))
        handle.set(address)
        switch heap.addSpecial(.weakHandle, to: address, payload: UInt64(handle.address), state) {
        case .registered: return memory
        case .refused: return nil
        case .exists:
            // Another thread was faster.
            handle.clear()
            return weakHandle(of: object)
        }
    }

    /// The object that a handle stands for; nil from the moment the collector found it dead, before its finalizer runs.
    public func weakGet(_ handle: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        let handle = WeakHandle(address: UInt(bitPattern: handle))
        let seen = handle.object
        // Nothing is certain about that address yet: the object may be dead and its span gone. Between the end of a mark
        // and the sweep of its span an unmarked object is dead, though the handle says otherwise: the sweep clears it.
        guard seen != 0, let span = state.pointee.heap.spanOfHeap(seen) else { return nil }
        state.pointee.heap.ensureSwept(span, state)
        let object = handle.object
        if object == 0 { return nil }
        shade(address: object)
        return UnsafeMutableRawPointer(bitPattern: object)
    }
}
