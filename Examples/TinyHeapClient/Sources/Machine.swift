// A stack machine in the manner of Joy: code is lists, so there is no object but the pair.

import GravlaxHeap

/// The words that the machine knows from the start: names with the lowest indexes.
enum Primitive: Substring, CaseIterable {
    case empty = "[]", add = "+", multiply = "*", less = "<", isEmpty = "empty", choose = "if", run = "i"
    case drop, dup, swap, rot, cons, uncons, put, define, print
}

struct ProgramError: Error { let message: String }

final class Machine {
    private let heap: Heap, mutator: Mutator, roots = Roots(), primitives = Primitive.allCases
    private var names = Primitive.allCases.map(\.rawValue)

    init(_ configuration: HeapConfiguration) throws {
        heap = try Heap(configuration)
        mutator = try heap.makeMutator(roots: roots)
    }
    deinit { mutator.close() }

    var statistics: HeapStatistics { mutator.collect(); return mutator.readStatistics() }  // Of what lives.

    /// Runs a text: brackets make lists, and the whole of it is one more.
    func run(_ text: String) throws {
        var starts: [Int] = []
        for token in "[ \(text) ]".split(whereSeparator: \.isWhitespace) {
            switch token {
            case "[": starts.append(roots.stack.count)
            case "]":
                push(Word(name: 0))
                guard let start = starts.popLast() else { throw ProgramError(message: "brackets do not match") }
                while roots.stack.count > start + 1 { try cons() }
            default:
                if Int(token) == nil, !names.contains(token) { names.append(token) }
                push(Int(token).map { Word(number: $0) } ?? Word(name: names.firstIndex(of: token)!))
            }
        }
        guard starts.isEmpty, roots.stack.count == 1 else { throw ProgramError(message: "brackets do not match") }
        roots.pending = [pop()]
        while let code = roots.pending.popLast() {
            guard let (word, rest) = code.pair else { continue }
            // A call at the end of a list leaves nothing behind: loops are calls.
            if rest.name == nil { roots.pending.append(rest) }
            try execute(word)
            // All that lives is in the roots now: the moment to let a collection happen.
            if mutator.pollRequested { mutator.safepoint() }
        }
    }

    private func execute(_ word: Word) throws {
        guard let name = word.name else { return push(word) }
        if let definition = roots.definitions[name] { return roots.pending.append(definition) }
        if name >= primitives.count { throw ProgramError(message: "\(names[name]) is not defined") }
        switch primitives[name] {
        case .empty: push(word)
        case .add: push(Word(number: popNumber() &+ popNumber()))
        case .multiply: push(Word(number: popNumber() &* popNumber()))
        case .less: push(Word(number: popNumber() > popNumber() ? 1 : 0))
        case .isEmpty: push(Word(number: pop() == Word(name: 0) ? 1 : 0))
        case .choose: let no = pop(), yes = pop(); roots.pending.append(popNumber() == 0 ? no : yes)
        case .run: roots.pending.append(pop())
        case .drop: _ = pop()
        case .dup: push(peek(0))
        case .swap: push(pop(), pop())
        case .rot: let third = pop(), second = pop(), first = pop(); push(second, third, first)
        case .cons: try cons()
        case .uncons: if let (head, tail) = pop().pair { push(head, tail) }
        // What an object holds is replaced through the mutator, which tells the collector.
        case .put: let value = pop(); if let slots = peek(0).slots { mutator.store(value.bits, to: slots) }
        case .define: if let name = pop().pair?.head.name { roots.definitions[name] = pop() }
        case .print: print(text(pop()))
        }
    }

    /// Pairs the two topmost words. They stay on the stack until it is done: when memory is short, this collects.
    private func cons() throws {
        let fields = [peek(1).bits, peek(0).bits]
        guard let object = mutator.allocateOrCollect(Word.layout) else { throw ProgramError(message: "out of memory") }
        for (index, field) in fields.enumerated() { mutator.store(field, to: object.assumingMemoryBound(to: UInt64.self) + index) }
        roots.stack.removeLast(min(2, roots.stack.count))
        push(Word(pair: object))
    }

    private func push(_ words: Word...) { roots.stack += words }
    private func pop() -> Word { roots.stack.popLast() ?? Word(name: 0) }
    private func popNumber() -> Int { pop().number ?? 0 }
    private func peek(_ depth: Int) -> Word { roots.stack.dropLast(depth).last ?? Word(name: 0) }

    private func text(_ word: Word) -> String {
        guard word.pair != nil else { return word.number.map { "\($0)" } ?? "\(names[word.name ?? 0])" }
        let items = sequence(first: word) { $0.pair?.tail }.compactMap { $0.pair.map { text($0.head) } }
        return "[ \(items.joined(separator: " ")) ]"
    }
}
