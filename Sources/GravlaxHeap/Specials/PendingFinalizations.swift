// What waits to be finalized, and what of it never will be: worked out on demand
// with the world stopped, by a walk that takes time and memory in proportion to
// what the finalizers keep alive.

/// A finalizer or cleanup that was registered and has neither run nor been dropped.
public struct PendingFinalization: Sendable, Equatable {
    public let kind: DueCall.Kind
    /// The address of its object; 0 for a cleanup whose object is free.
    public let object: UInt
    /// Where it was registered.
    public let site: UInt64
    /// Whether it is due.
    public let isQueued: Bool
    /// Whether it keeps its object alive itself: the object is in a cycle through a finalizer or cleanup, or captured
    /// by its own, or something like that refers to it. It runs only if the program breaks that.
    public let isNever: Bool
}

extension Mutator {
    /// Every pending finalizer and cleanup: those on objects by address, then those that are due, in their order.
    /// Stops the world: at a safepoint only.
    public func pendingFinalizations() -> [PendingFinalization] {
        let heap = state.pointee.heap
        let owner = state.pointee.owner.unsafelyUnwrapped.takeUnretainedValue()
        var pending: [PendingFinalization] = []
        owner.whileStopped(state) {
            owner.finishSweepStopped()
            pending = FinalizationSurvey(heap).pending()
        }
        return pending
    }
}

/// The graph of what keeps finalizers and cleanups waiting. World stopped, everything swept.
///
/// Its nodes are objects, by address, and specials, by the address of their record. An object leads to what it refers to
/// and to its specials; a finalizer to its function and what its object refers to, a cleanup to its function and argument:
/// that is what each keeps alive. One that leads back to itself waits for ever.
private struct FinalizationSurvey {
    private let heap: MHeapRef
    private let encoding: WordEncoding
    /// The specials of each object.
    private var specials: [UInt: [SpecialRef]] = [:]
    private var objects: [SpecialRef: UInt] = [:]
    private var waiting: [SpecialRef] = []

    init(_ heap: MHeapRef) {
        self.heap = heap
        encoding = heap.pointee.configuration.encoding
        for position in 0..<heap.pointee.allSpansCount {
            let span = MSpanRef(bitPattern: heap.pointee.allSpans[position]).unsafelyUnwrapped
            if span.state != .inUse { continue }
            var current = span.pointee.specials
            while let special = current {
                current = special.pointee.next
                if special.pointee.kind != .finalizer, special.pointee.kind != .cleanup { continue }
                let address = span.base + UInt(special.pointee.offset)
                waiting.append(special)
                objects[special] = address
                // Pieces of a tiny block live and die together.
                specials[base(address), default: []].append(special)
            }
        }
        let objects = objects
        // Several of one kind on one object stay in their order.
        waiting = waiting.enumerated().sorted {
            (objects[$0.element]!, $0.element.order, $0.offset) < (objects[$1.element]!, $1.element.order, $1.offset)
        }.map(\.element)
    }

    func pending() -> [PendingFinalization] {
        let never = neverDue()
        var pending = waiting.map { special in
            PendingFinalization(
                kind: special.pointee.kind == .finalizer ? .finalizer : .cleanup, object: objects[special]!,
                site: special.pointee.site, isQueued: false, isNever: never.contains(UInt(bitPattern: special)))
        }
        heap.pointee.specials.due.forEach { special in
            let isFinalizer = special.pointee.kind == .finalizer
            pending.append(PendingFinalization(
                kind: isFinalizer ? .finalizer : .cleanup, object: isFinalizer ? UInt(special.pointee.argument) : 0,
                site: special.pointee.site, isQueued: true, isNever: false))
        }
        return pending
    }

    private func base(_ address: UInt) -> UInt { heap.findObject(address)?.base ?? address }

    private func referent(_ word: UInt64) -> UInt? {
        if word & encoding.mask != encoding.match { return nil }
        return heap.findObject(UInt(word & encoding.addressMask))?.base
    }

    private func successors(_ node: UInt) -> [UInt] {
        if let special = SpecialRef(bitPattern: node), let object = objects[special] {
            if special.pointee.kind == .finalizer {
                return [special.pointee.payload].compactMap(referent) + referents(of: base(object))
            }
            return [special.pointee.payload, special.pointee.argument].compactMap(referent)
        }
        return referents(of: node) + (specials[node] ?? []).map { UInt(bitPattern: $0) }
    }

    private func referents(of object: UInt) -> [UInt] {
        guard let (base, span, _) = heap.findObject(object), !span.pointee.spanClass.noscan else { return [] }
        var found: [UInt] = []
        var at = base
        while at < base + span.pointee.elemSize {
            let bits = heap.bitmapWord(at, heap.arena(ArenaIndex(address: at)).unsafelyUnwrapped)
            if bits & 0b10 == 0 { break }
            if bits & 0b01 != 0, let object = referent(UnsafePointer<UInt64>(bitPattern: at)!.pointee) {
                found.append(object)
            }
            at += 8
        }
        return found
    }

    /// The specials in cycles, and all that those lead to.
    private func neverDue() -> Set<UInt> {
        var components = Components(successors: successors)
        for special in waiting { components.visit(UInt(bitPattern: special)) }
        var never: Set<UInt> = []
        var unseen: [UInt] = []
        for cycle in components.cycles where cycle.contains(where: isSpecial) { unseen += cycle }
        while let node = unseen.popLast() {
            if never.insert(node).inserted { unseen += successors(node) }
        }
        return never
    }

    private func isSpecial(_ node: UInt) -> Bool { SpecialRef(bitPattern: node).map { objects[$0] != nil } ?? false }
}

/// Tarjan's strongly connected components, without recursion: graphs of objects are as deep as lists are long.
private struct Components {
    private struct Visit {
        let object: UInt
        let successors: [UInt]
        var position = 0
    }

    private let successors: (UInt) -> [UInt]
    /// When a node was first seen, and the earliest that it leads back to.
    private var number: [UInt: Int] = [:]
    private var low: [UInt: Int] = [:]
    private var open: [UInt] = []
    private var isOpen: Set<UInt> = []
    /// Components of several nodes, and single ones that lead to themselves.
    private(set) var cycles: [[UInt]] = []

    init(successors: @escaping (UInt) -> [UInt]) { self.successors = successors }

    mutating func visit(_ start: UInt) {
        if number[start] != nil { return }
        var visits = [enter(start)]
        while var visit = visits.popLast() {
            if visit.position < visit.successors.count {
                let next = visit.successors[visit.position]
                visit.position += 1
                visits.append(visit)
                if number[next] == nil {
                    visits.append(enter(next))
                } else if isOpen.contains(next) {
                    low[visit.object] = min(low[visit.object]!, number[next]!)
                }
                continue
            }
            if let parent = visits.last { low[parent.object] = min(low[parent.object]!, low[visit.object]!) }
            if low[visit.object] == number[visit.object] { close(visit) }
        }
    }

    private mutating func enter(_ object: UInt) -> Visit {
        number[object] = number.count
        low[object] = number[object]
        open.append(object)
        isOpen.insert(object)
        return Visit(object: object, successors: successors(object))
    }

    private mutating func close(_ visit: Visit) {
        var component: [UInt] = []
        while let object = open.popLast() {
            isOpen.remove(object)
            component.append(object)
            if object == visit.object { break }
        }
        if component.count > 1 || visit.successors.contains(visit.object) { cycles.append(component) }
    }
}
