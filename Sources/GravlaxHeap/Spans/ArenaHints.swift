/// Where to look for the next arena: an ordered list of addresses and
/// directions. A hint that fails is dropped; a region found elsewhere makes two
/// hints, one growing down from it and one up. Under the heap lock.
///
/// The list starts empty: the kernel chooses the first arena's place, so that
/// the thousandth heap of a process is as cheap as the first.
///
/// - Source: Go 1.14 mheap.go, arenaHint; malloc.go, sysAlloc.
package struct ArenaHints {
    package struct Hint: Equatable {
        package var address: UInt
        package var growsDown: Bool

        package init(address: UInt, growsDown: Bool) {
            self.address = address
            self.growsDown = growsDown
        }
    }

    /// In order of preference. At most four: a failing one leaves before two come.
    private var slots: (Hint?, Hint?, Hint?, Hint?)

    package init() { slots = (nil, nil, nil, nil) }

    package var first: Hint? { slots.0 }

    package mutating func dropFirst() { slots = (slots.1, slots.2, slots.3, nil) }

    /// Moves the first hint along after it served.
    package mutating func advanceFirst(to address: UInt) { slots.0?.address = address }

    /// Hints around a region that the system placed elsewhere; growing up is tried first.
    package mutating func addAround(base: UInt, end: UInt) {
        slots = (
            Hint(address: end, growsDown: false), Hint(address: base, growsDown: true), slots.0, slots.1
        )
    }
}
