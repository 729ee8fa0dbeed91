import Dispatch
import Synchronization

/// Work that is called for now and then, on a serial queue of its own: nothing that can block runs on a shared pool.
///
/// Work with nothing to do returns, and is called again with `post`; work that is to come back later says so with
/// `post(after:)`. It never sleeps in its block. Any thread may call anything.
final class BackgroundTask: Sendable {
    private let queue: DispatchQueue
    /// Whether a block waits on the queue, or for its time to come there.
    private let isPosted = Atomic<Bool>(false)
    /// Set once, before what the work looks at goes away.
    private let stopped = Atomic<Bool>(false)
    private let work: @Sendable (BackgroundTask) -> Void

    init(label: String, _ work: @escaping @Sendable (BackgroundTask) -> Void) {
        queue = DispatchQueue(label: label)
        self.work = work
    }

    /// Whether the work should end as soon as it can.
    var isStopped: Bool { stopped.load(ordering: .sequentiallyConsistent) }

    /// Has the work done, unless it is about to be.
    func post() {
        if claimPost() { queue.async { [self] in run() } }
    }

    /// The same, a while later.
    func post(after delay: DispatchTimeInterval) {
        if claimPost() { queue.asyncAfter(deadline: .now() + delay) { [self] in run() } }
    }

    /// Waits for the end of the work. None begins afterwards: a block whose time comes later finds that it was stopped.
    func stop() {
        stopped.store(true, ordering: .sequentiallyConsistent)
        queue.sync {}
    }

    private func claimPost() -> Bool { !isPosted.exchange(true, ordering: .sequentiallyConsistent) }

    private func run() {
        // First: what happens from here on can call for more work.
        isPosted.store(false, ordering: .sequentiallyConsistent)
        if !isStopped { work(self) }
    }
}
