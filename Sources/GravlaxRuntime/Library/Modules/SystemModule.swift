import Glibc

/// The module `std/os`, where the host grants it.
extension Machine {
    func runSystem(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int) -> Value? {
        guard let system = grants.system else { return failed("The host does not grant std/os.") }
        switch builtin {
        case .arguments:
            return makeList(of: system.arguments)
        case .environment:
            let words = Value(bits: window[1]).words
            // No name is so long, and to the system one ends at its NUL.
            if StringObject.byteCount(words) > 1 << 17 || StringObject.bytes(words).contains(0) { return .nil }
            let name = StringObject.text(words)
            if let environment = system.environment { return environment[name].map { makeString($0) } ?? .nil }
            guard let value = getenv(name) else { return .nil }
            return makeString(String(cString: value))
        case .exit:
            let code = optional(1, window, argumentCount)
            guard code.isNil || code.number >= 0 && code.number <= 255 else {
                return failed("os.exit expects a whole number from 0 to 255 as 'code', not \(NumberFormatting.text(code.number)).")
            }
            output.flush()
            let number = code.isNil ? 0 : Int32(code.number)
            guard let exit = system.exit else {
                failure = .limit(.exit(number))
                return nil
            }
            exit(number)
        default:
            fatalError("not a member of std/os")
        }
    }

    /// A list of strings.
    func makeList(of texts: [String]) -> Value? {
        guard let list = makeList(capacity: texts.count) else { return nil }
        temporaries[1] = list.bits
        defer {
            temporaries[1] = 0
            temporaries[2] = 0
        }
        for text in texts {
            guard let string = makeString(text) else { return nil }
            temporaries[2] = string.bits
            guard push(string.bits, to: list.words) else { return nil }
        }
        return list
    }
}
