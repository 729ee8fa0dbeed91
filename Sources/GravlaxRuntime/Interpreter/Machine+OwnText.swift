import GravlaxCompiler

/// Texts that scripts make: `toString()`, for `print`, interpolation and `str`, of elements of lists and maps too.
///
/// A text of a single instance completes its instruction as it is. For a list or map the prelude calls `toString()` of each
/// instance in it that has one, once, and the writer takes the texts from a map.
extension Machine {
    /// What makes the text of `value`: a method `toString` that takes no arguments.
    func textMethod(of value: Value) -> Value? {
        guard hasOwnTexts, let instance = value.object(.instance) else { return nil }
        guard let method = ClassObject.method(toStringSymbol, of: InstanceObject.classWords(instance)) else { return nil }
        if method.kind == .native { return hostFunction(method.words).parameterCount ?? 0 == 0 ? method : nil }
        return Machine.isMethod(method) && ClosureObject.prototype(method.words).pointee.accepts(argumentCount: 0)
            ? method : nil
    }

    /// Lets scripts make the text of `value`, which a register holds, for `print` or `tostring`. `nil`: they have nothing to
    /// do with it. Else what the slow path says.
    func makeOwnText(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, of value: Value) -> Bool? {
        guard hasOwnTexts, value.isObject else { return nil }
        let base = frame.pointee.base
        switch value.kind {
        case .instance:
            guard let method = textMethod(of: value) else { return nil }
            if isPolledAway(frame, pc) { return false }
            if method.kind == .closure { return goesOn(frame, base, in: completing(frame, with: method, value)) }
            return goesOn(frame, base, in: completing(frame, withHost: method.words, value))
        case .list, .map:
            if isPolledAway(frame, pc) { return false }
            guard let instances = instancesWithTexts(in: value) else { return false }
            if ListObject.count(instances.words) == 0 { return nil }
            temporaries[2] = instances.bits
            defer { temporaries[2] = 0 }
            guard let function = preludeClosure(.textOf) else { return false }
            return goesOn(frame, base, in: completing(frame, with: function, instances, value))
        default:
            return nil
        }
    }

    /// Whether `result` is what `toString()` of `value` may give; else that is the error.
    func isText(_ result: Value, of value: Value) -> Bool {
        if StringObject.isString(result) { return true }
        guard let instance = value.object(.instance) else { return fail("A text has to be a string.") }
        return fail("toString() of \(ClassObject.nameText(InstanceObject.classWords(instance))) has to return a string.")
    }

    /// A list of the instances in a list or map, nested ones included, that have texts of their own; each once. `nil`:
    /// failed. What was seen stands in the heap, and so within its budget.
    func instancesWithTexts(in value: Value) -> Value? {
        defer { for index in 2...4 { temporaries[index] = 0 } }
        guard let found = makeList(capacity: 0) else { return nil }
        temporaries[2] = found.bits
        guard let containers = makeList(capacity: 1) else { return nil }
        temporaries[3] = containers.bits
        guard push(value.bits, to: containers.words), let seen = makeMap() else { return nil }
        temporaries[4] = seen.bits
        /// Adds what was not seen before.
        func add(_ element: Value, to list: Value) -> Bool {
            if mapValue(seen.words, element) != nil { return true }
            return setMapValue(seen.words, element, Value(true)) && push(element.bits, to: list.words)
        }
        guard setMapValue(seen.words, value, Value(true)) else { return nil }
        var next = 0
        while next < ListObject.count(containers.words) {
            let container = Value(bits: ListObject.elements(containers.words)[next])
            next += 1
            // Of a map keys and values, one by one: it is no matter which is which.
            let isMap = container.kind == .map
            let count = isMap ? 2 * MapObject.used(container.words) : ListObject.count(container.words)
            for index in 0..<count {
                let place = isMap ? MapObject.entries(container.words) : ListObject.elements(container.words)
                let element = Value(bits: place[index])
                guard worked(8) else { return nil }
                switch element.kind {
                case .list, .map: guard add(element, to: containers) else { return nil }
                case .instance where textMethod(of: element) != nil: guard add(element, to: found) else { return nil }
                default: break
                }
            }
        }
        return found
    }
}
