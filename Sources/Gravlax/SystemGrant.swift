import GravlaxRuntime

/// What scripts have as `std/os`. `os.exit` ends the run, by a `ScriptError` of the kind `exit` with the code, which no script
/// can catch; the process goes on.
public struct SystemGrant: Sendable {
    /// `os.args`.
    public var arguments: [String]
    /// What `os.env` knows.
    public var environment: [String: String]

    /// Without arguments: scripts can end themselves, and see nothing.
    public init(arguments: [String] = [], environment: [String: String] = [:]) {
        (self.arguments, self.environment) = (arguments, environment)
    }
}

extension Configuration {
    var grants: Grants {
        var grants = Grants()
        grants.io = grantsFiles
        grants.nextLine = input
        grants.system = system.map { Grants.System(arguments: $0.arguments, environment: $0.environment) }
        return grants
    }
}
