// Specials: records that hang on single objects, sorted by offset, then kind,
// in a list of the span (INV-13). Records come from a pool of their own for each kind.

import Synchronization

package typealias SpecialRef = UnsafeMutablePointer<Special>

/// What a special is for; sorts in this order at equal offsets.
package enum SpecialKind: UInt8, CaseIterable, Sendable {
    case finalizer = 1
    case profile = 2
}

/// - Source: Go 1.14 mheap.go, special.
package struct Special {
    package var next: SpecialRef?
    /// The object's distance from the span's base. Small objects stay below
    /// 64 KiB; a large object is at 0.
    package var offset: UInt16
    package var kind: SpecialKind
    /// What the kind's owner keeps: a bucket, an entry of a table.
    package var payload: UInt64
}

/// The pools, by kind, under one lock.
package struct SpecialAllocators {
    package let lock: HeapLock
    package let finalizers: UnsafeMutablePointer<FixedAllocator>
    package let profiles: UnsafeMutablePointer<FixedAllocator>

    func pool(_ kind: SpecialKind) -> UnsafeMutablePointer<FixedAllocator> {
        switch kind {
        case .finalizer: finalizers
        case .profile: profiles
        }
    }
}

extension UnsafeMutablePointer where Pointee == MHeap {
    package func allocateSpecial(_ kind: SpecialKind) -> SpecialRef? {
        let pools = pointee.specialAllocators
        return pools.lock.withLock { pools.pool(kind).pointee.allocate() }?.bindMemory(to: Special.self, capacity: 1)
    }

    package func freeSpecialRecord(_ special: SpecialRef) {
        let kind = special.pointee.kind
        let pools = pointee.specialAllocators
        pools.lock.withLock { pools.pool(kind).pointee.free(special) }
    }

    /// Hangs a record on the object at `address`. False, and nothing changed, if the
    /// object has one of that kind already or memory was refused; fatal if `address` is no heap object.
    ///
    /// - Source: Go 1.14 mheap.go, addspecial.
    package func addSpecial(_ kind: SpecialKind, to address: UInt, payload: UInt64, _ mutator: MutatorRef?) -> Bool {
        guard let span = spanOfHeap(address) else {
            fatal("special on an address that is not in the heap", ("address", address))
        }
        ensureSwept(span, mutator)
        guard let record = allocateSpecial(kind) else { return false }
        let offset = specialOffset(of: address, in: span)
        span.lockSpecials()
        var link: SpecialRef? = nil
        var current = span.pointee.specials
        while let special = current, (special.pointee.offset, special.pointee.kind.rawValue) < (offset, kind.rawValue) {
            link = special
            current = special.pointee.next
        }
        if let current, current.pointee.offset == offset, current.pointee.kind == kind {
            span.unlockSpecials()
            record.initialize(to: Special(next: nil, offset: offset, kind: kind, payload: 0))
            freeSpecialRecord(record)
            return false
        }
        record.initialize(to: Special(next: current, offset: offset, kind: kind, payload: payload))
        if let link { link.pointee.next = record } else { span.pointee.specials = record }
        span.unlockSpecials()
        return true
    }

    /// Objects whose specials would lie farther in are large ones, which start at 0.
    private func specialOffset(of address: UInt, in span: MSpanRef) -> UInt16 {
        guard let offset = UInt16(exactly: address - span.base) else {
            fatal("special on the inside of an object", ("address", address), ("span", span.base))
        }
        return offset
    }

    /// Takes the record of that kind off the object that starts at `address`. Returns its payload.
    ///
    /// - Source: Go 1.14 mheap.go, removespecial.
    package func removeSpecial(_ kind: SpecialKind, from address: UInt, _ mutator: MutatorRef?) -> UInt64? {
        guard let span = spanOfHeap(address) else {
            fatal("special on an address that is not in the heap", ("address", address))
        }
        ensureSwept(span, mutator)
        let offset = specialOffset(of: address, in: span)
        span.lockSpecials()
        var link: SpecialRef? = nil
        var current = span.pointee.specials
        while let special = current {
            if special.pointee.offset == offset, special.pointee.kind == kind {
                if let link { link.pointee.next = special.pointee.next } else {
                    span.pointee.specials = special.pointee.next
                }
                span.unlockSpecials()
                let payload = special.pointee.payload
                freeSpecialRecord(special)
                return payload
            }
            link = special
            current = special.pointee.next
        }
        span.unlockSpecials()
        return nil
    }

    /// Frees the records of objects that the mark did not reach. The sweeper owns the span.
    package func sweepSpecials(_ span: MSpanRef) {
        var link: SpecialRef? = nil
        var current = span.pointee.specials
        while let special = current {
            current = special.pointee.next
            let index = span.objectIndex(of: span.base + UInt(special.pointee.offset))
            if span.isMarked(index) {
                link = special
                continue
            }
            if let link { link.pointee.next = current } else { span.pointee.specials = current }
            freeSpecialRecord(special)
        }
    }
}

extension UnsafeMutablePointer where Pointee == MSpan {
    /// A spin lock: it is held for the walk of one short list, and every span has one.
    package func lockSpecials() {
        while !pointee.specialLock.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged {
            spinHint()
        }
    }

    package func unlockSpecials() { pointee.specialLock.store(0, ordering: .releasing) }
}
