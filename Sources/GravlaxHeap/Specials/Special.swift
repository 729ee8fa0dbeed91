// Specials: records outside the heap that hang on single objects, sorted by
// offset, then kind, in a list of the span (INV-13).
//
//     addFinalizer ─▶ record in the span's list ─▶ sweep finds the object dead:
//     addCleanup        │   roots while marking        finalizer   the object lives on, record ─▶ due calls
//     weakHandle        │   (SpecialRoots)             cleanup     record ─▶ due calls, once the object is free
//                       ▼                              weak        the handle is cleared
//                     pageSpecials: a bit for          native      record ─▶ native cleanups
//                     each span that has any           profile     the bucket is credited
//
// A record that falls due becomes the entry of the queue, so that no sweep ever
// needs memory for what it found. This file: the record and its list.

import Synchronization

package typealias SpecialRef = UnsafeMutablePointer<Special>

/// What a special is for; sorts in this order at equal offsets.
package enum SpecialKind: UInt8, CaseIterable, Sendable {
    /// Runs once the object is unreachable; the object lives through that.
    case finalizer = 1
    /// Counts the object against the place that allocated it.
    case profile = 2
    /// Leads to the one word through which all weak references see the object.
    case weakHandle = 3
    /// Runs after the object is free.
    case cleanup = 4
    /// A payload that the client gets back after the object is free.
    case native = 5
    /// Makes the object known as a table of ephemerons.
    case weakTable = 6

    /// Whether an object can have several of the kind, which stay in order of their addition.
    var allowsSeveral: Bool { self == .cleanup || self == .native }
}

/// A record. All fields are under the span's `specialLock`, or the sweeper's of the span, or, once the record is due,
/// under the queue's lock.
///
/// - Source: Go 1.14 mheap.go, special, specialfinalizer and specialprofile in one.
package struct Special {
    package var next: SpecialRef?
    /// What the kind's owner keeps: the word of a function (finalizer, cleanup), a handle's address, a bucket.
    package var payload: UInt64
    /// The word that a cleanup is called with; once a finalizer is due, the address of its object.
    package var argument: UInt64
    /// Where the client's program registered it.
    package var site: UInt64
    /// The object's distance from the span's base. Small objects stay below
    /// 64 KiB; a large object is at 0.
    package var offset: UInt16
    package var kind: SpecialKind
}

/// Records one after the other, linked by `next`, on their way from one owner to another. Not shared.
struct SpecialChain {
    private(set) var first: SpecialRef?
    private(set) var last: SpecialRef?
    private(set) var count = 0

    mutating func append(_ special: SpecialRef) {
        special.pointee.next = nil
        if let last { last.pointee.next = special } else { first = special }
        last = special
        count += 1
    }
}

/// What came of a registration.
public enum Registration: Sendable, Equatable {
    case registered
    /// Nothing changed: the object has one already.
    case exists
    /// Nothing changed: memory was refused.
    case refused
}

extension UnsafeMutablePointer where Pointee == MSpan {
    /// A spin lock: it is held for the walk of one short list, and every span has one.
    package func lockSpecials() {
        while !pointee.specialLock.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged {
            spinHint()
        }
    }

    package func unlockSpecials() { pointee.specialLock.store(0, ordering: .releasing) }

    /// Puts the record where it belongs; false if there is one of its offset and kind that allows no other. Addresses
    /// that ascend cost no walk. Under the lock.
    func insertSpecial(_ record: SpecialRef) -> Bool {
        let order = record.order
        let several = record.pointee.kind.allowsSeveral
        var link = pointee.lastSpecial
        if let last = link, last.order > order {
            link = nil
            var current = pointee.specials
            while let special = current, special.order <= order {
                link = special
                current = special.pointee.next
            }
        }
        if let link, link.order == order, !several { return false }
        let next = link.map { $0.pointee.next } ?? pointee.specials
        record.pointee.next = next
        if let link { link.pointee.next = record } else { pointee.specials = record }
        if next == nil { pointee.lastSpecial = record }
        return true
    }

    /// Takes the first record of that offset and kind out of the list. Under the lock.
    func takeSpecial(offset: UInt16, kind: SpecialKind) -> SpecialRef? {
        var link: SpecialRef? = nil
        var current = pointee.specials
        while let special = current {
            let next = special.pointee.next
            if special.pointee.offset == offset, special.pointee.kind == kind {
                if let link { link.pointee.next = next } else { pointee.specials = next }
                if next == nil { pointee.lastSpecial = link }
                return special
            }
            link = special
            current = next
        }
        return nil
    }
}

extension UnsafeMutablePointer where Pointee == Special {
    /// Records are sorted by this.
    package var order: UInt32 { UInt32(pointee.offset) << 8 | UInt32(pointee.kind.rawValue) }
}
