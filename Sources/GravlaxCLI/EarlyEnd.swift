// What is left to do when something ends the process from outside: a signal, or output that nobody takes any more.

import Glibc
import Synchronization

/// One action for the whole process, which is done before it ends in one of these ways. Any thread.
enum EarlyEnd {
    private static let action = Mutex<(@Sendable () -> Bool)?>(nil)
    private static let awaited = Mutex(sigset_t())

    /// From now on `body` runs first: on the thread whose output failed, or, for a signal, on one that waits for signals,
    /// beside the program. A signal still ends the process by its default action, and one that the parent had ignored
    /// stays ignored. On the main thread, and before it makes others that do not block signals.
    ///
    /// - Parameter body: may be called several times, and by several threads; returns when its work is done: false, if it
    ///   could not be.
    static func first(_ body: @escaping @Sendable () -> Bool) {
        action.withLock { $0 = body }
        // The failed write then ends the process.
        signal(SIGPIPE, SIG_IGN)
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) { sigaddset(&signals, number) }
        awaited.withLock { $0 = signals }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        var thread = pthread_t()
        guard pthread_create(&thread, nil, { _ in EarlyEnd.awaitSignal() }, nil) == 0 else {
            // Without the thread a signal ends the process as if nothing had been asked for.
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            return
        }
        pthread_detach(thread)
    }

    /// Ends the process without running what `exit` runs: other threads may be anywhere. With 74 instead of 0 when the action
    /// has failed.
    static func exit(_ code: Int32) -> Never {
        let isDone = runAction()
        _exit(code == 0 && !isDone ? 74 : code)
    }

    private static func awaitSignal() -> Never {
        var signals = awaited.withLock { $0 }
        var number: Int32 = 0
        while sigwait(&signals, &number) != 0 {}
        _ = runAction()
        signal(number, SIG_DFL)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        raise(number)
        _exit(128 + number)
    }

    /// Outside of the lock: the action may fail to write as well, and come back here.
    private static func runAction() -> Bool {
        action.withLock { $0 }?() ?? true
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var current = sigaction()
        guard sigaction(number, nil, &current) == 0 else { return true }
        return unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
