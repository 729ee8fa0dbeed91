import GravlaxCompiler

/// Where the loop stands: the running frame, and what of it every instruction needs, in local variables of the loop.
struct Cursor {
    private(set) var frame: FramePointer
    /// The instruction that executes.
    var pc: UnsafePointer<UInt64>
    /// R[0].
    private(set) var base: UnsafeMutablePointer<UInt64>
    private(set) var constants: UnsafeMutablePointer<UInt64>
    private(set) var caches: UnsafeMutablePointer<UInt64>

    @inline(__always) init(_ frame: FramePointer) {
        self.frame = frame
        pc = frame.pointee.pc.unsafelyUnwrapped
        base = frame.pointee.base
        let prototype = frame.pointee.prototype.unsafelyUnwrapped
        constants = prototype.pointee.constants
        caches = prototype.pointee.caches
    }

    /// Goes into the closure `callee`, whose window begins at R[`window`]; false, and nothing done, when the count of
    /// arguments is wrong or the stack has to grow.
    @inline(__always) mutating func enter(_ callee: UInt64, window: Int, argumentCount: Int, _ stack: CallStack) -> Bool {
        let target = ClosureObject.prototype(Value(bits: callee).words)
        let first = base + window
        guard
            _fastPath(
                target.pointee.arity == argumentCount && frame + 1 < stack.frameLimit
                    && first + target.pointee.registerCount <= stack.registerLimit)
        else { return false }
        frame.pointee.pc = pc + 1
        frame += 1
        frame.pointee.base = first
        frame.pointee.prototype = target
        frame.pointee.closure = callee
        base = first
        pc = target.pointee.code
        constants = target.pointee.constants
        caches = target.pointee.caches
        return true
    }

    /// Gives `result` to the caller and goes back there; false: there is none.
    @inline(__always) mutating func leave(_ result: UInt64) -> Bool {
        base[0] = result
        frame -= 1
        guard let caller = frame.pointee.prototype else { return false }
        pc = frame.pointee.pc.unsafelyUnwrapped
        base = frame.pointee.base
        constants = caller.pointee.constants
        caches = caller.pointee.caches
        return true
    }
}
