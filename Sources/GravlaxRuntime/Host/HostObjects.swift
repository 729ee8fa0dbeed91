import GravlaxHeap

/// Objects of the host's that scripts see as instances of its classes.
///
///     script's instance ── field no script can name ──▶ slot ── strong ──▶ Swift object
///                      ◀── weak handle ────────────────  │
///                      ── native cleanup, the slot's number, after the instance is freed
///
/// The instance is an ordinary one. A Swift object has one instance at a time, found by its identity. Owner: the
/// interpreter's thread.
final class HostObjects {
    private struct Slot {
        var object: AnyObject?
        /// Lets go of an object elsewhere; nil: here.
        var release: HostObjectRelease?
        var instance: InstanceLink?
        /// Whether the instance is found by the object's identity.
        var isFound = false
    }

    private var slots: [Slot] = []
    private var free: [Int] = []
    private var slotOfObject: [ObjectIdentifier: Int] = [:]
    /// Objects whose instances are gone, to be let go of here.
    private var dying: [AnyObject] = []

    /// Slots in use.
    var count: Int { slots.count - free.count }

    func object(_ slot: Int) -> AnyObject? { slots[slot].object }

    func instance(of object: AnyObject) -> InstanceLink? { slotOfObject[ObjectIdentifier(object)].flatMap { slots[$0].instance } }

    func instance(ofSlot slot: Int) -> InstanceLink? { slots[slot].instance }

    /// - Parameter isFound: whether the instance is to be found by the object's identity.
    func add(_ object: AnyObject, instance: InstanceLink, isFound: Bool, release: HostObjectRelease?) -> Int {
        let slot = free.popLast() ?? slots.count
        if slot == slots.count { slots.append(Slot()) }
        put(object, instance: instance, isFound: isFound, release: release, into: slot)
        return slot
    }

    /// Lets go of the slot's object, and holds another.
    func replace(_ slot: Int, by object: AnyObject, instance: InstanceLink, isFound: Bool, release: HostObjectRelease?) {
        letGo(slot)
        put(object, instance: instance, isFound: isFound, release: release, into: slot)
    }

    private func put(
        _ object: AnyObject, instance: InstanceLink, isFound: Bool, release: HostObjectRelease?, into slot: Int
    ) {
        slots[slot] = Slot(object: object, release: release, instance: instance, isFound: isFound)
        if isFound { slotOfObject[ObjectIdentifier(object)] = slot }
    }

    /// The instance, which keeps the slot, stands for nothing any more. The object is not let go of: it never was the script's.
    func forget(_ slot: Int) {
        slots[slot].release = nil
        letGo(slot)
    }

    /// The instance is freed.
    func remove(_ slot: Int) {
        letGo(slot)
        free.append(slot)
    }

    func removeAll() {
        for slot in slots.indices where slots[slot].object != nil { letGo(slot) }
        while !dying.isEmpty { releaseDying() }
    }

    private func letGo(_ slot: Int) {
        if slots[slot].isFound, let identity = slots[slot].object.map({ ObjectIdentifier($0) }),
            slotOfObject[identity] == slot
        {
            slotOfObject[identity] = nil
        }
        slots[slot].instance?.isCut = true
        let release = slots[slot].release
        if let release {
            let last = LastReference(&slots[slot].object)
            slots[slot] = Slot()
            release { last.drop() }
        } else {
            if let object = slots[slot].object { dying.append(object) }
            slots[slot] = Slot()
        }
    }

    func letGoLater(_ object: AnyObject) { dying.append(object) }

    /// Lets go of what is to be let go of here. That runs code of the host's, which may use the interpreter.
    func releaseDying() {
        while let object = dying.popLast() { withExtendedLifetime(object) {} }
    }
}

/// Calls what it is given, sooner or later, on any thread: that lets go of an object.
package typealias HostObjectRelease = @Sendable (_ letGo: @escaping @Sendable () -> Void) -> Void

/// A reference that moves to another thread, and ends there.
private final class LastReference: @unchecked Sendable {
    private var object: AnyObject?

    /// Takes the reference out of `place`.
    init(_ place: inout AnyObject?) { swap(&object, &place) }

    func drop() { object = nil }
}

/// A value that is held without keeping its object alive.
package final class WeakValue: Sendable {
    /// Of the heap's word that knows whether the object lives.
    private let handle: Handle

    init(_ handle: Handle) { self.handle = handle }

    package var interpreter: Interpreter? { handle.interpreter }

    /// Nil once the object is gone, or the interpreter.
    package func get() -> HostValue? {
        guard let interpreter = handle.interpreter else { return nil }
        return interpreter.inside {
            interpreter.machine.mutator.weakGet(UnsafeMutableRawPointer(Value(bits: handle.bits).words)).map {
                interpreter.machine.hold(Value(object: $0.assumingMemoryBound(to: UInt64.self)))
            }
        }
    }
}

/// The way from what a host has to its instance, across the instance's being found dead and revived. Owner: the
/// interpreter's thread.
package final class InstanceLink: @unchecked Sendable {
    fileprivate var weak: WeakValue
    /// The instance stands for another object since, or for none.
    fileprivate var isCut = false

    fileprivate init(_ weak: WeakValue) { self.weak = weak }

    /// Nil once the instance is gone, or the interpreter. One that was found dead and waits for its finalizer is there.
    package func get() -> HostValue? {
        if isCut { return nil }
        if let found = weak.get() { return found }
        guard let interpreter = weak.interpreter else { return nil }
        return interpreter.inside {
            interpreter.machine.relinkWaiting()
            return weak.get()
        }
    }

    /// Whether it leads nowhere, as far as it knows itself.
    fileprivate var isBroken: Bool { weak.get() == nil }
}

extension Machine {
    /// The name of the field with the slot: none that a script can write.
    static var slotField: String { "host object" }

    /// Whether scripts can't name it.
    static func isHidden(_ name: String) -> Bool { name.utf8.contains { $0 == UInt8(ascii: " ") || $0 == 0 } }

    /// The slot of an instance; nil: it has none yet, or is no object of the host's.
    func hostSlot(_ value: Value) -> Int? {
        guard let instance = value.object(.instance) else { return nil }
        return property(slotSymbol, of: instance).map { Int($0.number) }
    }

    /// A weak reference for the host. The object is held by a handle. Nil: out of memory.
    func holdWeakly(_ value: Value) -> WeakValue? {
        guard let word = retrying({ mutator.weakHandle(of: UnsafeMutableRawPointer(value.words)) }) else { return nil }
        let bits = Value(internal: word).bits
        return WeakValue(Handle(bits, slot: handles.take(bits, mutator), in: handles, of: owner))
    }

    /// Makes `instance`, which a handle holds, the instance of `object`. Nil: out of memory.
    func attach(_ object: AnyObject, to instance: Value, isFound: Bool, release: HostObjectRelease?) -> InstanceLink? {
        if let slot = hostSlot(instance), hostObjects.object(slot) === object, let link = hostObjects.instance(ofSlot: slot) {
            return link
        }
        guard let weak = holdWeakly(instance) else { return nil }
        let link = InstanceLink(weak)
        if let slot = hostSlot(instance) {
            hostObjects.replace(slot, by: object, instance: link, isFound: isFound, release: release)
            return link
        }
        let slot = hostObjects.add(object, instance: link, isFound: isFound, release: release)
        // The field last: with it, the cleanup has to be there.
        let payload = UInt64(slot) << 1 | 1
        guard assign(slotSymbol, .nil, to: instance.words),
            retrying({ mutator.addNativeCleanup(instance.words, payload: payload) ? () : nil }) != nil
        else {
            hostObjects.remove(slot)
            return nil
        }
        _ = assign(slotSymbol, Value(unchecked: Double(slot)), to: instance.words)
        return link
    }

    /// Before its finalizer gets an object that was found dead: if that keeps it, the host's object has it as before. It is in a
    /// root.
    func relink(_ object: Value) {
        guard let slot = hostSlot(object), let link = hostObjects.instance(ofSlot: slot), link.isBroken else { return }
        if let weak = holdWeakly(object) { link.weak = weak } else { failure = nil }
    }

    /// The same for all that wait for their finalizers, which are roots until then.
    func relinkWaiting() {
        for object in mutator.waitingObjects() { relink(Value(object: object.assumingMemoryBound(to: UInt64.self))) }
    }
}
