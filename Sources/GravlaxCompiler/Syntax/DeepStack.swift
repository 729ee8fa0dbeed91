// Native stack for recursive walks over trees: long chains of operators make trees
// far deeper than the stack of the thread that happens to compile.

import Glibc

package enum DeepStack {
    /// Stack bytes that one level of a tree may cost a walk, unoptimised builds included.
    private static let bytesPerLevel = 6 << 10

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
    package static func run<Result>(depth: Int, _ body: () -> Result) -> Result {
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
            precondition(status == 0, "no thread for the compiler")
            pthread_join(thread, nil)
            return work.result!
        }
    }
}
