import GravlaxRuntime

/// A Swift type that an interpreter has as a class, and that goes in and out like other types:
///
///     extension Account: HostObject {}
///
///     let account: Account = try interpreter.evaluate("Account(\"Ann\")")
///     interpreter.define("richest") { (accounts: [Account]) in accounts.max { $0.balance < $1.balance } }
///
/// A Swift object has one script's object as long as a script has that, so that `==` holds.
public protocol HostObject: ScriptConvertible {}

extension HostObject {
    /// - Throws: `ScriptError` when the value is no object of this type.
    public init(_ value: Value) throws { self = try value.hostObject(as: Self.self) }

    /// - Throws: `ScriptError` when the interpreter has no class for the type, or memory is refused.
    public func value(in interpreter: Interpreter) throws -> Value { try interpreter.hostClasses.value(of: self) }
}

extension HostObject where Self: Decodable {
    public init(_ value: Value) throws { self = try value.hostObject(as: Self.self) }
}

extension HostObject where Self: Encodable {
    public func value(in interpreter: Interpreter) throws -> Value { try interpreter.hostClasses.value(of: self) }
}

extension Value {
    /// The Swift object that the script's object stands for, or a copy of what it has. Of any type, `HostObject` or not.
    ///
    /// - Throws: `ScriptError` when it is something else.
    public func hostObject<Object>(as type: Object.Type = Object.self) throws -> Object {
        let core = host.handle?.interpreter
        if let core, let found = content(core.object(of: host), as: Object.self) { return found }
        let name = (core?.host as? Interpreter)?.hostClasses.name(of: type) ?? "\(type)"
        throw ScriptError("Expected an instance of \(name), not \(kindName).")
    }
}

extension Interpreter {
    /// Makes a Swift type a class of scripts, as a global. See `HostClass`.
    ///
    /// - Throws: `ScriptError` when the type is defined already, a name is no name, or memory is refused; whatever
    ///   `describe` throws.
    public func define<Subject>(
        _ name: String, as type: Subject.Type, _ describe: (HostClass<Subject>) throws -> Void
    ) throws {
        guard hostClasses.name(of: type) == nil else { throw ScriptError("\(type) is defined already.") }
        let hostClass = try HostClass<Subject>(name, in: self)
        hostClass.forbidInstances()
        try describe(hostClass)
        try hostClass.complete()
        try rethrowing { () throws(RuntimeError) in try core.setGlobal(name, hostClass.value) }
        hostClasses.add(hostClass, for: type)
    }

    var hostClasses: HostClasses {
        if let known = core.hostClasses as? HostClasses { return known }
        let made = HostClasses()
        core.hostClasses = made
        return made
    }
}

/// A `HostClass` of whatever type.
protocol AnyHostClass: AnyObject {
    var name: String { get }
    var subjectType: Any.Type { get }
    var value: HostValue { get }
    var release: HostRelease { get }
    /// Whether its instances are those of a Swift class that `type` inherits from.
    func isAbove(_ type: Any.Type) -> Bool
    /// References of the class and of those above.
    var referenceCount: Int { get }
    /// What lets those of a new instance keep what they hold there.
    func bindings(of subject: Any, _ link: InstanceLink) -> [HostClasses.Binding]
    /// - Parameter subject: of the class's type.
    func makeValue(of subject: Any) throws -> Value
}

/// The classes that an interpreter has of the host's. Owner: the interpreter's thread.
final class HostClasses {
    private var classes: [ObjectIdentifier: any AnyHostClass] = [:]
    private var pending: [Binding] = []
    private var isBinding = false
    /// Takes back what was done since the first of the bindings that belong together, in this order.
    private var undoing: [() -> Void] = []

    /// Gives what takes it back.
    typealias Binding = () throws -> () -> Void

    func add(_ hostClass: any AnyHostClass, for type: Any.Type) { classes[ObjectIdentifier(type)] = hostClass }

    func name(of type: Any.Type) -> String? { classes[ObjectIdentifier(type)]?.name }

    /// What a type's class inherits from, when that is defined: the class that is below all others which the type inherits from.
    func nearest(above type: Any.Type) -> (any AnyHostClass)? {
        classes.values.filter { $0.isAbove(type) }.reduce(nil) { nearest, candidate in
            nearest.map { $0.isAbove(candidate.subjectType) ? candidate : $0 } ?? candidate
        }
    }

    /// By the class of the instance; else by the nearest of those above that is defined.
    func value<Subject>(of subject: Subject) throws -> Value {
        if let known = classes[ObjectIdentifier(Swift.type(of: subject as Any))] { return try known.makeValue(of: subject) }
        var mirror = Mirror(reflecting: subject).superclassMirror
        while let above = mirror {
            if let known = classes[ObjectIdentifier(above.subjectType)] { return try known.makeValue(of: subject) }
            mirror = above.superclassMirror
        }
        throw ScriptError("The interpreter has no class for \(Swift.type(of: subject)): define(_:as:) makes one.")
    }

    /// Runs bindings, one after another: those that one of them leads to wait, so that a long chain needs no deep stack. All of
    /// a chain succeed, or none.
    ///
    /// - Parameters:
    ///   - undo: takes back what the bindings are for.
    ///   - isOfScript: they are for what a script makes, and no part of what is being bound.
    func bind(_ bindings: [Binding], isOfScript: Bool, undo: @escaping () -> Void) throws {
        let outer = (pending, undoing, isBinding)
        if isOfScript { (pending, undoing, isBinding) = ([], [], false) }
        defer { if isOfScript { (pending, undoing, isBinding) = outer } }
        pending.append(contentsOf: bindings)
        undoing.append(undo)
        if isBinding { return }
        isBinding = true
        defer {
            isBinding = false
            pending = []
            undoing = []
        }
        do {
            while let binding = pending.popLast() { undoing.append(try binding()) }
        } catch {
            while let undo = undoing.popLast() { undo() }
            throw error
        }
    }
}
