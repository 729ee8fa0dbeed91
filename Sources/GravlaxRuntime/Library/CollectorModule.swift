import GravlaxHeap

/// The module `std/gc`: the collector, seen from a script. Calls stand at a safepoint: `enter` has recorded the frame, and
/// receiver and arguments are in registers.
extension Machine {
    func runCollectorMember(
        _ member: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int
    ) -> Value? {
        switch member {
        case .collect:
            guard mutator.collect() else {
                failure = .outOfMemory
                return nil
            }
            if !isCallingBack { runTracer() }
            return .nil
        case .stats:
            return makeStatistics(detailed: argumentCount == 1 && Value(bits: window[1]).isTruthy)
        case .releaseMemory:
            return Value(unchecked: Double(mutator.freeOSMemory()))
        case .keepAlive:
            // The call reads the register: that the object is in it is all there is to do.
            return .nil
        case .trace:
            let function = Value(bits: window[1])
            guard function.isNil || takes(function, argumentCount: 1) else {
                return failed("gc.trace expects a function of one argument, or nil.")
            }
            tracedCycles = cycleCount
            tracedPauses = heap.raw.pointee.statistics.pauseTotal.value
            tracer = function.bits
            return .nil
        default:
            fatalError("not a member of std/gc")
        }
    }

    /// Whether `callee` can be called with that many arguments.
    func takes(_ callee: Value, argumentCount: Int) -> Bool {
        switch callee.kind {
        case .closure: return ClosureObject.prototype(callee.words).pointee.arity == argumentCount
        case .boundMethod:
            return takes(Value(bits: callee.words[BoundMethodObject.method]), argumentCount: argumentCount)
        case .classObject:
            let initializer = Value(bits: callee.words[ClassObject.initializer])
            return initializer.isObject ? takes(initializer, argumentCount: argumentCount) : argumentCount == 0
        case .native: return Builtin(rawValue: UInt8(upperHalf(callee.words[0])))?.arities.contains(argumentCount) ?? false
        default: return false
        }
    }

    // MARK: Numbers

    /// - Parameter detailed: with the finalizers and cleanups that are pending, which takes a walk over all they keep.
    private func makeStatistics(detailed: Bool) -> Value? {
        var pending: Value?
        if detailed {
            guard let list = makePendingList() else { return nil }
            temporaries[Machine.listPlace] = list.bits
            pending = list
        }
        defer { temporaries[Machine.listPlace] = 0 }
        let statistics = mutator.readStatistics()
        let ledger = heap.finalizationLedger
        let numbers = [
            ("cycles", statistics.cycles), ("heapLive", statistics.heapLive), ("heapMarked", statistics.heapMarked),
            ("nextGC", statistics.nextGC), ("heapSys", statistics.heapSys), ("heapInUse", statistics.heapInUse),
            ("heapIdle", statistics.heapIdle), ("heapReleased", statistics.heapReleased),
            ("stacksInUse", statistics.stacksInUse), ("metadata", statistics.metadata),
            ("objects", statistics.objects), ("mallocs", statistics.mallocs), ("frees", statistics.frees),
            ("pagesInUse", statistics.pagesInUse), ("pagesSwept", statistics.pagesSwept),
            ("pauseTotalNs", statistics.pauseTotalNanoseconds), ("pauseMaxNs", statistics.pauseMaxNanoseconds),
            ("sweepNs", statistics.sweepNanoseconds), ("assistNs", statistics.assistNanoseconds),
            ("scavengedBytes", statistics.scavengedBytes),
            ("finalizersRegistered", ledger.registered), ("finalizersRun", ledger.run),
            ("finalizersDropped", ledger.dropped), ("finalizersPending", ledger.pending),
        ]
        return makeRecord(numbers.map { ($0, Value(count: $1)) } + (pending.map { [("finalizers", $0)] } ?? []))
    }

    /// A map from names to values. Those that are objects are in registers or temporaries.
    func makeRecord(_ entries: [(name: String, value: Value)]) -> Value? {
        guard let map = makeMap() else { return nil }
        temporaries[Machine.recordPlace] = map.bits
        defer {
            temporaries[Machine.recordPlace] = 0
            temporaries[Machine.recordKeyPlace] = 0
        }
        for (name, value) in entries {
            guard let key = makeString(name) else { return nil }
            temporaries[Machine.recordKeyPlace] = key.bits
            guard setMapValue(map.words, key, value) else { return nil }
        }
        return map
    }

    private static var listPlace: Int { 7 }
    private static var recordPlace: Int { 5 }
    private static var recordKeyPlace: Int { 6 }

    // MARK: The tracer

    private var cycleCount: UInt64 { heap.raw.pointee.statistics.cycles.value }

    /// Tells the tracer, if there is one, of the cycles since it was called last.
    func runTracer() {
        guard tracer != Value.nilBits else { return }
        guard cycleCount != tracedCycles else { return }
        tracedCycles = cycleCount
        let counters = heap.raw.pointee.statistics
        let pauses = counters.pauseTotal.value
        defer { tracedPauses = pauses }
        withCalls { call in
            guard let event = makeRecord([
                ("cycle", Value(count: tracedCycles)), ("heapLive", Value(count: counters.heapLive.value)),
                ("heapMarked", Value(count: counters.heapMarked.value)), ("nextGC", Value(count: counters.nextGC.value)),
                ("pauseNs", Value(count: pauses - tracedPauses)), ("pauseTotalNs", Value(count: pauses)),
            ]) else { return report(above: top.unsafelyUnwrapped - state.pointee.stack.frames) }
            call(tracer, event.bits)
        }
    }
}

extension Value {
    /// A count as a number of the language.
    fileprivate init(count: UInt64) { self.init(unchecked: Double(count)) }
}
