// The modules that come with the language. What is in them is the runtime's business.

package enum BuiltinModules {
    /// Their paths, as imports name them. All begin with `std/`, so that no variable and no file is called so.
    package static let paths = ["std/gc", "std/math", "std/random", "std/time", "std/json", "std/bits", "std/io", "std/os"]
}
