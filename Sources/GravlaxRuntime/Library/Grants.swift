/// What a host lets the programs of an interpreter do outside of it. Nothing, unless it says so.
package struct Grants {
    /// `std/io`: files, standard input and standard error.
    package var io = false
    /// `std/os`: what it gives, when it is there.
    package var system: System?

    package struct System {
        package var arguments: [String]
        /// Ends the process.
        package var exit: (Int32) -> Never

        package init(arguments: [String], exit: @escaping (Int32) -> Never) {
            (self.arguments, self.exit) = (arguments, exit)
        }
    }

    package init() {}

    /// Whether the module with this path may be imported.
    func allows(_ path: String) -> Bool {
        switch path {
        case "std/io": io
        case "std/os": system != nil
        default: true
        }
    }
}
