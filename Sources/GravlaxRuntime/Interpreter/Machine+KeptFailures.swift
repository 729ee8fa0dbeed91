/// What a host function threw, once a script has caught it.
///
/// A script catches a value: the one that a script further up threw, or an `Error` made for the occasion. What the host would
/// see of the failure, its cause and the calls outside of this machine, goes with an `Error`, as a Swift object of the instance:
/// thrown again, at whatever time, it is the failure that it was. Of another value only the last one is known, for a `finally` to
/// throw on.
private final class KeptFailure {
    let failure: HostFailure
    /// Whether the instance was made for the failure, so that its message is the instance's.
    let isOwn: Bool

    init(_ failure: HostFailure, isOwn: Bool) { (self.failure, self.isOwn) = (failure, isOwn) }
}

extension Machine {
    /// The value that a script catches a failure as, which is the one that is set.
    func caught(_ failure: HostFailure) -> Value {
        let outer = failure.outer ?? trace(above: bottomNumber)
        let value = failure.value?.value ?? makeErrorObject(outer)
        // Caught before, it is kept.
        if failure.outer != nil { return value }
        var kept = failure
        kept.outer = outer
        // Neither may hold the instance, which holds them.
        kept.value = nil
        if failure.value != nil, kept.cause is any ScriptFailure { kept.cause = nil }
        if let instance = errorInstance(value) {
            temporaries[2] = value.bits
            defer { temporaries[2] = 0 }
            keep(KeptFailure(kept, isOwn: failure.value == nil), with: instance)
        } else {
            lastThrown = (value.bits, outer, kept)
        }
        return value
    }

    /// Without memory for it the error is thrown on like one of a script's.
    private func keep(_ kept: KeptFailure, with instance: ObjectWords) {
        // The error for want of memory is there for all.
        guard property(errorSymbols.origin, of: instance) != nil else { return }
        let known = hostSlot(Value(object: instance))
        if let known, !(hostObjects.object(known) is KeptFailure) { return }
        if !attach(kept, to: instance, slot: known) { failure = nil }
    }

    /// The failure that a script has caught as this `Error`.
    func keptFailure(of instance: ObjectWords) -> HostFailure? {
        guard let slot = hostSlot(Value(object: instance)), let kept = hostObjects.object(slot) as? KeptFailure else { return nil }
        var failure = kept.failure
        failure.value = hold(Value(object: instance))
        if kept.isOwn, let message = property(errorSymbols.message, of: instance) { failure.message = shortText(of: message) }
        return failure
    }
}
