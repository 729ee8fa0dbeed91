/// A stretch of address space, [base, limit).
package struct AddressRange: Equatable, Sendable {
    package var base: UInt
    package var limit: UInt

    package init(base: UInt, limit: UInt) {
        self.base = base
        self.limit = limit
    }

    package var byteCount: UInt { base < limit ? limit - base : 0 }
    package func contains(_ address: UInt) -> Bool { base <= address && address < limit }

    /// What of this is outside `other`, which must not lie strictly inside.
    package func subtracting(_ other: AddressRange) -> AddressRange {
        if other.base <= base && limit <= other.limit { return AddressRange(base: base, limit: base) }
        if base < other.base && other.limit < limit {
            fatal("an address range would be split", ("base", other.base), ("limit", other.limit))
        }
        if other.base <= base && base < other.limit { return AddressRange(base: other.limit, limit: limit) }
        if base < other.base && other.base < limit { return AddressRange(base: base, limit: other.base) }
        return self
    }
}

/// Disjoint stretches of address space in ascending order, neighbours joined. In persistent memory; grows only.
/// Under the heap lock.
///
/// - Source: Go 1.14 mranges.go, addrRanges.
package struct AddressRanges {
    private static let initialCapacity = 16

    private let memory: OSMemory
    private let statistic: SystemStatistic
    private var ranges: UnsafeMutablePointer<AddressRange>
    private var capacity: Int
    package private(set) var count = 0
    /// Bytes in all ranges.
    package private(set) var totalByteCount: UInt = 0

    /// Nil when the system refuses room for the first ranges.
    package init?(memory: OSMemory, statistic: SystemStatistic) {
        guard let room = Self.room(for: Self.initialCapacity, memory, statistic) else { return nil }
        self.memory = memory
        self.statistic = statistic
        ranges = room
        capacity = Self.initialCapacity
    }

    private static func room(
        for count: Int, _ memory: OSMemory, _ statistic: SystemStatistic
    ) -> UnsafeMutablePointer<AddressRange>? {
        memory.allocatePersistent(
            byteCount: UInt(count * MemoryLayout<AddressRange>.stride), statistic: statistic
        )?.bindMemory(to: AddressRange.self, capacity: count)
    }

    package subscript(index: Int) -> AddressRange { ranges[index] }

    /// The index of the first range whose base is above `address`.
    package func successor(of address: UInt) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = low + (high - low) / 2
            if address < ranges[middle].base { high = middle } else { low = middle + 1 }
        }
        return low
    }

    package func contains(_ address: UInt) -> Bool {
        let index = successor(of: address)
        return index > 0 && ranges[index - 1].contains(address)
    }

    /// Whether any range has an address in common with `range`.
    package func intersects(_ range: AddressRange) -> Bool {
        let index = successor(of: range.base)
        return index > 0 && ranges[index - 1].limit > range.base || index < count && ranges[index].base < range.limit
    }

    /// The lowest address of any range that is not below `address`.
    package func firstAddress(from address: UInt) -> UInt? {
        let index = successor(of: address)
        if index > 0 && ranges[index - 1].contains(address) { return address }
        return index < count ? ranges[index].base : nil
    }

    /// Makes sure that the next `add` has room; false, and no change, when the system refuses it.
    package mutating func reserveOne() -> Bool {
        if count < capacity { return true }
        guard let room = Self.room(for: capacity * 2, memory, statistic) else { return false }
        // The old array stays behind: all of them together are smaller than the new one.
        room.initialize(from: ranges, count: count)
        ranges = room
        capacity *= 2
        return true
    }

    /// Adds a range, not empty and outside all others. Room must be reserved.
    package mutating func add(_ range: AddressRange) {
        if range.byteCount == 0 || intersects(range) {
            fatal("a bad address range was added", ("base", range.base), ("limit", range.limit))
        }
        totalByteCount += range.byteCount
        let index = successor(of: range.base)
        let joinsBelow = index > 0 && ranges[index - 1].limit == range.base
        let joinsAbove = index < count && ranges[index].base == range.limit
        if joinsBelow && joinsAbove {
            ranges[index - 1].limit = ranges[index].limit
            (ranges + index).update(from: ranges + index + 1, count: count - index - 1)
            count -= 1
        } else if joinsBelow {
            ranges[index - 1].limit = range.limit
        } else if joinsAbove {
            ranges[index].base = range.base
        } else {
            if count == capacity { fatal("no room was reserved for an address range") }
            (ranges + index + 1).update(from: ranges + index, count: count - index)
            ranges[index] = range
            count += 1
        }
    }
}
