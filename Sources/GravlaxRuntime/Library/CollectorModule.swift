import GravlaxHeap

/// The module `std/gc`: the collector, seen from a script. Calls stand at a safepoint: `enter` has recorded the frame, and
/// receiver and arguments are in registers.
extension Machine {
    func runCollectorMember(
        _ member: Builtin, _ window: UnsafeMutablePointer<UInt64>, argumentCount: Int
    ) -> Value? {
        switch member {
        case .collect:
            // What functions of the host were given and let go of.
            handles.takeBack(mutator)
            guard mutator.collect() else {
                failure = .outOfMemory
                return nil
            }
            if !isCallingBack { runTracer() }
            return .nil
        case .stats:
            return makeStatistics(detailed: argumentCount == 1 && Value(bits: window[1]).isTruthy)
        case .percent:
            return pace(argumentCount == 0 ? nil : Value(bits: window[1]))
        case .memoryLimit:
            return limit(argumentCount == 0 ? nil : Value(bits: window[1]))
        case .step:
            return step(Value(bits: window[1]))
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
            tracer = function.bits
            return .nil
        case .onFinalize, .onCleanup, .runFinalizers:
            return runFinalization(member, window)
        case .weakReference:
            return runWeak(member, window)
        case .weakMap:
            return runWeakMap(member, window, argumentCount: argumentCount)
        default:
            fatalError("not a member of std/gc")
        }
    }

    /// Whether `callee` can be called with that many arguments.
    func takes(_ callee: Value, argumentCount: Int) -> Bool {
        switch callee.kind {
        case .closure: return ClosureObject.prototype(callee.words).pointee.accepts(argumentCount: argumentCount)
        case .boundMethod:
            return takes(Value(bits: callee.words[BoundMethodObject.method]), argumentCount: argumentCount)
        case .classObject:
            let initializer = Value(bits: callee.words[ClassObject.initializer])
            return initializer.isObject ? takes(initializer, argumentCount: argumentCount) : argumentCount == 0
        case .native:
            let number = upperHalf(callee.words[0])
            if number >= HostFunction.firstNumber {
                return hostFunctions[number - HostFunction.firstNumber].parameterCount == argumentCount
            }
            guard let builtin = Builtin(rawValue: UInt8(number)) else { return false }
            let signature = BuiltinTable.shared.row(builtin).signature
            return argumentCount >= signature.requiredCount && argumentCount <= signature.count
        default: return false
        }
    }

    // MARK: Pacing

    /// What the percentage is, and was if it is set; nil stands for none.
    private func pace(_ value: Value?) -> Value? {
        let percent = mutator.gcPercent
        if let value {
            guard value.isNil || value.isNumber && value.number >= 0 && value.number <= 1e6 else {
                return failed("gc.percent expects a number from 0 to 1000000, or nil.")
            }
            mutator.gcPercent = value.isNil ? -1 : Int(value.number)
        }
        return percent < 0 ? .nil : Value(unchecked: Double(percent))
    }

    /// What the limit is, and was if it is set, in bytes; nil stands for none.
    private func limit(_ value: Value?) -> Value? {
        let limit = mutator.memoryLimit
        if let value {
            guard value.isNil || value.isNumber && value.number >= 0 && value.number < 0x1p62 else {
                return failed("gc.memoryLimit expects a number of bytes, or nil.")
            }
            mutator.memoryLimit = value.isNil ? nil : UInt64(value.number)
        }
        return limit.map { Value(unchecked: Double($0)) } ?? .nil
    }

    /// Advances a cycle, and begins one if none runs. Gives whether it still runs.
    private func step(_ units: Value) -> Value? {
        guard units.isNumber, units.number >= 0, units.number <= 1e9, units.number == units.number.rounded() else {
            return failed("gc.step expects a whole number from 0 to 1000000000.")
        }
        guard mutator.beginCycle() else {
            failure = .outOfMemory
            return nil
        }
        let isRunning = units.number == 0 || mutator.step(Int(units.number))
        if !isRunning, !isCallingBack { runTracer() }
        return Value(isRunning)
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

    private var cycleCount: UInt64 { heap.lastCycle?.number ?? 0 }

    /// Tells the tracer, if there is one, of the last cycle, unless it knows.
    func runTracer() {
        guard tracer != Value.nilBits, limits.mayCallBack, let cycle = heap.lastCycle, cycle.number != tracedCycles else { return }
        let missed = cycle.number - tracedCycles - 1
        tracedCycles = cycle.number
        withCalls { call in
            guard let event = makeEvent(cycle, missed: missed) else { return report(above: top.unsafelyUnwrapped - state.pointee.stack.frames) }
            call(tracer, event.bits)
        }
    }

    /// The numbers of a gctrace line.
    ///
    /// - Parameter missed: cycles that ended since the tracer was called last, and before this one.
    private func makeEvent(_ cycle: CycleReport, missed: UInt64) -> Value? {
        let numbers = [
            ("cycle", cycle.number), ("startNs", cycle.start), ("endNs", cycle.end), ("sweepNs", cycle.sweeping),
            ("firstStopNs", cycle.sweepTermination.timeStopped), ("markNs", cycle.marking),
            ("lastStopNs", cycle.markTermination.timeStopped), ("assistNs", cycle.assistTime),
            ("backgroundNs", cycle.backgroundTime), ("idleNs", cycle.idleTime), ("liveBefore", cycle.liveBefore),
            ("liveAfter", cycle.liveAfter), ("marked", cycle.marked), ("goal", cycle.goal), ("missed", missed),
        ]
        return makeRecord(
            numbers.map { ($0, Value(count: $1)) }
                + [("processors", Value(unchecked: Double(cycle.processorCount))), ("forced", Value(cycle.forced))])
    }
}

extension Value {
    /// A count as a number of the language.
    fileprivate init(count: UInt64) { self.init(unchecked: Double(count)) }
}
