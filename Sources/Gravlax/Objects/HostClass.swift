import GravlaxRuntime

/// What scripts can do with a Swift type: the description that `Interpreter.define(_:as:)` makes a class of.
///
///     try interpreter.define("Account", as: Account.self) { type in
///         type.initializer { (owner: String) in Account(owner: owner) }
///         type.property("owner", \.owner)
///         type.method("deposit") { (account: Account, amount: Double) in try account.deposit(amount) }
///     }
///
/// Functions run on the thread that runs the script, may throw, and may run and call scripts. They live as long as the
/// interpreter; let them not keep that alive, nor values of its. Arguments that do not fit are errors of the script's.
///
/// Instances of a Swift class are shared: the script's object stands for the very object, and is the same one as long as a
/// script has it. Of other types each script's object has a copy: mutating methods change that, and what comes
/// back to Swift is a copy again.
public final class HostClass<Subject> {
    let name: String
    unowned let interpreter: Interpreter
    let value: HostValue
    /// What this one inherits from, scripts' view of Swift's superclass.
    private let superclass: (any AnyHostClass)?
    /// Let references of a new instance keep what they hold there.
    private var bindings: [(Subject, InstanceLink) throws -> () -> Void] = []
    private var isComplete = false
    /// What went wrong first.
    private var failure: (any Error)?

    /// Where Swift objects are let go of when their scripts' objects are gone.
    /// As the superclass's at first.
    public var release: HostRelease

    init(_ name: String, in interpreter: Interpreter) throws {
        try Gravlax.Value.check(name)
        self.name = name
        self.interpreter = interpreter
        let superclass = interpreter.hostClasses.nearest(above: Subject.self)
        self.superclass = superclass
        release = superclass?.release ?? .withInterpreter
        value = try rethrowing { () throws(RuntimeError) in
            try interpreter.core.makeClass(name, inheritingFrom: superclass?.value)
        }
    }

    /// The description is over: nothing may be added once there may be instances.
    func complete() throws {
        isComplete = true
        if let failure { throw failure }
    }

    // MARK: Making instances

    /// What a call of the class makes: `Account("Ann")`. The initialiser of a script's class that inherits from this one
    /// calls it as `super.init("Ann")`. Without one, scripts can't make instances. It may give an object that there is already,
    /// whose instance is the result then.
    public func initializer<each Parameter: ScriptConvertible>(
        _ make: @escaping @Sendable (repeat each Parameter) throws -> Subject
    ) {
        addMethod("init", parameterCount: count(repeat (each Parameter).self)) { receiver, arguments in
            let subject = try make(repeat arguments.next((each Parameter).self))
            if Self.isShared, let known = self.interpreter.core.instance(of: subject as AnyObject), !known.isSame(receiver) {
                return try self.givenAgain(known, instead: receiver)
            }
            try self.attach(subject, to: receiver, isOfScript: true)
            return receiver
        }
    }

    /// What a call of the class gives when the Swift object has an instance: that. One of a class that inherits from this one
    /// cannot stand for it, too.
    private func givenAgain(_ known: HostValue, instead receiver: HostValue) throws -> HostValue {
        guard interpreter.core.isInstance(receiver, of: value) else {
            throw ScriptError("\(name)() gives an object that has another instance: a class that inherits needs one of its own.")
        }
        return known
    }

    func forbidInstances() {
        let name = name
        attempt { () throws(RuntimeError) in
            let function = try interpreter.core.makeFunction(name, parameterCount: nil) { _ in
                throw ScriptError("Scripts can't make instances of \(name).")
            }
            try interpreter.core.addMethod("init", function, to: value)
        }
    }

    // MARK: Methods

    /// A method that returns something: its first parameter is the instance.
    public func method<each Parameter: ScriptConvertible, Result: ScriptConvertible>(
        _ name: String, _ body: @escaping @Sendable (Subject, repeat each Parameter) throws -> Result
    ) {
        addMethod(name, parameterCount: count(repeat (each Parameter).self)) { receiver, arguments in
            try body(self.subject(of: receiver), repeat arguments.next((each Parameter).self)).value(in: self.interpreter).host
        }
    }

    /// A method that returns nothing.
    @_disfavoredOverload
    public func method<each Parameter: ScriptConvertible>(
        _ name: String, _ body: @escaping @Sendable (Subject, repeat each Parameter) throws -> Void
    ) {
        addMethod(name, parameterCount: count(repeat (each Parameter).self)) { receiver, arguments in
            try body(self.subject(of: receiver), repeat arguments.next((each Parameter).self))
            return .nil
        }
    }

    /// A method that may change what it is called on, for structs and enumerations. What it sees is a copy, written back when
    /// it is over, also when it throws: changes that scripts make to the object meanwhile are overwritten.
    public func mutatingMethod<each Parameter: ScriptConvertible, Result: ScriptConvertible>(
        _ name: String, _ body: @escaping @Sendable (inout Subject, repeat each Parameter) throws -> Result
    ) {
        addMethod(name, parameterCount: count(repeat (each Parameter).self)) { receiver, arguments in
            let parameters = (repeat try arguments.next((each Parameter).self))
            return try self.change(receiver) { try body(&$0, repeat each parameters) }.value(in: self.interpreter).host
        }
    }

    /// A method that may change what it is called on, and returns nothing.
    @_disfavoredOverload
    public func mutatingMethod<each Parameter: ScriptConvertible>(
        _ name: String, _ body: @escaping @Sendable (inout Subject, repeat each Parameter) throws -> Void
    ) {
        addMethod(name, parameterCount: count(repeat (each Parameter).self)) { receiver, arguments in
            let parameters = (repeat try arguments.next((each Parameter).self))
            try self.change(receiver) { try body(&$0, repeat each parameters) }
            return .nil
        }
    }

    // MARK: Properties

    /// A property that scripts read. An assignment to it is an error of the script's.
    public func property<Content: ScriptConvertible>(_ name: String, _ path: KeyPath<Subject, Content> & Sendable) {
        addProperty(name, get: { $0[keyPath: path] }, set: nil)
    }

    /// A property that scripts read and assign to.
    public func property<Content: ScriptConvertible>(_ name: String, _ path: WritableKeyPath<Subject, Content> & Sendable) {
        addProperty(name, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 })
    }

    /// A property that a function computes, and that scripts read.
    public func property<Content: ScriptConvertible>(
        _ name: String, get: @escaping @Sendable (Subject) throws -> Content
    ) {
        addProperty(name, get: get, set: nil)
    }

    /// A property that functions compute and take.
    public func property<Content: ScriptConvertible>(
        _ name: String, get: @escaping @Sendable (Subject) throws -> Content,
        set: @escaping @Sendable (inout Subject, Content) throws -> Void
    ) {
        addProperty(name, get: get, set: set)
    }

    /// - Parameter set: nil: assigning is an error.
    func addProperty<Content: ScriptConvertible>(
        _ name: String, get: @escaping (Subject) throws -> Content, set: ((inout Subject, Content) throws -> Void)?
    ) {
        let title = "\(self.name).\(name)"
        attempt { () throws(RuntimeError) in
            let getter = try interpreter.core.makeFunction(title, parameterCount: nil) { arguments in
                try get(self.subject(of: arguments[0])).value(in: self.interpreter).host
            }
            let setter = try interpreter.core.makeFunction(title, parameterCount: nil) { arguments in
                guard let set else { throw ScriptError("\(title) can't be assigned to.") }
                let content: Content
                do {
                    content = try Content(Gravlax.Value(arguments[1]))
                } catch {
                    throw ScriptError.within("\(title): ", error)
                }
                try self.change(arguments[0]) { try set(&$0, content) }
                return .nil
            }
            try interpreter.core.addProperty(name, getter: getter, setter: setter, to: value)
        } checking: {
            try Gravlax.Value.check(name)
        }
    }

    // MARK: Adding

    func count<each Parameter>(_ types: repeat (each Parameter).Type) -> Int {
        var count = 0
        for _ in repeat each types { count += 1 }
        return count
    }

    func addMethod(
        _ name: String, parameterCount: Int, _ body: @escaping (_ receiver: HostValue, _ arguments: MethodArguments) throws -> HostValue
    ) {
        attempt { () throws(RuntimeError) in
            let title = "\(self.name).\(name)"
            let function = try interpreter.core.makeFunction(title, parameterCount: parameterCount) { arguments in
                try body(arguments[0], MethodArguments(title, arguments.dropFirst()))
            }
            try interpreter.core.addMethod(name, function, to: value)
        } checking: {
            try Gravlax.Value.check(name)
        }
    }

    /// Does what can fail, unless something has: the description then ends with the first error.
    func attempt(_ body: () throws(RuntimeError) -> Void, checking check: () throws -> Void = {}) {
        precondition(!isComplete, "the class \(name) is defined already")
        if failure != nil { return }
        do {
            try check()
            try rethrowing(body)
        } catch {
            failure = error
        }
    }

    /// The name of the field for one more reference.
    func nextReferenceField() -> String { "reference \(referenceCount)" }

    var referenceCount: Int { bindings.count + (superclass?.referenceCount ?? 0) }

    func addBinding(_ binding: @escaping (Subject, InstanceLink) throws -> () -> Void) { bindings.append(binding) }

    // MARK: Subjects

    private static var isShared: Bool { Subject.self is AnyObject.Type }

    /// What an instance of this class stands for.
    func subject(of receiver: HostValue) throws -> Subject {
        try Self.subject(of: receiver, named: name, in: interpreter)
    }

    static func subject(of receiver: HostValue, named name: String, in interpreter: Interpreter) throws -> Subject {
        let object = interpreter.core.object(of: receiver)
        if let subject = object as? Subject { return subject }
        if let box = object as? HostBox<Subject> { return box.content }
        throw ScriptError("The instance has no \(name) yet: its init() must call super.init() first.")
    }

    /// Changes what an instance stands for.
    private func change<Result>(_ receiver: HostValue, _ body: (inout Subject) throws -> Result) throws -> Result {
        var subject = try subject(of: receiver)
        // The box is not accessed while the body runs, which may come here again.
        defer { (interpreter.core.object(of: receiver) as? HostBox<Subject>)?.content = subject }
        return try body(&subject)
    }

    private func attach(_ subject: Subject, to instance: HostValue, isOfScript: Bool) throws {
        let object = Self.isShared ? subject as AnyObject : HostBox(subject)
        let link = try rethrowing { () throws(RuntimeError) in
            try interpreter.core.attach(object, to: instance, isFound: Self.isShared, release: release.schedule)
        }
        try interpreter.hostClasses.bind(bindings(of: subject, link), isOfScript: isOfScript) { [core = interpreter.core] in
            core.detach(instance)
        }
    }
}

extension HostClass: AnyHostClass {
    var subjectType: Any.Type { Subject.self }

    func isAbove(_ type: Any.Type) -> Bool { Self.isShared && type is Subject.Type && type != Subject.self }

    func bindings(of subject: Any, _ link: InstanceLink) -> [HostClasses.Binding] {
        guard let own = subject as? Subject else { preconditionFailure("\(Swift.type(of: subject)) is no \(Subject.self)") }
        return (superclass?.bindings(of: subject, link) ?? []) + bindings.map { binding in { try binding(own, link) } }
    }

    /// The script's object for a subject: that which it has, if it is shared.
    func makeValue(of subject: Any) throws -> Gravlax.Value {
        guard let subject = subject as? Subject else { preconditionFailure("\(Swift.type(of: subject)) is no \(Subject.self)") }
        if Self.isShared, let known = interpreter.core.instance(of: subject as AnyObject) { return Gravlax.Value(known) }
        let instance = try rethrowing { () throws(RuntimeError) in try interpreter.core.makeInstance(of: value) }
        try attach(subject, to: instance, isOfScript: false)
        return Gravlax.Value(instance)
    }
}

/// What a script's object has of a type that is no class.
final class HostBox<Content> {
    var content: Content
    init(_ content: Content) { self.content = content }
}

/// What `HostObject` needs of a box.
func content<Content>(_ object: AnyObject?, as type: Content.Type) -> Content? {
    // Not as an optional: what is nil would be an object of any kind.
    object.flatMap { $0 as? Content ?? ($0 as? HostBox<Content>)?.content }
}

/// The arguments of a call, one after another.
final class MethodArguments {
    private let name: String
    private var rest: ArraySlice<HostValue>
    private var position = 0

    init(_ name: String, _ arguments: ArraySlice<HostValue>) { (self.name, rest) = (name, arguments) }

    /// - Throws: `ScriptError`, with the position and the function, when it is something else.
    func next<Argument: ScriptConvertible>(_ type: Argument.Type) throws -> Argument {
        position += 1
        do {
            return try Argument(Value(rest.removeFirst()))
        } catch {
            throw ScriptError.within("Argument \(position) of \(name)(): ", error)
        }
    }
}
