/// What a host lets the programs of an interpreter do outside of it. Nothing, unless it says so.
package struct Grants {
    /// `std/io`: files, standard input and standard error.
    package var io = false
    /// Gives the next line of what programs have as standard input, without its end; nil at the end. Nil: the process's own,
    /// where `io` says so. With one, `std/io` can be imported for what reads standard input.
    package var nextLine: (() -> String?)?
    /// `std/os`: what it gives, when it is there.
    package var system: System?

    package struct System {
        package var arguments: [String]
        /// Nil: the process's.
        package var environment: [String: String]?
        /// Ends the process. Nil: the run ends, by an error of the kind `exit`.
        package var exit: ((Int32) -> Never)?

        package init(arguments: [String], environment: [String: String]? = nil, exit: ((Int32) -> Never)? = nil) {
            (self.arguments, self.environment, self.exit) = (arguments, environment, exit)
        }
    }

    package init() {}

    /// Whether the module with this path may be imported.
    func allows(_ path: String) -> Bool {
        switch path {
        case "std/io": io || nextLine != nil
        case "std/os": system != nil
        default: true
        }
    }
}
