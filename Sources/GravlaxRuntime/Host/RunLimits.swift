import Dispatch
import GravlaxHeap

/// The limits of a run: fuel, a deadline, and being interrupted.
///
/// They cost nothing while they are not used: the loop's polls, which are there for the collector, drive them. Fuel keeps
/// a poll requested, so that each back-edge and call is a turn; a deadline or an interrupt requests one from its thread.
final class RunLimits: Sendable {
    private struct Shared {
        /// Nil once the machine is gone.
        var mutator: Mutator?
        var reached: RuntimeError.Kind?
        /// Called when a limit is reached, by the thread that found it; set while a script waits.
        var whenReached: (@Sendable () -> Void)?
        /// When the run that is in progress is to end.
        var deadline: ContinuousClock.Instant?
        /// The number of the run, so that the deadline of one is none of the next.
        var run = 0
    }

    /// Owner: the interpreter's thread.
    private struct Own {
        var isRunning = false
        var fuel: Int?
        var left = 0
        /// What a function has left that is called at a safepoint: each has as much as the run.
        var callbackLeft = 0
        /// What all of them may still begin with. Without that a script could have as many run as it likes.
        var callbacksLeft = 0
    }

    /// A mutator is used only to request a poll, which any thread may do.
    nonisolated(unsafe) private let shared: UnsafeMutablePointer<Shared> = .allocate(capacity: 1)
    private let lock = HostLock()
    /// Of its own: the threads of the global queues may all be running scripts.
    private let queue = DispatchQueue(label: "gravlax.deadline")
    /// One for all runs: what is scheduled for each would stay until its time has come, long after the run. Made for several
    /// threads.
    nonisolated(unsafe) private let timer: any DispatchSourceTimer
    nonisolated(unsafe) private let own: UnsafeMutablePointer<Own> = .allocate(capacity: 1)

    /// Bytes of a built-in's work that cost one turn.
    static let bytesPerTurn = 64

    init(_ mutator: Mutator) {
        shared.initialize(to: Shared(mutator: mutator))
        own.initialize(to: Own())
        timer = DispatchSource.makeTimerSource(queue: queue)
        timer.setEventHandler { [weak self] in self?.timerFired() }
        timer.schedule(deadline: .distantFuture)
        timer.activate()
    }

    deinit {
        timer.cancel()
        shared.deinitialize(count: 1)
        shared.deallocate()
        own.deallocate()
    }

    /// The machine ends.
    func close() { lock.withLock { shared.pointee.mutator = nil } }

    var isRunning: Bool { own.pointee.isRunning }
    /// Nil: none was set.
    var fuelLeft: Int? { own.pointee.fuel.map { _ in max(own.pointee.left, 0) } }

    /// Of the run that is in progress, or of what is between two.
    var runNumber: Int { lock.withLock { shared.pointee.run } }

    /// By how much the last charge was more than what was left: never more than what is done between two polls.
    var fuelOverdraft: Int { max(-own.pointee.left, 0) }

    /// Before the outermost call. Gives the number of the run.
    func begin(fuel: Int?, deadline: ContinuousClock.Instant?) -> Int {
        let fuel = fuel.map { max($0, 0) }
        own.pointee = Own(isRunning: true, fuel: fuel, left: fuel ?? 0)
        own.pointee.callbacksLeft = min(fuel ?? 0, .max / RunLimits.callbackShares) * RunLimits.callbackShares
        let number = lock.withLock {
            shared.pointee.run += 1
            shared.pointee.deadline = deadline
            if let deadline, deadline <= .now { shared.pointee.reached = .deadline }
            if fuel != nil || shared.pointee.reached != nil { shared.pointee.mutator?.requestPollOfOwner() }
            return shared.pointee.run
        }
        if let deadline { schedule(deadline) }
        return number
    }

    private func schedule(_ deadline: ContinuousClock.Instant) {
        // `beginRun` bounds it.
        let (seconds, fraction) = max(deadline - ContinuousClock.now, .zero).components
        timer.schedule(deadline: .now() + .nanoseconds(Int(seconds) * 1_000_000_000 + Int(fraction / 1_000_000_000)))
    }

    private func timerFired() {
        let (run, deadline) = lock.withLock { (shared.pointee.run, shared.pointee.deadline) }
        guard let deadline else { return }
        // The clocks of timers and of deadlines may go apart, and it may have been meant for a run that is over.
        if deadline > .now { schedule(deadline) } else { reach(.deadline, run: run) }
    }

    /// After the outermost call. An interrupt that came too late is forgotten.
    func end() {
        own.pointee.isRunning = false
        let hadDeadline = lock.withLock {
            defer { shared.pointee.deadline = nil }
            shared.pointee.run += 1
            shared.pointee.reached = nil
            shared.pointee.whenReached = nil
            shared.pointee.mutator?.withdrawPollOfOwner()
            return shared.pointee.deadline != nil
        }
        if hadDeadline { timer.schedule(deadline: .distantFuture) }
    }

    /// Ends the run that is in progress, if there is one. Any thread.
    func interrupt() {
        // Runs have odd numbers.
        reach(.interrupted) { $0 % 2 == 1 }
    }

    /// Ends a run, if it is in progress. Any thread.
    func interrupt(run: Int) { reach(.interrupted, run: run) }

    private func reach(_ kind: RuntimeError.Kind, run: Int) { reach(kind) { $0 == run } }

    private func reach(_ kind: RuntimeError.Kind, if isMeant: (_ run: Int) -> Bool) {
        let tell = lock.withLock { () -> (@Sendable () -> Void)? in
            guard isMeant(shared.pointee.run) else { return nil }
            if shared.pointee.reached == nil { shared.pointee.reached = kind }
            shared.pointee.mutator?.requestPollOfOwner()
            return shared.pointee.whenReached
        }
        tell?()
    }

    /// What the run has reached of what other threads find.
    var reached: RuntimeError.Kind? { lock.withLock { shared.pointee.reached } }

    /// Has `body` called when a limit of the run is reached, or at once when one was; nil: no longer.
    func whenReached(_ body: (@Sendable () -> Void)?) {
        let isReached = lock.withLock {
            shared.pointee.whenReached = body
            return shared.pointee.reached != nil
        }
        if isReached { body?() }
    }

    /// How long a function that a script waits for may go on when a limit is reached.
    static let patience = DispatchTimeInterval.milliseconds(20)

    /// Calls `body` after that.
    func afterPatience(_ body: @escaping @Sendable () -> Void) {
        queue.asyncAfter(deadline: .now() + RunLimits.patience, execute: body)
    }

    /// Whether it is this run's own limit.
    func isReached(_ kind: RuntimeError.Kind, isCallback: Bool) -> Bool {
        switch kind {
        case .fuel: own.pointee.fuel != nil && (isCallback ? own.pointee.callbackLeft : own.pointee.left) < 0
        case .deadline, .interrupted: reached == kind
        // The script has ended itself.
        default: true
        }
    }

    /// What ends the run after `turns` more; nil: it goes on.
    func charge(_ turns: Int, isCallback: Bool) -> RuntimeError.Kind? {
        if let reached { return reached }
        guard own.pointee.fuel != nil else { return nil }
        if isCallback {
            own.pointee.callbackLeft -= turns
            return own.pointee.callbackLeft < 0 ? .fuel : nil
        }
        own.pointee.left -= turns
        return own.pointee.left < 0 ? .fuel : nil
    }

    func refundTurn(isCallback: Bool) {
        if isCallback { own.pointee.callbackLeft += 1 } else { own.pointee.left += 1 }
    }

    /// How often the fuel of a run all of them together may use.
    private static let callbackShares = 16

    /// Whether functions may be called at safepoints. Else they stay due, for the next run.
    var mayCallBack: Bool { !own.pointee.isRunning || own.pointee.fuel == nil || own.pointee.callbacksLeft > 0 }

    /// Around each such call.
    func beginCallback() { own.pointee.callbackLeft = own.pointee.fuel ?? 0 }
    func endCallback() { own.pointee.callbacksLeft -= (own.pointee.fuel ?? 0) - own.pointee.callbackLeft }
}

extension Mutator {
    fileprivate func requestPollOfOwner() { state.requestPoll(.owner) }
    fileprivate func withdrawPollOfOwner() { state.withdrawPoll(.owner) }
}

extension Machine {
    /// A turn of a loop, or a call. False, with the failure set: a limit was reached.
    func chargeTurn() -> Bool { charge(1) }

    /// Work of a built-in.
    func chargeWork(_ byteCount: Int) -> Bool { charge(byteCount / RunLimits.bytesPerTurn) }

    private func charge(_ turns: Int) -> Bool {
        guard let reached = limits.charge(turns, isCallback: isCallingBack) else { return true }
        failure = .limit(reached)
        return false
    }
}
