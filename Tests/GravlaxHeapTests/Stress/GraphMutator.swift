import GravlaxHeap

/// Objects on their way from one thread to another.
struct Parcel {
    let node: UInt64
    let objects: [UInt64: ShadowGraph.Object]

    var word: UInt64 { objects[node]!.word }
}

/// A mutator together with its roots, its stacks and the shadow it works on. Does random things, one at a time.
final class GraphMutator {
    let mutator: Mutator
    let roots: RootWords
    let shadow: ShadowGraph
    private var stacks: [UnsafeMutableRawPointer] = []
    /// Objects it keeps directly, at most.
    static let rootCapacity = 24
    /// Whether it may wait for somebody else who sweeps a span: not if all run on one thread.
    private let mayWait: Bool

    private var key: ObjectIdentifier { ObjectIdentifier(roots) }
    /// The objects that the roots refer to, in their order.
    var numbers: [UInt64] {
        get { shadow.roots[key]! }
        set { shadow.roots[key] = newValue }
    }

    init(_ heap: Heap, _ shadow: ShadowGraph, mayWait: Bool) throws {
        self.mayWait = mayWait
        roots = RootWords()
        mutator = try heap.makeMutator(roots: roots)
        self.shadow = shadow
        shadow.roots[key] = []
    }

    /// Gives up its roots and stacks, and the mutator. It must be running.
    func close() {
        for stack in stacks { mutator.freeStack(stack) }
        stacks = []
        shadow.roots[key] = nil
        roots.words = []
        mutator.close()
    }

    /// One random operation on the graph.
    func step(_ generator: inout SeededGenerator) {
        switch generator.below(27) {
        case 0..<9: allocate(&generator)
        case 9..<12: link(&generator)
        case 12: unlink(&generator)
        case 13..<15: drop(&generator)
        case 15: follow(&generator)
        case 16: copy(&generator)
        case 17: special(&generator)
        case 18: stack(&generator)
        case 19..<26: move(&generator)
        default: if let number = numbers.randomElement(using: &generator) { shadow.check(number) }
        }
    }

    private func allocate(_ generator: inout SeededGenerator) {
        guard let number = shadow.allocate(Shape.random(&generator), mutator) else { return }
        if let holder = randomNode(&generator), generator.isOne(in: 2) {
            shadow.store(number, in: holder.number, slot: generator.below(holder.slotCount), mutator)
        } else {
            keep(number, &generator)
        }
    }

    /// Makes an object a root, in place of another one if there are many.
    func keep(_ number: UInt64, _ generator: inout SeededGenerator) {
        let word = shadow.objects[number]!.word
        if numbers.count < Self.rootCapacity {
            numbers.append(number)
            roots.words.append(word)
        } else {
            let place = generator.below(numbers.count)
            numbers[place] = number
            roots.words[place] = word
        }
    }

    func randomNode(_ generator: inout SeededGenerator) -> (number: UInt64, slotCount: Int)? {
        guard let number = numbers.randomElement(using: &generator),
            case .node(let slotCount)? = shadow.objects[number]?.shape
        else { return nil }
        return (number, slotCount)
    }

    private func link(_ generator: inout SeededGenerator) {
        guard let holder = randomNode(&generator), let target = numbers.randomElement(using: &generator) else { return }
        shadow.store(target, in: holder.number, slot: generator.below(holder.slotCount), mutator)
    }

    private func unlink(_ generator: inout SeededGenerator) {
        guard let holder = randomNode(&generator),
            let slot = shadow.objects[holder.number]!.references.keys.sorted().randomElement(using: &generator)
        else { return }
        shadow.store(nil, in: holder.number, slot: slot, mutator)
    }

    private func drop(_ generator: inout SeededGenerator) {
        if !numbers.isEmpty { dropRoot(generator.below(numbers.count)) }
    }

    func dropRoot(_ place: Int) {
        numbers.remove(at: place)
        roots.words.remove(at: place)
    }

    /// Makes a root of what a root refers to.
    private func follow(_ generator: inout SeededGenerator) {
        guard let holder = randomNode(&generator) else { return }
        let references = shadow.objects[holder.number]!.references
        guard let slot = references.keys.sorted().randomElement(using: &generator) else { return }
        keep(references[slot]!, &generator)
    }

    private func copy(_ generator: inout SeededGenerator) {
        guard let source = randomNode(&generator), let destination = randomNode(&generator) else { return }
        let count = 1 + generator.below(min(source.slotCount, destination.slotCount))
        shadow.copy(
            from: source.number, generator.below(source.slotCount - count + 1), to: destination.number,
            generator.below(destination.slotCount - count + 1), count: count, mutator)
    }

    private func special(_ generator: inout SeededGenerator) {
        guard let number = numbers.randomElement(using: &generator), let object = shadow.objects[number] else { return }
        // Records hang on the starts of objects; tiny ones share theirs.
        if case .bytes(let count) = object.shape, count < HeapConstants.tinySize { return }
        let heap = mutator.state.pointee.heap
        let state = heap.spanOf(object.address)!.pointee.sweepgen.load(ordering: .acquiring)
        if !mayWait, state == heap.sweepgen &- 1 { return }
        let kind = SpecialKind.profile
        if object.specials[kind] != nil, generator.isOne(in: 2) {
            shadow.removeSpecial(kind, from: number, mutator)
        } else {
            shadow.addSpecial(kind, to: number, payload: generator.next(), mutator)
        }
    }

    /// Makes a node and objects that it alone refers to, to be handed to another thread with all that the shadow knows.
    func makeParcel(_ generator: inout SeededGenerator) -> Parcel? {
        guard let node = shadow.allocate(.node(slotCount: 8), mutator) else { return nil }
        var numbers = [node]
        for slot in 0..<1 + generator.below(8) {
            guard let part = shadow.allocate(.bytes(1 + generator.below(600)), mutator) else { break }
            shadow.store(part, in: node, slot: slot, mutator)
            numbers.append(part)
        }
        return Parcel(node: node, objects: shadow.remove(numbers))
    }

    func accept(_ parcel: Parcel, _ generator: inout SeededGenerator) {
        shadow.add(parcel.objects)
        keep(parcel.node, &generator)
    }

    private func stack(_ generator: inout SeededGenerator) {
        if stacks.count < 3, let stack = mutator.allocateStack(byteCount: 1 + generator.below(100_000)) {
            stack.storeBytes(of: 0x5A5A_5A5A_5A5A_5A5A, as: UInt64.self)
            stacks.append(stack)
        } else if !stacks.isEmpty {
            let stack = stacks.remove(at: generator.below(stacks.count))
            if stack.load(as: UInt64.self) != 0x5A5A_5A5A_5A5A_5A5A { shadow.fail("a stack was overwritten") }
            mutator.freeStack(stack)
        }
    }
}
