import GravlaxRuntime

/// Where Swift objects are let go of when the collector has freed their scripts' objects, or the interpreter goes: there
/// `deinit` runs, if nothing else holds them.
public struct HostRelease: Sendable {
    let schedule: HostObjectRelease?

    /// On the thread that uses the interpreter, at a safepoint of a script or when it is used next.
    public static let withInterpreter = HostRelease(schedule: nil)

    /// On the main actor.
    public static let onMainActor = HostRelease { letGo in Task { @MainActor in letGo() } }

    /// On an actor.
    public static func on(_ actor: some Actor) -> HostRelease {
        HostRelease { letGo in Task { await run(on: actor, letGo) } }
    }

    /// On an executor.
    public static func on(_ executor: some TaskExecutor) -> HostRelease {
        HostRelease { letGo in Task(executorPreference: executor) { letGo() } }
    }

    /// By a function that calls what it is given, sooner or later: `.by { queue.async(execute: $0) }`. It is called on
    /// whatever thread finds the object gone.
    public static func by(_ schedule: @escaping @Sendable (_ letGo: @escaping @Sendable () -> Void) -> Void) -> HostRelease {
        HostRelease(schedule: schedule)
    }

    private static func run(on actor: isolated some Actor, _ body: @Sendable () -> Void) { body() }
}
