import Dispatch
import GravlaxCompiler

/// Runs that wait for asynchronous host functions; the protocol stands in `Machine+Waiting.swift`.
///
/// Scripts run on a queue of the interpreter's own, not on Swift's few threads for tasks: two endless loops would take all of
/// those on a small machine, and nobody could come to cancel them.
extension Interpreter {
    /// Runs a program and gives what its script returns.
    ///
    /// - Parameter isLast: it does not run again.
    package func startAwaiting(_ program: Program, isLast: Bool) async throws(RuntimeError) -> HostValue {
        try await driven(thatEndsWith: { [self] in if isLast { machine.programs.forget(program) } }) { [self] () throws(RuntimeError) in
            try machine.begin(try machine.instantiate(program), [])
        }
    }

    package func callAwaiting(_ callee: HostValue, _ arguments: [HostValue]) async throws(RuntimeError) -> HostValue {
        try await driven { [self] () throws(RuntimeError) in
            let step = try machine.begin(callee.value, arguments.map(\.value))
            return withExtendedLifetime((callee, arguments)) { step }
        }
    }

    /// Takes a run from its beginning to its end, within the limits.
    ///
    /// - Parameter end: inside, when the run is over.
    func driven(
        thatEndsWith end: @escaping @Sendable () -> Void = {},
        _ begin: @escaping @Sendable () throws(RuntimeError) -> Machine.Step
    ) async throws(RuntimeError) -> HostValue {
        let run = try inside { () throws(RuntimeError) in
            if let error = machine.waitingError { throw error }
            if machine.limits.isRunning {
                throw RuntimeError(message: "A run that waits cannot begin inside another.")
            }
            try machine.throwPendingError()
            return beginRun()
        }
        let limits = machine.limits
        let result = await withTaskCancellationHandler {
            var step = await onQueue(end, begin)
            while case .success(.waits(let call)) = step {
                await finished(call)
                limits.whenReached(nil)
                step = await onQueue(end, afterOthers: call.isGivenUp) { [self] () throws(RuntimeError) in
                    try machine.resume(call)
                }
            }
            return step
        } onCancel: {
            limits.interrupt(run: run)
        }
        switch result {
        case .success(.finished(let value)): return value
        case .success(.waits): fatalError("a run ended while it waits")
        case .failure(let error):
            guard error.kind == .interrupted, Task.isCancelled else { throw error }
            throw error.caused(by: CancellationError())
        }
    }

    /// - Parameter afterOthers: a function that goes on regardless may be in the middle of something it may do.
    private func onQueue(
        _ end: @escaping @Sendable () -> Void, afterOthers: Bool = false, _ body: @escaping @Sendable () throws(RuntimeError) -> Machine.Step
    ) async -> Result<Machine.Step, RuntimeError> {
        let outcome = Outcome()
        await suspended { resume in
            queue.async { [self] in
                if afterOthers { waitUntilFree() }
                outcome.result = stepped(end, body)
                resume()
            }
        }
        return outcome.take()
    }

    /// What happens inside, until the run waits or is over.
    private func stepped(
        _ end: () -> Void, _ body: () throws(RuntimeError) -> Machine.Step
    ) -> Result<Machine.Step, RuntimeError> {
        // A sink may block.
        defer { machine.output.flush() }
        return inside {
            let result = Result(catching: body)
            if case .success(.waits) = result { return result }
            machine.limits.end()
            end()
            return result
        }
    }

    /// Awaits a function, in a task of its own, which the limits can cancel without the caller's. A function that makes nothing
    /// of that for a while is left to itself: the run ends with the limit, and what it gives is nobody's.
    private func finished(_ call: AwaitedCall) async {
        let limits = machine.limits
        await suspended { resume in
            call.goes(to: resume)
            let task = Task {
                await call.perform()
                call.finish()
            }
            limits.whenReached {
                limits.afterPatience { call.giveUp() }
                // Handlers of the host may take as long as they like, on a thread that nobody else waits for.
                DispatchQueue(label: "gravlax.cancel").async { task.cancel() }
            }
        }
    }
}

/// How a step ended, on its way from the queue to the driver: what resumes the driver has no reference to it any more.
private final class Outcome: @unchecked Sendable {
    var result: Result<Machine.Step, RuntimeError>?

    func take() -> Result<Machine.Step, RuntimeError> {
        guard let result = result.take() else { fatalError("a step has not ended") }
        return result
    }
}

extension RuntimeError {
    fileprivate func caused(by cause: any Error) -> RuntimeError {
        var error = RuntimeError(
            message: message, note: note, trace: trace, omittedCount: omittedCount, omissionIndex: omissionIndex, kind: kind,
            cause: cause)
        error.end = end
        return error
    }
}
