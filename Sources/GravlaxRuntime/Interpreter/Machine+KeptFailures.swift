/// What functions of the host have thrown, once scripts have caught it.
///
/// A script catches a value: the one that a script further up threw, or an `Error` made for the occasion. What the host would
/// see of the failure, its cause and the calls outside of this machine, stays known until the run is over, of the last that were
/// caught: an `Error` has the number of its failure in a field that scripts do not see, of another value only the last one is
/// known, for a `finally` to throw on. Nothing is kept for longer, since a cause may lead back to the interpreter and its values.
struct KeptFailures {
    private struct Kept {
        let number: Int
        let failure: HostFailure
        /// The error's message, as text, when it was caught.
        let text: String?
    }

    static let capacity = 128
    private var ring: [Kept] = []
    private var lastNumber = 0

    /// - Returns: its number, and what it takes the place of.
    mutating func add(_ failure: HostFailure, text: String?) -> (number: Int, displaced: HostFailure?) {
        let place = lastNumber % Self.capacity
        lastNumber += 1
        let kept = Kept(number: lastNumber, failure: failure, text: text)
        guard place < ring.count else {
            ring.append(kept)
            return (lastNumber, nil)
        }
        let displaced = ring[place].failure
        ring[place] = kept
        return (lastNumber, displaced)
    }

    func find(_ number: Int) -> (failure: HostFailure, text: String?)? {
        let place = (number - 1) % Self.capacity
        guard place < ring.count, ring[place].number == number else { return nil }
        return (ring[place].failure, ring[place].text)
    }

    /// All that it kept, which is the caller's now.
    mutating func removeAll() -> [HostFailure] {
        let failures = ring.map(\.failure)
        // Numbers go on: errors of earlier runs may still have theirs.
        lastNumber += Self.capacity - lastNumber % Self.capacity
        ring = []
        return failures
    }
}

/// Keeps a failure, and so its cause, alive.
final class HostFailureBox {
    private let failure: HostFailure
    init(_ failure: HostFailure) { self.failure = failure }
}

extension Machine {
    /// Causes are objects of the host's, which may use the interpreter when they end: like others they are let go of at a
    /// safepoint.
    func letGoLater(_ failure: HostFailure?) {
        guard let failure, failure.cause != nil else { return }
        hostObjects.letGoLater(HostFailureBox(failure))
        mutator.state.requestPoll(.dueCalls)
    }

    /// The same for what an asynchronous function gave.
    func letGoLater(_ answer: AsynchronousRun.Answer) {
        hostObjects.letGoLater(AnswerBox(answer))
        mutator.state.requestPoll(.dueCalls)
    }

    /// The outermost run is over.
    func forgetFailures() {
        letGoLater(lastThrown.failure)
        lastThrown.failure = nil
        for failure in keptFailures.removeAll() { letGoLater(failure) }
    }

    /// The value that a script catches a failure as, which is the one that is set.
    func caught(_ failure: HostFailure) -> Value {
        let outer = failure.outer ?? trace(above: bottomNumber)
        let value = failure.value?.value ?? makeErrorObject(outer)
        var kept = failure
        kept.outer = outer
        kept.value = nil
        guard let instance = errorInstance(value) else {
            let last = lastThrown.failure
            lastThrown = (value.bits, outer, kept)
            letGoLater(last)
            return value
        }
        // Thrown again it is what it was first. The error for want of memory is there for all.
        if keptFailure(of: instance) != nil || property(errorSymbols.origin, of: instance) == nil { return value }
        temporaries[2] = value.bits
        defer { temporaries[2] = 0 }
        let (number, displaced) = keptFailures.add(
            kept, text: property(errorSymbols.message, of: instance).map { shortText(of: $0) })
        letGoLater(displaced)
        // Without memory for that it is thrown on like one of a script's.
        _ = assign(errorSymbols.failure, Value(unchecked: Double(number)), to: instance)
        return value
    }

    /// The failure that a script has caught as this `Error`, in this run.
    func keptFailure(of instance: ObjectWords) -> HostFailure? {
        guard let number = property(errorSymbols.failure, of: instance), number.isNumber,
            let kept = keptFailures.find(Int(number.number))
        else { return nil }
        var failure = kept.failure
        failure.value = hold(Value(object: instance))
        // A script may have changed the message.
        let now = property(errorSymbols.message, of: instance).map { shortText(of: $0) }
        if let now, let text = kept.text, now != text {
            failure.message = failure.message == text ? now : "Uncaught \(ClassObject.nameText(InstanceObject.classWords(instance))): \(now)"
        }
        return failure
    }
}
