// Native stack for recursive walks over trees: long chains of operators make trees
// far deeper than the stack of the thread that happens to compile.

import Glibc

package enum DeepStack {
    /// Stack bytes that one level may cost the parser or a walk over its tree, whatever nests. Address space
    /// only: the system provides the pages that are touched.
    private static var bytesPerLevel: Int {
        #if DEBUG
            20 << 10
        #else
            4 << 10
        #endif
    }

    private final class Work<Result> {
        let body: () -> Result
        var result: Result?
        init(_ body: @escaping () -> Result) { self.body = body }
    }

    private final class Job {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// Runs `body` on a thread with stack for `depth` levels, and waits for it. Any thread may call it.
    ///
    /// - Returns: nil when the system has no such stack to give; then `body` did not run.
    package static func run<Result>(depth: Int, _ body: () -> Result) -> Result? {
        withoutActuallyEscaping(body) { body in
            let work = Work(body)
            let job = Unmanaged.passRetained(Job { work.result = work.body() })
            var attributes = pthread_attr_t()
            pthread_attr_init(&attributes)
            defer { pthread_attr_destroy(&attributes) }
            pthread_attr_setstacksize(&attributes, (1 << 20) + depth * bytesPerLevel)
            var thread = pthread_t()
            let status = pthread_create(
                &thread, &attributes,
                { argument in
                    Unmanaged<Job>.fromOpaque(argument!).takeRetainedValue().run()
                    return nil
                }, job.toOpaque())
            guard status == 0 else {
                job.release()
                return nil
            }
            pthread_join(thread, nil)
            return work.result
        }
    }
}
