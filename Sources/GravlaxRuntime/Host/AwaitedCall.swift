/// What a script waits for, and then its answer. Whatever the host gave with either of them may use the interpreter when it
/// ends, so that no thread but the one that is inside may have the last reference: the operation is held here until it is
/// awaited, and the answer from its return until the machine takes it. Who resumes the script holds neither any more.
///
/// Any thread.
final class AwaitedCall: @unchecked Sendable {
    private let lock = HostLock()
    private var operation: AsynchronousRun.Operation?
    private var answer: AsynchronousRun.Answer?
    private var resume: (@Sendable () -> Void)?
    private var wasGivenUp = false
    private let strays: StrayAnswers

    /// - Parameter strays: get the answer when nobody waits for it any more.
    init(_ operation: @escaping AsynchronousRun.Operation, strays: StrayAnswers) {
        self.operation = operation
        self.strays = strays
    }

    /// Before anything else: what is called, once, when the script can go on.
    func goes(to resume: @escaping @Sendable () -> Void) { self.resume = resume }

    /// Awaits the function, and keeps its answer.
    func perform() async {
        guard let operation = lock.withLock({ exchange(&operation, nil) }) else { return }
        keep(await Result(catching: operation))
    }

    private func keep(_ answer: AsynchronousRun.Answer) {
        let isStray = lock.withLock {
            if !wasGivenUp { self.answer = answer }
            return wasGivenUp
        }
        if isStray { strays.add(answer) }
    }

    /// After `perform`.
    func finish() { takeResumption()?() }

    /// Has the script go on without the answer, if it still waits.
    func giveUp() {
        let resumption: (@Sendable () -> Void)? = lock.withLock {
            if answer == nil, resume != nil { wasGivenUp = true }
            return wasGivenUp ? exchange(&resume, nil) : nil
        }
        resumption?()
    }

    private func takeResumption() -> (@Sendable () -> Void)? { lock.withLock { exchange(&resume, nil) } }

    /// Whether the function was left to itself.
    var isGivenUp: Bool { lock.withLock { wasGivenUp } }

    /// The answer, which is the caller's from here on; nil when the function was left to itself.
    func takeAnswer() -> AsynchronousRun.Answer? { lock.withLock { exchange(&answer, nil) } }
}

/// Answers that came too late, for the interpreter to let go of when it is used next. Any thread.
final class StrayAnswers: @unchecked Sendable {
    private let lock = HostLock()
    private var answers: [AsynchronousRun.Answer] = []

    fileprivate func add(_ answer: AsynchronousRun.Answer) { lock.withLock { answers.append(answer) } }

    func takeAll() -> [AsynchronousRun.Answer] { lock.withLock { exchange(&answers, []) } }
}

/// Keeps an answer, and what the host gave with it, alive.
final class AnswerBox {
    private let answer: AsynchronousRun.Answer
    init(_ answer: AsynchronousRun.Answer) { self.answer = answer }
}

private func exchange<Value>(_ place: inout Value, _ value: Value) -> Value {
    let old = place
    place = value
    return old
}

extension Result where Failure == any Error {
    fileprivate init(catching body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
