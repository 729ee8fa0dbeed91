import GravlaxHeap

/// A number of bytes.
public struct ByteCount: Sendable, Hashable, Comparable {
    /// How many.
    public var bytes: UInt64

    /// So many bytes.
    public static func bytes(_ count: UInt64) -> ByteCount { ByteCount(bytes: count) }
    /// So many times 1,024 bytes; the largest number that there is when that is larger.
    public static func kibibytes(_ count: UInt64) -> ByteCount { ByteCount(count, timesTwoTo: 10) }
    /// So many times 1,024 kibibytes; the largest number that there is when that is larger.
    public static func mebibytes(_ count: UInt64) -> ByteCount { ByteCount(count, timesTwoTo: 20) }
    /// So many times 1,024 mebibytes; the largest number that there is when that is larger.
    public static func gibibytes(_ count: UInt64) -> ByteCount { ByteCount(count, timesTwoTo: 30) }

    private init(bytes: UInt64) { self.bytes = bytes }

    private init(_ count: UInt64, timesTwoTo exponent: Int) {
        bytes = count.leadingZeroBitCount >= exponent ? count << exponent : .max
    }

    /// Whether the one is less than the other.
    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }
}

/// What an interpreter is made with. A script can do no more than this grants.
public struct Configuration: Sendable {
    /// The memory that scripts may use, stacks and the collector's own included. When it is used up, the script ends with
    /// an error, and the interpreter goes on. Nil: as much as the system gives.
    public var heapBudget: ByteCount?
    /// Turns that each run or call of the host's may take: one for each turn of a loop and each call, and as many as fit
    /// for the work of what is built in. The same script takes the same number on every machine. A function that the
    /// collector calls has as much for itself. Nil: no limit, and no cost.
    public var fuel: Int?
    /// How long each run or call of the host's may take. Nil: no limit, and no cost.
    public var timeLimit: Duration?
    /// How many calls of scripts there may be inside one another. Nil: 200,000. What they hold counts for the heap's budget,
    /// too. A function that the collector calls, when a script is deeper than three quarters of that, waits until it is not.
    public var depth: Int?
    /// Hands over what is printed at the end of each line, not only when there is much of it or the run is over.
    public var flushesLines: Bool
    /// Where scripts' imports of files come from; nil: they can import only what comes with the language.
    public var moduleLoader: (any ModuleLoader & Sendable)?
    /// Whether scripts may import `std/io`: read and write files, standard input and standard error.
    public var grantsFiles: Bool
    /// What scripts read as standard input, by `std/io`: gives the next line, without its end, and nil at the end. Called on the
    /// thread that runs the script. Nil: the process's standard input, where `grantsFiles` says so.
    public var input: (@Sendable () -> String?)?
    /// What scripts have as `std/os`; nil: nothing, they can't import it.
    public var system: SystemGrant?
    /// Settings of the heap beyond its budget.
    public var heap: HeapConfiguration

    /// Without arguments: no limits, and nothing granted.
    public init(
        heapBudget: ByteCount? = nil, fuel: Int? = nil, timeLimit: Duration? = nil, depth: Int? = nil, flushesLines: Bool = false,
        moduleLoader: (any ModuleLoader & Sendable)? = nil, grantsFiles: Bool = false,
        input: (@Sendable () -> String?)? = nil, system: SystemGrant? = nil, heap: HeapConfiguration = HeapConfiguration()
    ) {
        self.heapBudget = heapBudget
        self.fuel = fuel
        self.timeLimit = timeLimit
        self.depth = depth
        self.flushesLines = flushesLines
        self.moduleLoader = moduleLoader
        self.grantsFiles = grantsFiles
        self.input = input
        self.system = system
        self.heap = heap
    }
}
