import Dispatch
import GravlaxCompiler

/// Runs that wait for asynchronous host functions; the protocol stands in `Machine+Waiting.swift`.
///
/// Scripts run on a queue of the interpreter's own, not on Swift's few threads for tasks: two endless loops would take all of
/// those on a small machine, and nobody could come to cancel them.
extension Interpreter {
    /// Runs a program and gives what its script returns.
    package func startAwaiting(_ program: Program) async throws(RuntimeError) -> HostValue {
        try await driven { [self] () throws(RuntimeError) in try machine.begin(try machine.instantiate(program), []) }
    }

    package func callAwaiting(_ callee: HostValue, _ arguments: [HostValue]) async throws(RuntimeError) -> HostValue {
        try await driven { [self] () throws(RuntimeError) in
            let step = try machine.begin(callee.value, arguments.map(\.value))
            return withExtendedLifetime((callee, arguments)) { step }
        }
    }

    /// See `perform`.
    package func performAwaiting(_ text: String, _ arguments: [HostValue]) async throws(RuntimeError) -> HostValue {
        try await driven { [self] () throws(RuntimeError) in
            let function = try accessor(text)
            let step = try machine.begin(function.value, arguments.map(\.value))
            return withExtendedLifetime((function, arguments)) { step }
        }
    }

    /// An asynchronous function of the host as a value. It lives as long as the interpreter.
    package func makeAsynchronousFunction(
        _ name: String, parameterCount: Int?, _ body: @escaping AsynchronousBody
    ) throws(RuntimeError) -> HostValue {
        try inside { () throws(RuntimeError) in
            let function = HostFunction(name: name, parameterCount: parameterCount, body: .asynchronous(body))
            guard let value = machine.makeHostFunction(function) else { throw machine.outOfMemory() }
            return machine.hold(value)
        }
    }

    /// Takes a run from its beginning to its end, within the limits.
    private func driven(
        _ begin: @escaping @Sendable () throws(RuntimeError) -> Machine.Step
    ) async throws(RuntimeError) -> HostValue {
        let run = try inside { () throws(RuntimeError) in
            if let error = machine.waitingError { throw error }
            if machine.limits.isRunning {
                throw RuntimeError(message: "A run that waits cannot begin inside another.")
            }
            return beginRun()
        }
        let limits = machine.limits
        let result = await withTaskCancellationHandler {
            var step = await onQueue(begin)
            while case .success(.waits(let operation)) = step {
                let answer = await answer(operation)
                step = await onQueue { [self] () throws(RuntimeError) in try machine.resume(answer) }
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

    private func onQueue(
        _ body: @escaping @Sendable () throws(RuntimeError) -> Machine.Step
    ) async -> Result<Machine.Step, RuntimeError> {
        await withCheckedContinuation { continuation in
            queue.async { [self] in continuation.resume(returning: stepped(body)) }
        }
    }

    /// What happens inside, until the run waits or is over.
    private func stepped(_ body: () throws(RuntimeError) -> Machine.Step) -> Result<Machine.Step, RuntimeError> {
        // A sink may block.
        defer { machine.output.flush() }
        return inside {
            let result = Result(catching: body)
            if case .success(.waits) = result { return result }
            machine.limits.end()
            return result
        }
    }

    /// Awaits a function, in a task of its own, which the limits can cancel without the caller's.
    private func answer(
        _ operation: @escaping AsynchronousRun.Operation
    ) async -> Result<@Sendable () throws -> HostValue, any Error> {
        let task = Task { try await operation() }
        machine.limits.whenReached { task.cancel() }
        defer { machine.limits.whenReached(nil) }
        return await task.result
    }
}

extension RuntimeError {
    fileprivate func caused(by cause: any Error) -> RuntimeError {
        RuntimeError(
            message: message, note: note, trace: trace, omittedCount: omittedCount, omissionIndex: omissionIndex, kind: kind,
            cause: cause)
    }
}
