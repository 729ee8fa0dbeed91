import GravlaxCompiler

/// What hosts do with a member of a value: just what scripts do, by functions of the language.
package enum MemberUse: Sendable, Hashable {
    case read
    case write
    case call(argumentCount: Int)

    /// A function whose only site names the member.
    fileprivate var text: String {
        switch self {
        case .read: return "(fun (object) => object.member)"
        case .write: return "(fun (object, value) { object.member = value; })"
        case .call(let count):
            let names = (0..<count).map { "a\($0)" }
            return "(fun (\((["object"] + names).joined(separator: ", "))) => object.member(\(names.joined(separator: ", "))))"
        }
    }
}

/// A function for one use of members. Its site is given another name for each use, so that there are as many of them as are
/// in use at a time, whatever names hosts ask for.
final class MemberAccessor {
    let function: HostValue
    var isBusy = false

    init(_ function: HostValue) { self.function = function }

    func name(_ symbol: Int32) {
        let prototype = ClosureObject.prototype(function.value.words)
        let site = UnsafeMutablePointer(mutating: prototype.pointee.siteSymbols)
        if site.pointee == symbol { return }
        site.pointee = symbol
        // The caches were for the other name. They refer to nothing.
        prototype.pointee.caches.pointee = 0
    }
}

extension Interpreter {
    /// Uses the member `name` of the first argument.
    package func perform(
        _ use: MemberUse, _ name: String, _ arguments: [HostValue]
    ) throws(RuntimeError) -> HostValue {
        try running { () throws(RuntimeError) in
            let accessor = try takeAccessor(use, name)
            defer { accessor.isBusy = false }
            return try call(accessor.function, arguments)
        }
    }

    package func performAwaiting(
        _ use: MemberUse, _ name: String, _ arguments: [HostValue]
    ) async throws(RuntimeError) -> HostValue {
        let taken = TakenAccessor()
        return try await driven(thatEndsWith: { taken.accessor?.isBusy = false }) { [self] () throws(RuntimeError) in
            let accessor = try takeAccessor(use, name)
            taken.accessor = accessor
            return try machine.begin(accessor.function.value, arguments.map(\.value))
        }
    }

    /// One that is free. Inside a run.
    private func takeAccessor(_ use: MemberUse, _ name: String) throws(RuntimeError) -> MemberAccessor {
        let accessor: MemberAccessor
        if let free = memberAccessors[use]?.first(where: { !$0.isBusy }) {
            accessor = free
        } else {
            accessor = MemberAccessor(try hiddenFunction(use.text))
            memberAccessors[use, default: []].append(accessor)
        }
        accessor.name(machine.symbols.intern(name))
        accessor.isBusy = true
        return accessor
    }
}

/// What an awaited run has taken. Used inside only.
private final class TakenAccessor: @unchecked Sendable {
    var accessor: MemberAccessor?
}
