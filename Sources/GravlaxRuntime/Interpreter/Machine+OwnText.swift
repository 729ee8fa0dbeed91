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
    /// failed.
    func instancesWithTexts(in value: Value) -> Value? {
        guard let found = makeList(capacity: 0) else { return nil }
        temporaries[2] = found.bits
        defer { temporaries[2] = 0 }
        var open = [value]
        var seen: Set<UInt64> = [value.bits]
        while let container = open.popLast() {
            // Elements by pairs of a key and a value, or one by one: it is no matter which.
            let isMap = container.kind == .map
            let count = isMap ? 2 * MapObject.used(container.words) : ListObject.count(container.words)
            for index in 0..<count {
                let place = isMap ? MapObject.entries(container.words) : ListObject.elements(container.words)
                let element = Value(bits: place[index])
                guard worked(8) else { return nil }
                switch element.kind {
                case .list, .map: if seen.insert(element.bits).inserted { open.append(element) }
                case .instance:
                    if textMethod(of: element) != nil, seen.insert(element.bits).inserted {
                        guard push(element.bits, to: found.words) else { return nil }
                    }
                default: break
                }
            }
        }
        return found
    }
}
