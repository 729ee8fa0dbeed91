import GravlaxHeap

/// Classes whose methods are functions of the host's, and their instances.
extension Interpreter {
    // MARK: Classes

    /// A class without members but those that it inherits. Its own are to be added before it has instances or is inherited from.
    package func makeClass(_ name: String, inheritingFrom superclass: HostValue?) throws(RuntimeError) -> HostValue {
        try inside { () throws(RuntimeError) in
            var hints = SymbolIndex()
            _ = hints.insert(machine.slotSymbol)
            guard let made = machine.makeClass(name, hints: hints) else { throw outOfMemory() }
            let held = machine.hold(made)
            if let superclass, !machine.inherit(superclass.value.words, made.words) { throw outOfMemory() }
            return held
        }
    }

    /// Adds a function that `makeFunction` made as a method: it is given the instance first, which its count of parameters
    /// does not count. One called `init` is called for each new instance.
    package func addMethod(_ name: String, _ function: HostValue, to classValue: HostValue) throws(RuntimeError) {
        try add(name, function.value, to: classValue)
    }

    /// Adds a property: the getter is given the instance, the setter the instance and the value.
    package func addProperty(
        _ name: String, getter: HostValue, setter: HostValue, to classValue: HostValue
    ) throws(RuntimeError) {
        try inside { () throws(RuntimeError) in
            guard let accessor = machine.makeAccessor(getter: getter.value, setter: setter.value) else { throw outOfMemory() }
            try add(name, machine.hold(accessor).value, to: classValue)
        }
    }

    /// Adds a static member: a function, which is given no instance.
    package func addStatic(_ name: String, _ function: HostValue, to classValue: HostValue) throws(RuntimeError) {
        try inside { () throws(RuntimeError) in
            guard machine.addStatic(function.value, machine.symbols.intern(name), to: classValue.value.words) else {
                throw outOfMemory()
            }
        }
    }

    private func add(_ name: String, _ member: Value, to classValue: HostValue) throws(RuntimeError) {
        try inside { () throws(RuntimeError) in
            machine.temporaries[0] = member.bits
            defer { machine.temporaries[0] = 0 }
            guard machine.addMethod(member, machine.symbols.intern(name), to: classValue.value.words) else { throw outOfMemory() }
        }
    }

    // MARK: Instances

    /// An instance that nothing has initialised.
    package func makeInstance(of classValue: HostValue) throws(RuntimeError) -> HostValue {
        try inside { () throws(RuntimeError) in
            guard let instance = machine.makeInstance(of: classValue.value.words) else { throw outOfMemory() }
            return machine.hold(instance)
        }
    }

    /// Whether that is the very class of an instance.
    package func isInstance(_ instance: HostValue, of classValue: HostValue) -> Bool {
        inside {
            instance.value.object(.instance).map { InstanceObject.classWords($0) == classValue.value.words } ?? false
        }
    }

    /// Makes `instance` that of a Swift object, which lives as long as it does, or longer.
    ///
    /// - Parameters:
    ///   - isFound: whether `instance(of:)` gives the instance for the object.
    ///   - release: lets go of the object some time after the instance is freed, and when the interpreter goes. Nil: it is
    ///     let go of on the thread that uses the interpreter.
    @discardableResult
    package func attach(
        _ object: AnyObject, to instance: HostValue, isFound: Bool, release: HostObjectRelease?
    ) throws(RuntimeError) -> InstanceLink {
        try inside { () throws(RuntimeError) in
            guard let link = machine.attach(object, to: instance.value, isFound: isFound, release: release) else {
                throw outOfMemory()
            }
            return link
        }
    }

    /// Takes that back: the instance is as if nothing had initialised it.
    package func detach(_ instance: HostValue) {
        inside {
            guard let slot = machine.hostSlot(instance.value) else { return }
            machine.hostObjects.forget(slot)
        }
    }

    /// The Swift object of an instance.
    package func object(of instance: HostValue) -> AnyObject? {
        inside { machine.hostSlot(instance.value).flatMap { machine.hostObjects.object($0) } }
    }

    /// The instance of a Swift object, when it lives.
    package func instance(of object: AnyObject) -> HostValue? {
        inside { machine.hostObjects.instance(of: object)?.get() }
    }

    /// Swift objects that instances hold.
    package var hostObjectCount: Int { machine.hostObjects.count }

    // MARK: Fields that no script sees

    /// A field of an instance. Its name has a space: no script can name it. Nil when there is none, or that is nil.
    package func hiddenField(_ name: String, of instance: HostValue) -> HostValue? {
        inside { machine.property(machine.symbols.intern(name), of: instance.value.words).map { machine.hold($0) } }
    }

    package func setHiddenField(_ name: String, of instance: HostValue, _ value: HostValue) throws(RuntimeError) {
        try inside { () throws(RuntimeError) in
            guard machine.assign(machine.symbols.intern(name), value.value, to: instance.value.words) else { throw outOfMemory() }
        }
    }

    /// Holds an object without keeping it alive; nil for what is no object with an identity.
    package func holdWeakly(_ value: HostValue) throws(RuntimeError) -> WeakValue? {
        try inside { () throws(RuntimeError) in
            guard machine.hasIdentity(value.value) else { return nil }
            guard let weak = machine.holdWeakly(value.value) else { throw outOfMemory() }
            return weak
        }
    }
}
