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

    /// Awaits the function. When this has returned, the answer is here and nowhere else.
    func perform() async {
        guard let operation = lock.withLock({ operation.take() }) else { return }
        keep(await Result(catching: operation))
    }

    private func keep(_ answer: AsynchronousRun.Answer) { lock.withLock { self.answer = answer } }

    /// After `perform`: only now, since whoever is told may let go of the answer at once.
    func finish() {
        let (resumption, isStray) = lock.withLock { (resume.take(), wasGivenUp) }
        if isStray { strays.add(self) }
        resumption?()
    }

    /// Has the script go on without the answer, if it still waits.
    func giveUp() {
        let resumption: (@Sendable () -> Void)? = lock.withLock {
            if answer == nil, resume != nil { wasGivenUp = true }
            return wasGivenUp ? resume.take() : nil
        }
        resumption?()
    }

    /// Whether the function was left to itself.
    var isGivenUp: Bool { lock.withLock { wasGivenUp } }

    /// The answer, which is the caller's from here on; nil when there is none (yet).
    func takeAnswer() -> AsynchronousRun.Answer? { lock.withLock { answer.take() } }
}

/// Calls whose answers came too late, for the interpreter to let go of when it is used next. Any thread.
final class StrayAnswers: @unchecked Sendable {
    private let lock = HostLock()
    private var calls: [AwaitedCall] = []

    fileprivate func add(_ call: AwaitedCall) { lock.withLock { calls.append(call) } }

    /// The answers, which are the caller's from here on.
    func takeAll() -> [AsynchronousRun.Answer] {
        let late = lock.withLock {
            defer { calls = [] }
            return calls
        }
        return late.compactMap { $0.takeAnswer() }
    }
}

/// Keeps an answer, and what the host gave with it, alive.
final class AnswerBox {
    private let answer: AsynchronousRun.Answer
    init(_ answer: AsynchronousRun.Answer) { self.answer = answer }
}

extension Result where Failure == any Error {
    fileprivate init(catching body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
