import Glibc

/// The functions written in Swift; their number is what a native function object holds. This is the one table of
/// built-ins: a case here, a row in `globals` or `members`, and its code in `Machine.run`.
enum Builtin: UInt8, CaseIterable {
    // Functions
    case clock, str
    // Methods of lists
    case push, pop, insert, removeAt, clearList
    // Methods of maps
    case has, remove, keys, values, clearMap
    // Members of std/gc
    case collect, stats, percent, memoryLimit, releaseMemory, step, keepAlive, trace, onFinalize, onCleanup, runFinalizers, weakReference, weakMap
    // Methods of weak references and weak maps
    case getWeak, weakGet, weakSet, weakHas, weakRemove

    /// The counts of arguments it takes.
    var arities: ClosedRange<Int> {
        switch self {
        case .stats: 0...1
        case .clock, .pop, .clearList, .keys, .values, .clearMap, .collect, .releaseMemory, .runFinalizers, .weakMap,
            .getWeak:
            0...0
        case .percent, .memoryLimit: 0...1
        case .str, .push, .removeAt, .has, .remove, .step, .keepAlive, .trace, .weakReference, .weakHas, .weakRemove: 1...1
        case .weakGet: 1...2
        case .insert, .onFinalize, .weakSet: 2...2
        case .onCleanup: 3...3
        }
    }

    /// The global names of built-in functions: the first slots of every program's global table.
    static let globals: [(name: String, builtin: Builtin)] = [("clock", .clock), ("str", .str)]

    struct Member {
        let name: String
        var list: Builtin?
        var map: Builtin?
        var collector: Builtin?
        var weakReference: Builtin?
        var weakMap: Builtin?
    }

    /// Properties of built-in kinds and members of modules. They are the interpreter's first symbols: a symbol below their
    /// count is its row.
    static let members: [Member] = [
        Member(name: "count"),
        Member(name: "push", list: .push),
        Member(name: "pop", list: .pop),
        Member(name: "insert", list: .insert),
        Member(name: "removeAt", list: .removeAt),
        Member(name: "clear", list: .clearList, map: .clearMap),
        Member(name: "has", map: .has, weakMap: .weakHas),
        Member(name: "remove", map: .remove, weakMap: .weakRemove),
        Member(name: "keys", map: .keys),
        Member(name: "values", map: .values),
        Member(name: "collect", collector: .collect),
        Member(name: "stats", collector: .stats),
        Member(name: "percent", collector: .percent),
        Member(name: "memoryLimit", collector: .memoryLimit),
        Member(name: "releaseMemory", collector: .releaseMemory),
        Member(name: "step", collector: .step),
        Member(name: "keepAlive", collector: .keepAlive),
        Member(name: "trace", collector: .trace),
        Member(name: "onFinalize", collector: .onFinalize),
        Member(name: "onCleanup", collector: .onCleanup),
        Member(name: "runFinalizers", collector: .runFinalizers),
        Member(name: "WeakRef", collector: .weakReference),
        Member(name: "WeakMap", collector: .weakMap),
        Member(name: "get", weakReference: .getWeak, weakMap: .weakGet),
        Member(name: "set", weakMap: .weakSet),
    ]

    static var countSymbol: Int32 { 0 }

    /// The built-in method `symbol` of `receiver`, or the member that a module has under that name.
    static func method(_ symbol: Int32, of receiver: Value) -> Builtin? {
        guard Int(symbol) < members.count else { return nil }
        return switch receiver.kind {
        case .list: members[Int(symbol)].list
        case .map: members[Int(symbol)].map
        case .module: members[Int(symbol)].collector
        case .weakReference: members[Int(symbol)].weakReference
        case .weakMap: members[Int(symbol)].weakMap
        default: nil
        }
    }

    /// Names of what `method` finds for a receiver of this kind.
    static func names(of kind: ObjectKind?) -> [String] {
        switch kind {
        case .list: members.filter { $0.list != nil }.map(\.name)
        case .map: members.filter { $0.map != nil }.map(\.name)
        case .module: members.filter { $0.collector != nil }.map(\.name)
        case .weakReference: members.filter { $0.weakReference != nil }.map(\.name)
        case .weakMap: members.filter { $0.weakMap != nil }.map(\.name)
        default: []
        }
    }
}

extension Machine {
    /// Runs a built-in whose receiver is `window[0]` and whose arguments follow. All of them stay in registers, so
    /// addresses are good throughout. `nil`: failed.
    func run(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        let receiver = Value(bits: window[0])
        // Read where there is one: the stack may end with the receiver.
        var argument: Value { Value(bits: window[1]) }
        switch builtin {
        case .clock:
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Value(unchecked: Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9)
        case .str:
            return StringObject.isString(argument) ? argument : makeText(of: argument)
        case .push:
            return push(argument.bits, to: receiver.words) ? .nil : nil
        case .pop:
            let count = ListObject.count(receiver.words)
            guard count > 0 else { return failed("Can't pop from an empty list.") }
            let slot = ListObject.elements(receiver.words) + (count - 1)
            let last = Value(bits: slot.pointee)
            mutator.store(Value.nilBits, to: slot)
            ListObject.setCount(count - 1, receiver.words)
            return last
        case .insert:
            return insert(Value(bits: window[2]), at: argument, in: receiver.words)
        case .removeAt:
            return remove(at: argument, from: receiver.words)
        case .clearList:
            ListObject.setCount(0, receiver.words)
            mutator.store(0, to: receiver.words + 1)
            return .nil
        case .has:
            return Value(mapValue(receiver.words, argument) != nil)
        case .remove:
            return removeMapValue(receiver.words, argument) ?? .nil
        case .keys:
            return listOfEntries(receiver.words, offset: 0)
        case .values:
            return listOfEntries(receiver.words, offset: 1)
        case .clearMap:
            mutator.store(0, to: receiver.words + 2)
            mutator.store(0, to: receiver.words + 3)
            MapObject.setCounts(receiver.words, count: 0, used: 0)
            return .nil
        case .collect, .stats, .percent, .memoryLimit, .releaseMemory, .step, .keepAlive, .trace:
            return runCollectorMember(builtin, window, argumentCount: argumentCount)
        case .onFinalize, .onCleanup, .runFinalizers:
            return runFinalization(builtin, window)
        case .weakReference, .getWeak:
            return runWeak(builtin, window)
        case .weakMap, .weakGet, .weakSet, .weakHas, .weakRemove:
            return runWeakMap(builtin, window, argumentCount: argumentCount)
        }
    }

    /// Sets the error and gives `nil`, for a built-in to return.
    func failed(_ message: String) -> Value? {
        _ = fail(message)
        return nil
    }

    private func insert(_ value: Value, at key: Value, in list: ObjectWords) -> Value? {
        let count = ListObject.count(list)
        guard let index = position(key, limit: count + 1, count: count) else { return nil }
        guard push(value.bits, to: list) else { return nil }
        let elements = ListObject.elements(list)
        mutator.bulkStore(from: elements + index, to: elements + index + 1, count: count - index)
        mutator.store(value.bits, to: elements + index)
        return .nil
    }

    private func remove(at key: Value, from list: ObjectWords) -> Value? {
        let count = ListObject.count(list)
        guard let index = position(key, limit: count, count: count) else { return nil }
        let elements = ListObject.elements(list)
        let removed = Value(bits: elements[index])
        mutator.bulkStore(from: elements + index + 1, to: elements + index, count: count - index - 1)
        mutator.store(Value.nilBits, to: elements + count - 1)
        ListObject.setCount(count - 1, list)
        return removed
    }

    private func position(_ key: Value, limit: Int, count: Int) -> Int? {
        guard key.isNumber else {
            _ = fail("List index must be a number.")
            return nil
        }
        let number = key.number
        let position = number < 0 ? number + Double(count) : number
        guard position == position.rounded(.towardZero), position >= 0, position < Double(limit) else {
            let elements = count == 1 ? "1 element" : "\(count) elements"
            _ = fail("List index \(NumberFormatting.text(number)) out of range: the list has \(elements).")
            return nil
        }
        return Int(position)
    }

    private func listOfEntries(_ map: ObjectWords, offset: Int) -> Value? {
        guard let list = makeList(capacity: MapObject.count(map)) else { return nil }
        var count = 0
        for entry in 0..<MapObject.used(map) {
            let words = MapObject.entries(map) + 2 * entry
            guard words[0] != Value.undefinedBits else { continue }
            mutator.store(words[offset], to: ListObject.elements(list.words) + count)
            count += 1
        }
        ListObject.setCount(count, list.words)
        return list
    }

    /// The text that `print` shows, as a string.
    func makeText(of value: Value) -> Value? {
        if value.isNumber {
            return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { buffer in
                let count = NumberFormatting.write(value.number, into: buffer)
                return makeString(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
            }
        }
        // Measured first: lists that share elements have texts far longer than themselves, more than any memory.
        let limit = min(heap.configuration.budget.map { Int(clamping: $0) } ?? .max, StringObject.maximumByteCount)
        var count = 0
        write(value, while: { count <= limit }) { count += $0.count }
        guard count <= limit else {
            failure = .outOfMemory
            return nil
        }
        return makeString(byteCount: count) { put in write(value, put) }
    }
}
