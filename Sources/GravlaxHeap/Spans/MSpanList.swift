// Doubly linked lists of spans. Each belongs to whatever embeds it and is
// guarded by that owner's lock.

/// - Source: Go 1.14 mheap.go, mSpanList.
package struct MSpanList {
    package var first: MSpanRef?
    package var last: MSpanRef?

    package init() {}
}

package typealias MSpanListRef = UnsafeMutablePointer<MSpanList>

extension UnsafeMutablePointer where Pointee == MSpan {
    /// - Source: Go 1.14 mheap.go, (*mspan).inList.
    package var inList: Bool { pointee.list != nil }
}

extension UnsafeMutablePointer where Pointee == MSpanList {
    package var isEmpty: Bool { pointee.first == nil }

    /// Puts a span that is in no list in front.
    package func insert(_ span: MSpanRef) {
        checkFree(span)
        span.pointee.next = pointee.first
        if let first = pointee.first { first.pointee.previous = span } else { pointee.last = span }
        pointee.first = span
        span.pointee.list = self
    }

    /// Puts a span that is in no list at the end.
    package func insertBack(_ span: MSpanRef) {
        checkFree(span)
        span.pointee.previous = pointee.last
        if let last = pointee.last { last.pointee.next = span } else { pointee.first = span }
        pointee.last = span
        span.pointee.list = self
    }

    /// Takes a span out of this list, and this one only.
    package func remove(_ span: MSpanRef) {
        if span.pointee.list != self {
            fatal("span removed from a list it is not in", ("span", UInt(bitPattern: span)))
        }
        if let previous = span.pointee.previous {
            previous.pointee.next = span.pointee.next
        } else {
            pointee.first = span.pointee.next
        }
        if let next = span.pointee.next {
            next.pointee.previous = span.pointee.previous
        } else {
            pointee.last = span.pointee.previous
        }
        span.pointee.next = nil
        span.pointee.previous = nil
        span.pointee.list = nil
    }

    /// Moves all spans of `other` in front of this list's.
    package func takeAll(_ other: MSpanListRef) {
        guard let otherLast = other.pointee.last else { return }
        var span = other.pointee.first
        while let current = span {
            current.pointee.list = self
            span = current.pointee.next
        }
        if let first = pointee.first {
            otherLast.pointee.next = first
            first.pointee.previous = otherLast
        } else {
            pointee.last = otherLast
        }
        pointee.first = other.pointee.first
        other.pointee.first = nil
        other.pointee.last = nil
    }

    private func checkFree(_ span: MSpanRef) {
        if span.pointee.next != nil || span.pointee.previous != nil || span.pointee.list != nil {
            fatal("span inserted that is in a list already", ("span", UInt(bitPattern: span)))
        }
    }
}
