import Synchronization

/// Suspends the task until what `begin` is given has been called, once, on any thread.
///
/// `withCheckedContinuation` with one thing more: what happened before the call happens before the return in the eyes of the
/// thread sanitizer, too. The runtime orders the two itself, but where a continuation is resumed before its task has come to
/// wait, it does not tell the sanitizer (`swift_continuation_awaitImpl`, Task.cpp, as of Swift 6.3).
func suspended(until begin: (_ resume: @escaping @Sendable () -> Void) -> Void) async {
    let handover = Handover()
    await withCheckedContinuation { continuation in
        begin {
            handover.isDone.store(true, ordering: .releasing)
            continuation.resume()
        }
    }
    precondition(handover.isDone.load(ordering: .acquiring), "a task went on before it was resumed")
}

private final class Handover: Sendable {
    let isDone = Atomic<Bool>(false)
}
