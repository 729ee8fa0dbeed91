import GravlaxCompiler
import GravlaxHeap

/// What the loop reads on its way, in native memory so that no reference counting or access check is near it.
/// Owner: the interpreter's thread.
struct MachineState {
    var stack: CallStack
    /// Values of globals by slot; `undefined` until defined. Moved only between runs.
    var globals: UnsafeMutablePointer<UInt64>
    var globalCapacity: Int
}

/// The inside of an interpreter: its heap, stack, globals, symbols and shapes, and everything that instructions do
/// beyond the fast paths of `execute`.
///
/// Slow paths begin with `enter`, which records the frame and its next instruction. From then on the collector finds
/// all live registers, so a slow path may allocate, which may collect; addresses stay good (nothing moves) as long as a
/// register, or a temporary root, holds the object. Owner: one thread at a time.
final class Machine: RootSource {
    let heap: Heap
    let mutator: Mutator
    let state: UnsafeMutablePointer<MachineState>
    let output: OutputBuffer
    let shapes = ShapeTable()
    var symbols = BuiltinTable.shared.symbols
    var programs = ProgramTable()
    private(set) var globalNames: [String] = []
    /// The frame that runs, recorded by `enter`; `nil` between runs.
    var top: FramePointer?
    /// Objects that a slow path has made and not yet stored anywhere.
    let temporaries: UnsafeMutablePointer<UInt64>
    static let temporaryCount = 10
    /// What calls of built-ins look at, by built-in.
    let builtins: UnsafeMutablePointer<BuiltinTable.Record>
    /// Slots beyond those of a program, for what runs inside it: globals do not move then. Memory that nothing touches.
    static let spareGlobalCount = 1 << 11
    /// How many globals there may be while a program runs.
    private var globalLimit = 0
    /// See `MapHint`.
    let hint: UnsafeMutablePointer<MapHint>
    /// Why the program ends; set by a slow path that reports failure. An enumeration, so that being out of memory needs
    /// no memory.
    var failure: Failure? {
        willSet { if case .host(let old)? = failure { letGoLater(old) } }
    }
    var keptFailures = KeptFailures()
    /// What tells this machine from all others, dead ones included.
    let identity = MachineIdentity()
    /// What went wrong where nothing could be thrown: for the host function that runs, or the next run.
    var pendingError: RuntimeError?
    /// Where the loop is to begin again when it ended without a failure: see `Machine+Completion`.
    var entered: FramePointer?
    /// See `completer`; made when one is needed first.
    var completers: UnsafeMutablePointer<PrototypeRecord>?
    /// Whether there is, or was, a class with `toString`: no text is looked through for its instances before.
    var hasOwnTexts = false
    /// While the prelude writes a value: a map with the texts of the instances that have one. A register holds it.
    var ownTexts: ObjectWords?
    let initializerSymbol: Int32
    let toStringSymbol: Int32
    let iterateSymbol: Int32
    let startSymbol: Int32
    let endSymbol: Int32

    let cellLayout = CellObject.layout
    let boundMethodLayout = BoundMethodObject.layout
    let classLayout = ClassObject.layout
    let listLayout = ListObject.layout
    let mapLayout = MapObject.layout
    let weakReferenceLayout = WeakReferenceObject.layout
    let weakMapLayout = WeakMapObject.layout

    enum Failure {
        case outOfMemory
        case stackOverflow
        case message(String)
        /// A `throw`: of `thrown`.
        case thrown
        /// A limit of the host's; no script can go on after it.
        case limit(RuntimeError.Kind)
        /// A host function threw.
        case host(HostFailure)
        /// Nothing has failed: the script waits for an asynchronous function.
        case waiting
    }

    /// What has been thrown and not yet caught, or nil. A root; treated like a register.
    var thrown = Value.nilBits
    /// The last value that was thrown and is no `Error`, for comparison only, where, and in which failure of a host function: a
    /// `finally` may throw it on.
    var lastThrown: (bits: UInt64, trace: CallTrace, failure: HostFailure?) = (Value.nilBits, CallTrace(), nil)
    /// The built-in class `Error`. A root.
    var errorClass = Value.nilBits
    /// The error for "Out of memory." when there is no memory for one. A root.
    var reserve = Value.nilBits
    let errorSymbols: ErrorSymbols
    /// The program that has the code of `Error`.
    var errorPrelude: ProgramInstance?

    /// What `gc.trace` was given, or nil; a root. Called after each cycle.
    var tracer = Value.nilBits
    /// Cycles that the tracer has been told of, or that were over before there was one.
    var tracedCycles: UInt64 = 0
    /// Whether a function runs that was called at a safepoint: there is one at a time.
    var isCallingBack = false
    /// Takes the errors of functions that are called at safepoints, which end no program.
    var reportError: ((RuntimeError) -> Void)?
    /// What the host lets programs do.
    var grants = Grants()
    /// What was read from standard input and not given to the program yet.
    var input = PendingInput()
    /// The state of `std/random`, once it has been used.
    var random: RandomState?
    /// Functions that call what is in their R[0], by the count of its arguments; made when they are used first.
    var trampolines: [Int: UnsafeMutablePointer<PrototypeRecord>] = [:]
    /// Files that were imported, and their numbers by scope.
    var fileModules: [FileModule] = []
    var fileModuleNumbers: [String: Int] = [:]
    /// The prelude, once one of its functions has been called.
    var prelude: ProgramInstance?
    /// Closures of the prelude's functions, by number; 0 until they are made. Roots.
    let preludeClosures: UnsafeMutablePointer<UInt64>
    /// Whose machine it is.
    weak var owner: Interpreter?
    /// What hosts hold; roots.
    let handles = HandleTable()
    /// Functions of the host, by number.
    var hostFunctions: [HostFunction] = []
    let hostObjects = HostObjects()
    /// Of the field that tells which object of the host an instance stands for.
    let slotSymbol: Int32
    /// Calls from host functions that run, each on the native stack.
    var nativeDepth = 0
    let limits: RunLimits
    /// Whether all has been collected for want of memory since the last run began.
    var hasUsedLastResort = false
    /// What built-ins have read and written since the last safepoint inside one, in bytes.
    var workSincePoll = 0

    /// The run that may wait for asynchronous functions, if it is one that is in progress.
    var asynchronousRun: AsynchronousRun?
    /// What such functions gave when nobody waited for them any more.
    let strayAnswers = StrayAnswers()

    init(configuration: HeapConfiguration, depth: Int, output: OutputBuffer) throws {
        let roots = RootForwarder()
        let heap = try Heap(configuration)
        Machine.rememberPlaces(heap, configuration) { [unowned(unsafe) roots] in roots.machine }
        let mutator = try heap.makeMutator(roots: roots)
        guard let stack = CallStack(mutator, depth: depth) else {
            mutator.close()
            throw RuntimeError(message: "Out of memory.")
        }
        self.heap = heap
        self.mutator = mutator
        self.roots = roots
        self.output = output
        limits = RunLimits(mutator)
        temporaries = .allocate(capacity: Machine.temporaryCount)
        temporaries.initialize(repeating: 0, count: Machine.temporaryCount)
        builtins = BuiltinTable.shared.makeRecords()
        hint = .allocate(capacity: 1)
        hint.initialize(to: MapHint())
        preludeClosures = .allocate(capacity: Prelude.Function.allCases.count)
        preludeClosures.initialize(repeating: 0, count: Prelude.Function.allCases.count)
        let globalCapacity = 2 * Machine.spareGlobalCount
        let globals = UnsafeMutablePointer<UInt64>.allocate(capacity: globalCapacity)
        state = .allocate(capacity: 1)
        state.initialize(to: MachineState(stack: stack, globals: globals, globalCapacity: globalCapacity))
        initializerSymbol = symbols.intern("init")
        toStringSymbol = symbols.intern("toString")
        iterateSymbol = symbols.intern("iterate")
        startSymbol = symbols.intern("start")
        endSymbol = symbols.intern("end")
        slotSymbol = symbols.intern(Machine.slotField)
        errorSymbols = ErrorSymbols(&symbols)
        roots.machine = self
        extendGlobals(to: Machine.libraryGlobalNames)
        guard makeErrorClass() else { throw RuntimeError(message: "Out of memory.") }
        for slot in globalNames.indices {
            guard let value = makeLibraryGlobal(slot) else { throw RuntimeError(message: "Out of memory.") }
            globals[slot] = value.bits
        }
    }

    private let roots: RootForwarder

    deinit {
        roots.machine = nil
        limits.close()
        state.pointee.stack.destroy(mutator)
        state.pointee.globals.deallocate()
        state.deallocate()
        temporaries.deallocate()
        hint.deallocate()
        builtins.deallocate()
        preludeClosures.deallocate()
        mutator.close()
    }

    /// Makes room for the globals of a program. Existing slots keep their values.
    func extendGlobals(to names: [String]) {
        if names.count > state.pointee.globalCapacity { growGlobals(for: names.count) }
        for slot in globalNames.count..<max(names.count, globalNames.count) {
            state.pointee.globals[slot] = Value.undefinedBits
        }
        if names.count > globalNames.count { globalNames = names }
    }

    /// Makes room for those that a run may make beside its program's: while it runs their place stays.
    func makeRoomForGlobals() {
        globalLimit = globalNames.count + Machine.spareGlobalCount
        if globalLimit > state.pointee.globalCapacity { growGlobals(for: globalLimit) }
    }

    func mayHaveGlobals(_ count: Int) -> Bool { top == nil || count <= globalLimit }

    private func growGlobals(for count: Int) {
        let capacity = count + max(count, Machine.spareGlobalCount)
        let moved = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        moved.moveInitialize(from: state.pointee.globals, count: globalNames.count)
        state.pointee.globals.deallocate()
        state.pointee.globals = moved
        state.pointee.globalCapacity = capacity
    }

    // MARK: Roots

    /// Registers of all frames lie in one piece: windows overlap at the arguments, and above the top frame's live
    /// registers nothing is looked at.
    func visitRoots(_ visitor: RootVisitor) {
        visitor.visit(words: UnsafePointer(state.pointee.globals), count: globalNames.count)
        visitor.visit(words: UnsafePointer(temporaries), count: Machine.temporaryCount)
        visitor.visit(words: UnsafePointer(preludeClosures), count: Prelude.Function.allCases.count)
        visitor.visit(word: tracer)
        visitor.visit(word: thrown)
        visitor.visit(word: errorClass)
        visitor.visit(word: reserve)
        handles.visitRoots(visitor)
        for program in programs.instances {
            program.visitRoots { visitor.visit(words: $0, count: $1) }
        }
        guard let top, let prototype = top.pointee.prototype, let pc = top.pointee.pc else { return }
        let registers = state.pointee.stack.registers
        let live = prototype.pointee.live[pc - prototype.pointee.code - 1]
        visitor.visit(words: UnsafePointer(registers), count: top.pointee.base - registers + Int(live))
        var frame = top
        var last: UInt64 = 0
        while frame > state.pointee.stack.frames {
            // Recursion has the same one again and again.
            if frame.pointee.closure != last { visitor.visit(word: frame.pointee.closure) }
            last = frame.pointee.closure
            frame -= 1
        }
    }

    /// Names of the globals that have a value.
    var definedGlobalNames: [String] {
        globalNames.indices.filter { slot in
            state.pointee.globals[slot] != Value.undefinedBits && !globalNames[slot].contains(where: { $0 == "/" || $0 == ":" })
        }.map { globalNames[$0] }
    }

    // MARK: Slow paths

    /// Records where the program stands, for the collector and for traces.
    @inline(__always) func enter(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>) {
        frame.pointee.pc = pc
        top = frame
    }

    /// True when the stack has moved, since what is due at a safepoint needed a larger one: then go on with `movedFrame`.
    @inline(never) func poll(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>) -> Bool {
        enter(frame, pc)
        let base = frame.pointee.base
        if limits.isRunning, !chargeTurn() { return true }
        mutator.safepoint()
        runDueCalls()
        if top == frame, frame.pointee.base == base { return false }
        // The instruction begins again, and with it its turn.
        limits.refundTurn(isCallback: isCallingBack)
        top.unsafelyUnwrapped.pointee.pc = pc - 1
        return true
    }

    /// The frame on top, where it is now, about to execute the instruction at its `pc`; `nil`: a limit was reached.
    @inline(never) func movedFrame() -> FramePointer? {
        if case .limit = failure { return nil }
        return top
    }

    /// Sets the error and gives false, for the slow path to return.
    func fail(_ message: String) -> Bool {
        failure = .message(message)
        return false
    }

    // MARK: Running

    /// Runs a program to its end. The result is what the script returns: `nil`, or the last expression's value.
    func run(_ program: Program, isHidden: Bool = false) throws(RuntimeError) -> Value {
        try call(try instantiate(program, isHidden: isHidden), [])
    }

    /// A program's script, as a function without parameters. The caller keeps it from here on. A program that runs again
    /// has its constants and caches already.
    func instantiate(_ program: Program, isHidden: Bool = false) throws(RuntimeError) -> Value {
        if let known = programs.instance(of: program) {
            guard let closure = makeClosure(known.functions) else { throw outOfMemory() }
            return closure
        }
        let places = globalPlaces(of: program)
        guard mayHaveGlobals(places.names.count) else {
            throw RuntimeError(message: "Too many new globals while another program runs.")
        }
        guard link(program, places) else { throw outOfMemory() }
        if top == nil { makeRoomForGlobals() }
        let instance = programs.add(program, symbolTable: &symbols, isHidden: isHidden, slots: places.slots)
        guard instance.makeConstants(self), let closure = makeClosure(instance.functions) else {
            programs.dropLast()
            throw outOfMemory()
        }
        programs.rememberLast()
        return closure
    }

    /// The first of such errors counts.
    func leavePending(_ error: RuntimeError) { pendingError = pendingError ?? error }

    /// For what runs next from outside.
    func throwPendingError() throws(RuntimeError) {
        guard let error = pendingError else { return }
        pendingError = nil
        throw error
    }

    /// The error for the host, when nothing runs that could have caught it.
    func outOfMemory() -> RuntimeError {
        defer { failure = nil }
        var kind = RuntimeError.Kind.outOfMemory
        // A limit may be noticed while a value is made for a host function.
        if case .limit(let limit) = failure { kind = limit }
        return error(kind)
    }

    /// Pushes a frame whose R[0] is at `base`, growing the stack when needed; `nil` is a stack overflow, which is set.
    func pushFrame(
        _ frame: FramePointer, base: UnsafeMutablePointer<UInt64>, closure: UInt64,
        _ prototype: UnsafeMutablePointer<PrototypeRecord>
    ) -> FramePointer? {
        var frame = frame
        var base = base
        let count = prototype.pointee.registerCount
        if frame + 1 >= state.pointee.stack.frameLimit || base + count > state.pointee.stack.registerLimit {
            guard
                let moved = state.pointee.stack.grow(top: frame, base: base, registerCount: count, mutator)
                    ?? growCollecting(frame, base, registerCount: count, closure)
            else {
                failure = .stackOverflow
                return nil
            }
            (frame, base) = moved
            top = frame
        }
        let callee = frame + 1
        callee.initialize(
            to: Frame(
                pc: prototype.pointee.code, base: base, prototype: prototype, closure: closure))
        return callee
    }

    /// Grows the stack into what garbage holds: its memory comes from the same budget as that of objects.
    @inline(never) private func growCollecting(
        _ frame: FramePointer, _ base: UnsafeMutablePointer<UInt64>, registerCount: Int, _ closure: UInt64
    ) -> (top: FramePointer, base: UnsafeMutablePointer<UInt64>)? {
        guard top != nil, state.pointee.stack.mayGrow(top: frame, base: base, registerCount: registerCount) else {
            return nil
        }
        temporaries[0] = closure
        defer { temporaries[0] = 0 }
        mutator.freeOSMemory()
        return state.pointee.stack.grow(top: frame, base: base, registerCount: registerCount, mutator)
    }
}

/// Stands between the heap, which keeps its root source, and the machine, which keeps the heap.
private final class RootForwarder: RootSource {
    unowned(unsafe) var machine: Machine?

    func visitRoots(_ visitor: RootVisitor) { machine?.visitRoots(visitor) }
}
