import GravlaxHeap

/// Finalizers and cleanups of `std/gc`. The heap finds what died and queues the calls; they are made here, one at a time,
/// in the order in which they were queued, at safepoints of the running script.
extension Machine {
    func runFinalization(_ member: Builtin, _ window: UnsafeMutablePointer<UInt64>) -> Value? {
        switch member {
        case .onFinalize: return setFinalizer(Value(bits: window[2]), of: Value(bits: window[1]))
        case .onCleanup:
            return addCleanup(Value(bits: window[2]), argument: Value(bits: window[3]), to: Value(bits: window[1]))
        default: return Value(unchecked: Double(runFinalizers()))
        }
    }

    private func setFinalizer(_ function: Value, of object: Value) -> Value? {
        guard hasIdentity(object) else { return failed("gc.onFinalize expects \(Machine.trackedKinds).") }
        let address = UnsafeMutableRawPointer(object.words)
        if function.isNil {
            _ = mutator.removeFinalizer(address)
            return .nil
        }
        guard takes(function, argumentCount: 1) else { return failed("A finalizer must be a function of one argument.") }
        guard function != object else { return failed("An object can't be its own finalizer: it would never be found dead.") }
        return register("The object has a finalizer already.") {
            mutator.addFinalizer(address, function: function.bits, site: site)
        }
    }

    private func addCleanup(_ function: Value, argument: Value, to object: Value) -> Value? {
        guard hasIdentity(object) else { return failed("gc.onCleanup expects \(Machine.trackedKinds).") }
        guard takes(function, argumentCount: 1) else { return failed("A cleanup must be a function of one argument.") }
        guard argument != object, function != object else {
            return failed("A cleanup can't be given the object itself: it would never be freed.")
        }
        let address = UnsafeMutableRawPointer(object.words)
        return register("The object has this cleanup already.") {
            mutator.addCleanup(address, function: function.bits, argument: argument.bits, site: site)
        }
    }

    private func register(_ whenThere: String, _ add: () -> Registration) -> Value? {
        let result = retrying { () -> Registration? in
            let result = add()
            return result == .refused ? nil : result
        }
        guard let result else { return nil }
        return result == .exists ? failed(whenThere) : .nil
    }

    /// Makes the calls that are queued now; those that they queue wait. Returns how many. At a safepoint; none while one
    /// of them runs.
    func runFinalizers() -> Int {
        if isCallingBack || !limits.mayCallBack { return 0 }
        let due = mutator.dueCallCount
        if due == 0 { return 0 }
        let events = heap.raw.pointee.events
        let began = events.begin()
        var count = 0
        defer { events.end(.finalizers, mutator.state.pointee.track, began, UInt64(count)) }
        withCalls { call in
            while count < due, limits.mayCallBack, let next = mutator.takeDueCall() {
                count += 1
                let object = next.object.map { Value(object: $0.assumingMemoryBound(to: UInt64.self)) }
                if let object, hostObjects.count > 0 {
                    (temporaries[5], temporaries[6]) = (object.bits, next.function)
                    relink(object)
                    (temporaries[5], temporaries[6]) = (0, 0)
                }
                call(next.function, object?.bits ?? next.argument)
            }
        }
        return count
    }

    /// What is due for objects that the sweep has freed: the records of classes go, and objects of the host are to be let
    /// go of. A bounded number at each safepoint.
    func runNativeCleanups(limit: Int) {
        var count = 0
        while count < limit, let payload = mutator.takeNativeCleanup() {
            count += 1
            if payload & 1 == 1 {
                hostObjects.remove(Int(payload >> 1))
            } else {
                shapes.destroy(UnsafeMutablePointer(bitPattern: UInt(payload)).unsafelyUnwrapped)
            }
        }
    }
}
