import GravlaxRuntime

/// What a Swift object that scripts see holds of scripts, without keeping it alive by itself.
///
///     final class Button {
///         let onClick = HostReference<Value>()
///     }
///     type.reference("onClick", \.onClick)
///     type.method("click") { (button: Button) in try button.onClick.value?() }
///
/// A `Value` keeps its object alive for good: if that leads back to the Swift object, neither ever goes. What a reference
/// holds is kept in the script's object, where the collector sees it, so that such a cycle goes as a whole. It lives as long
/// as the script's object: what only Swift code reaches is to be held by a reference, too, `HostReference<Node>`, or by a
/// `Value`.
///
/// Before the Swift object has a script's object, the reference holds its content as any property would. For the thread
/// that uses the interpreter.
public final class HostReference<Content: ScriptConvertible> {
    private enum State {
        case free(Content?)
        case bound(InstanceLink, field: String)
    }

    private var state: State

    /// Holds `content` until there is a script's object.
    public init(_ content: Content? = nil) { state = .free(content) }

    /// What it holds: nil when it is empty, and once the script's object is gone.
    ///
    /// - Throws: `ScriptError` when that is no `Content`.
    public var value: Content? {
        get throws {
            switch state {
            case .free(let content): return content
            case .bound(let owner, let field):
                guard let owner = owner.get(), let found = owner.handle?.interpreter?.hiddenField(field, of: owner) else { return nil }
                return try Content(Value(found))
            }
        }
    }

    private func hasContent(_ owner: InstanceLink, _ field: String) -> Bool {
        owner.get().flatMap { $0.handle?.interpreter?.hiddenField(field, of: $0) }.map { !$0.isNil } ?? false
    }

    /// - Throws: `ScriptError` when memory is refused.
    public func set(_ content: Content?) throws {
        if case .bound(let owner, let field) = state, let owner = owner.get(), let core = owner.handle?.interpreter,
            let interpreter = core.host as? Interpreter
        {
            let value = try content.value(in: interpreter).host
            return try rethrowing { () throws(RuntimeError) in try core.setHiddenField(field, of: owner, value) }
        }
        state = .free(content)
    }

    /// From now on the content is in a field of the script's object `owner`. If that is not possible nothing has changed.
    ///
    /// - Returns: what makes the reference hold the content itself again.
    func bind(to owner: InstanceLink, field: String) throws -> () -> Void {
        let before = state
        let content = try value
        state = .bound(owner, field: field)
        do {
            // What another object had there is none of its.
            if content != nil || hasContent(owner, field) { try set(content) }
        } catch {
            state = before
            throw error
        }
        // A class that describes what it inherits again has it in two fields.
        if case .bound(let previous, let old) = before, previous === owner, old != field, let owner = owner.get() {
            try? rethrowing { () throws(RuntimeError) in try owner.handle?.interpreter?.setHiddenField(old, of: owner, .nil) }
        }
        return { self.state = .free(content) }
    }
}

extension HostClass where Subject: AnyObject {
    /// A property that scripts read and assign to, and whose content the collector traces: see `HostReference`.
    public func reference<Content>(_ name: String, _ path: KeyPath<Subject, HostReference<Content>> & Sendable) {
        reference(path)
        addProperty(name, get: { try $0[keyPath: path].value }, set: { try $0[keyPath: path].set($1) })
    }

    /// A reference that scripts do not see.
    public func reference<Content>(_ path: KeyPath<Subject, HostReference<Content>> & Sendable) {
        let field = nextReferenceField()
        addBinding { subject, owner in try subject[keyPath: path].bind(to: owner, field: field) }
    }
}

/// A value that is held without keeping its object alive.
public struct WeakReference: Sendable {
    private let weak: WeakValue

    /// - Throws: `ScriptError` when the value is no list, map, instance, function or class, or memory is refused.
    public init(_ value: Value) throws {
        let held = try rethrowing { () throws(RuntimeError) in try value.host.handle?.interpreter?.holdWeakly(value.host) }
        guard let held else { throw ScriptError("A weak reference can't be to \(value.kindName).") }
        weak = held
    }

    /// Nil once the object is gone.
    public var value: Value? { weak.get().map { Value($0) } }
}
