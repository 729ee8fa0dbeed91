import Glibc
import GravlaxHeap
import Synchronization

extension SeededGenerator {
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func isOne(in count: Int) -> Bool { below(count) == 0 }
}

/// The root words of one mutator.
final class RootWords: RootSource {
    var words: [UInt64] = []

    func visitRoots(_ visitor: RootVisitor) {
        words.withUnsafeBufferPointer { words in
            if let base = words.baseAddress { visitor.visit(words: base, count: words.count) }
        }
    }
}

/// References carry a tag: objects without pointers may begin at odd addresses.
extension WordEncoding {
    static let tagged = WordEncoding(
        mask: 0xFFFF_0000_0000_0000, match: 0x0001_0000_0000_0000, addressMask: 0x0000_FFFF_FFFF_FFFF)
}

/// What an object of the shadow looks like.
enum Shape: Equatable {
    /// A word with the object's number, then references.
    case node(slotCount: Int)
    /// Bytes that its number determines.
    case bytes(Int)

    /// Any kind the heap tells apart: tiny, small, with and without a bitmap pattern, large, scanned in pieces.
    static func random(_ generator: inout SeededGenerator) -> Shape {
        switch generator.below(100) {
        case 0..<40: .node(slotCount: 1 + generator.below(6))
        case 40..<52: .node(slotCount: 7 + generator.below(60))
        case 52..<56: .node(slotCount: 100 + generator.below(3900))
        case 56..<57: .node(slotCount: 4100 + generator.below(4000))
        case 57..<58: .node(slotCount: 16_385 + generator.below(40_000))
        case 58..<75: .bytes(1 + generator.below(15))
        case 75..<92: .bytes(16 + generator.below(500))
        case 92..<98: .bytes(513 + generator.below(32_000))
        default: .bytes(32_769 + generator.below(300_000))
        }
    }
}

/// What the heap should hold: a second graph, in Swift, that says what is alive and what every object contains.
/// Used by one thread at a time.
final class ShadowGraph {
    struct Object {
        let address: UInt
        let shape: Shape
        /// The number of the object each slot refers to.
        var references: [Int: UInt64] = [:]
        var specials: [SpecialKind: UInt64] = [:]

        /// A reference to it.
        var word: UInt64 { WordEncoding.tagged.match | UInt64(address) }
    }

    private(set) var objects: [UInt64: Object] = [:]
    /// Roots of each mutator: numbers of objects, as `RootWords.words` has their addresses.
    var roots: [ObjectIdentifier: [UInt64]] = [:]
    /// What was found wrong.
    private(set) var failures: [String] = []
    private var lastNumber: UInt64
    private var journal: ShadowJournal

    /// Numbers begin above `firstNumber`: several graphs in one heap stay apart.
    init(firstNumber: UInt64 = 0) {
        lastNumber = firstNumber
        journal = ShadowJournal(firstNumber: firstNumber)
    }

    func fail(_ sentence: @autoclosure () -> String) { if failures.count < 10 { failures.append(sentence()) } }

    // MARK: Changes

    /// Allocates and fills an object. nil: memory was refused.
    func allocate(_ shape: Shape, _ mutator: Mutator) -> UInt64? {
        let (memory, byteCount) = switch shape {
        case .node(let slotCount):
            (allocateNode(ObjectLayout(headerWords: 1, slotCount: slotCount), mutator), 8 + 8 * slotCount)
        case .bytes(let count): (mutator.allocateNoScan(byteCount: count), count)
        }
        return memory.map { adopt($0, shape, byteCount) }
    }

    /// As clients do that fill objects in plainly where they can.
    private func allocateNode(_ layout: ObjectLayout, _ mutator: Mutator) -> UnsafeMutableRawPointer? {
        mutator.allocateWhite(layout) ?? mutator.allocate(layout)
    }

    private func adopt(_ memory: UnsafeMutableRawPointer, _ shape: Shape, _ byteCount: Int) -> UInt64 {
        lastNumber += 1
        let number = lastNumber
        if !isFilled(memory, byteCount, with: 0) { fail("object \(number), \(shape), is not zeroed") }
        switch shape {
        case .node: memory.storeBytes(of: number, as: UInt64.self)
        case .bytes: memset(memory, Int32(pattern(number)), byteCount)
        }
        objects[number] = Object(address: UInt(bitPattern: memory), shape: shape)
        if !journal.adopt(number, at: UInt(bitPattern: memory)) { fail("object \(number) was there: \(journal[number])") }
        return number
    }

    /// Left to the C library: objects are large and these are debug builds.
    private func isFilled(_ memory: UnsafeRawPointer, _ byteCount: Int, with byte: UInt8) -> Bool {
        byteCount == 0
            || memory.load(as: UInt8.self) == byte && memcmp(memory, memory + 1, byteCount - 1) == 0
    }

    /// What an object without references is filled with. Never 0.
    private func pattern(_ number: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: number &* 31 | 1) }

    func slot(_ index: Int, of object: Object) -> UnsafeMutablePointer<UInt64> {
        UnsafeMutablePointer<UInt64>(bitPattern: object.address)! + 1 + index
    }

    /// Has a slot refer to another object, or to none.
    func store(_ target: UInt64?, in holder: UInt64, slot index: Int, _ mutator: Mutator) {
        guard let object = objects[holder], case .node = object.shape else { return }
        let word = target.map { objects[$0]!.word } ?? 0
        // As clients do that test the bit together with something else.
        if index.isMultiple(of: 2), mutator.barrierBit == 0 {
            slot(index, of: object).pointee = word
        } else {
            mutator.store(word, to: slot(index, of: object))
        }
        objects[holder]!.references[index] = target
    }

    /// Copies slots between two objects, or within one, with the bulk form.
    func copy(from source: UInt64, _ first: Int, to destination: UInt64, _ second: Int, count: Int, _ mutator: Mutator) {
        let from = objects[source]!
        let copied = (0..<count).map { from.references[first + $0] }
        mutator.bulkStore(from: slot(first, of: from), to: slot(second, of: objects[destination]!), count: count)
        for (index, target) in copied.enumerated() { objects[destination]!.references[second + index] = target }
    }

    /// Clears slots with the bulk form.
    func clear(_ holder: UInt64, from first: Int, count: Int, _ mutator: Mutator) {
        mutator.bulkFill(0, to: slot(first, of: objects[holder]!), count: count)
        for index in first..<first + count { objects[holder]!.references[index] = nil }
    }

    /// Puts what the slots of an object hold in another order: slot n gets what was in slot `order[n]`.
    func permute(_ holder: UInt64, _ order: [Int], _ mutator: Mutator) {
        let object = objects[holder]!
        let slots = slot(0, of: object)
        let words = order.map { slots[$0] }
        mutator.willBulkStore(destination: slots, count: order.count)
        for (index, word) in words.enumerated() {
            // A marker may be reading it.
            UnsafeMutableRawPointer(slots + index).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
                .store(word, ordering: .releasing)
        }
        for (index, old) in order.enumerated() { objects[holder]!.references[index] = object.references[old] }
    }

    func addSpecial(_ kind: SpecialKind, to number: UInt64, payload: UInt64, _ mutator: Mutator) {
        let object = objects[number]!
        let had = object.specials[kind] != nil
        let added = mutator.state.pointee.heap.addSpecial(kind, to: object.address, payload: payload, mutator.state) == .registered
        if added && had { fail("object \(number) got a second special of one kind") }
        if added { objects[number]!.specials[kind] = payload }
    }

    func removeSpecial(_ kind: SpecialKind, from number: UInt64, _ mutator: Mutator) {
        let object = objects[number]!
        let payload = mutator.state.pointee.heap.removeSpecial(kind, from: object.address, mutator.state)
        if payload != object.specials[kind] { fail("object \(number) has lost a special") }
        objects[number]!.specials[kind] = nil
    }

    /// Takes objects out that nothing else here refers to.
    func remove(_ numbers: [UInt64]) -> [UInt64: Object] {
        var removed: [UInt64: Object] = [:]
        for number in numbers { removed[number] = objects.removeValue(forKey: number) }
        journal.end(numbers, .sent)
        return removed
    }

    func add(_ others: [UInt64: Object]) {
        for number in others.keys where objects[number] != nil { fail("object \(number) came, but was there") }
        objects.merge(others) { _, new in new }
        journal.end(others.keys, .returned)
    }

    // MARK: Checks

    /// The numbers of all objects that roots lead to.
    func reachable() -> Set<UInt64> {
        var seen: Set<UInt64> = []
        var waiting = roots.values.flatMap { $0 }
        while let number = waiting.popLast() {
            guard seen.insert(number).inserted else { continue }
            guard let object = objects[number] else {
                fail("the shadow lost object \(number): \(journal[number]); \(objects.count) up to \(lastNumber)")
                continue
            }
            waiting += object.references.values
        }
        return seen
    }

    /// Forgets what nothing leads to any more, and looks at every word of the rest.
    func forgetDeadAndCheck() {
        let alive = reachable()
        journal.end(objects.keys.filter { !alive.contains($0) }, .forgotten)
        objects = objects.filter { alive.contains($0.key) }
        for number in alive { check(number) }
    }

    func check(_ number: UInt64) {
        guard let object = objects[number], let memory = UnsafeRawPointer(bitPattern: object.address) else { return }
        switch object.shape {
        case .node(let slotCount):
            let words = memory.assumingMemoryBound(to: UInt64.self)
            if words[0] != number { fail("object \(number), \(object.shape), has \(words[0]) in front") }
            var next = 0
            for slot in object.references.keys.sorted() + [slotCount] {
                if !isFilled(words + 1 + next, (slot - next) * 8, with: 0) {
                    fail("object \(number) has references between slots \(next) and \(slot)")
                }
                next = slot + 1
            }
            for (slot, target) in object.references where words[1 + slot] != objects[target]?.word ?? 0 {
                let found = String(words[1 + slot], radix: 16)
                let wanted = objects[target].map { String($0.word, radix: 16) } ?? "lost"
                fail("slot \(slot) of object \(number), at \(String(object.address, radix: 16)), is \(found), not \(wanted), to \(target): \(journal[target])")
            }
        case .bytes(let count):
            if !isFilled(memory, count, with: pattern(number)) {
                fail("object \(number), \(object.shape), has wrong bytes")
            }
        }
    }

    /// Whether the heap still has all that roots lead to, right after a cycle: marked where nothing is swept yet, and
    /// not free elsewhere.
    func checkAlive(_ heap: MHeapRef) {
        for number in reachable() {
            guard let object = objects[number] else { continue }
            guard let (_, span, index) = heap.findObject(object.address) else {
                fail("object \(number), \(object.shape), is in no span")
                continue
            }
            let state = span.pointee.sweepgen.load(ordering: .acquiring)
            let isUnswept = state == heap.sweepgen &- 2 || state == heap.sweepgen &+ 1
            if isUnswept ? !span.isMarked(index) : span.isFree(index) { fail("object \(number), \(object.shape), is lost") }
        }
    }

    /// Heap objects that hold what roots lead to, by size class: tiny objects share theirs.
    func countsBySizeClass(_ heap: MHeapRef) -> (counts: [UInt64], byteCount: UInt64) {
        var bases: Set<UInt> = []
        var counts = [UInt64](repeating: 0, count: SizeClass.count)
        var byteCount: UInt64 = 0
        for number in reachable() {
            guard let object = objects[number], let (base, span, _) = heap.findObject(object.address) else {
                fail("object \(number) is in no span")
                continue
            }
            if bases.insert(base).inserted {
                counts[Int(span.pointee.spanClass.sizeClass.rawValue)] += 1
                byteCount += UInt64(span.pointee.elemSize)
            }
        }
        return (counts, byteCount)
    }

    var specialCount: Int { objects.values.reduce(0) { $0 + $1.specials.count } }
}
