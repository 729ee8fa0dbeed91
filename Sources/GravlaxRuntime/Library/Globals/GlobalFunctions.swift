import Glibc

/// The functions that every program has without an import.
extension Machine {
    func runGlobal(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        switch builtin {
        case .clock:
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Value(unchecked: Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9)
        case .str:
            let value = Value(bits: window[1])
            return StringObject.isString(value) ? value : makeText(of: value)
        case .type:
            return makeString(typeName(Value(bits: window[1])))
        case .num:
            let value = Value(bits: window[1])
            if value.isNumber { return value }
            guard StringObject.isString(value) else { return .nil }
            let number = number(in: StringObject.bytes(value.words))
            return failure != nil ? nil : number.map { Value(number: $0) } ?? .nil
        case .assert:
            return assert(window, argumentCount: argumentCount)
        default:
            fatalError("not a global function")
        }
    }

    private func assert(_ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        if Value(bits: window[1]).isTruthy { return .nil }
        let message = optional(2, window, argumentCount)
        if message.isNil { return failed("Assertion failed.") }
        guard let text = makeText(of: message) else { return nil }
        return failed("Assertion failed: \(StringObject.text(text.words))")
    }

    /// What `type` gives.
    private func typeName(_ value: Value) -> String {
        if value.isNumber { return "number" }
        guard let kind = value.kind else { return value.isNil ? "nil" : "boolean" }
        return switch kind {
        case .longString, .shortString: "string"
        case .closure, .native, .boundMethod: "function"
        case .classObject: "class"
        case .instance: "instance"
        case .list: "list"
        case .map: "map"
        case .range: "range"
        case .module: "module"
        case .weakReference: "weak reference"
        case .weakMap: "weak map"
        case .cell, .buffer, .accessor: "value"
        }
    }
}
