import Glibc
import GravlaxHeap

/// A running call. Frames stand in an array of their own; the one below the first has no prototype and ends the loop.
struct Frame {
    /// The next instruction; up to date while another frame runs, and in slow paths.
    var pc: UnsafePointer<UInt64>?
    /// R[0] in the stack of registers. Windows overlap: a callee's is where the caller put the arguments.
    var base: UnsafeMutablePointer<UInt64>
    var prototype: UnsafeMutablePointer<PrototypeRecord>?
    /// The bits of the closure that runs.
    var closure: UInt64
}

typealias FramePointer = UnsafeMutablePointer<Frame>

/// The stack of registers and the array of frames. Both grow by moving (nothing points into them but frames), so that
/// depth is limited by `maximumRegisterCount` and the host's limit only, and a small program touches little memory.
/// Owner: the interpreter's thread.
struct CallStack {
    private(set) var registers: UnsafeMutablePointer<UInt64>
    private(set) var registerLimit: UnsafeMutablePointer<UInt64>
    private(set) var frames: FramePointer
    private(set) var frameLimit: FramePointer

    /// 2 Mi registers are 16 MiB.
    static let maximumRegisterCount = 1 << 21
    /// Calls inside one another, unless the host says otherwise.
    static let defaultDepth = 200_000
    /// Frames at most, the two included that a run begins with.
    private let maximumFrameCount: Int
    private static let initialRegisterCount = 1 << 12
    private static let initialFrameCount = 1 << 8

    /// - Parameter depth: calls inside one another at most; at least 1.
    init?(_ mutator: Mutator, depth: Int) {
        maximumFrameCount = min(max(depth, 1), 1 << 24) + 2
        guard let memory = mutator.allocateStack(byteCount: CallStack.initialRegisterCount * 8) else { return nil }
        registers = memory.assumingMemoryBound(to: UInt64.self)
        registerLimit = registers + CallStack.initialRegisterCount
        let frameCount = min(CallStack.initialFrameCount, maximumFrameCount)
        frames = .allocate(capacity: frameCount)
        frameLimit = frames + frameCount
    }

    func destroy(_ mutator: Mutator) {
        mutator.freeStack(UnsafeMutableRawPointer(registers))
        frames.deallocate()
    }

    /// Whether one more frame above `top` with `registerCount` registers from `base` is within the limits.
    func mayGrow(top: FramePointer, base: UnsafeMutablePointer<UInt64>, registerCount: Int) -> Bool {
        top - frames + 1 < maximumFrameCount
            && base - registers + registerCount <= CallStack.maximumRegisterCount
    }

    /// Whether a function that the program does not expect, above `base`, has room for calls of its own.
    func hasRoomForInterruption(top: FramePointer, base: UnsafeMutablePointer<UInt64>) -> Bool {
        // Where little depth is allowed, a function that is called in between gets a part of it.
        mayGrow(
            top: top + min(CallStack.interruptionFrameCount, maximumFrameCount / 4), base: base, registerCount: CallStack.interruptionRegisterCount)
    }

    private static let interruptionFrameCount = 1_000
    private static let interruptionRegisterCount = 16_000

    /// Room for one more frame above `top` with `registerCount` registers from `base`. Gives the moved `top` and `base`;
    /// `nil`, and nothing has moved, when the limit is reached or memory is refused.
    mutating func grow(
        top: FramePointer, base: UnsafeMutablePointer<UInt64>, registerCount: Int, _ mutator: Mutator
    ) -> (top: FramePointer, base: UnsafeMutablePointer<UInt64>)? {
        var top = top
        var base = base
        let frameIndex = top - frames
        let offset = base - registers
        guard mayGrow(top: top, base: base, registerCount: registerCount) else { return nil }
        // Registers first: they may be refused, and then nothing has moved.
        if offset + registerCount > registerLimit - registers {
            var capacity = (registerLimit - registers) * 2
            while capacity < offset + registerCount { capacity *= 2 }
            guard let memory = mutator.allocateStack(byteCount: capacity * 8) else { return nil }
            let moved = memory.assumingMemoryBound(to: UInt64.self)
            // The whole old stack: the arguments of the call stand above the caller's live registers.
            memcpy(moved, registers, (registerLimit - registers) * 8)
            for index in 0...frameIndex { frames[index].base = moved + (frames[index].base - registers) }
            mutator.freeStack(UnsafeMutableRawPointer(registers))
            registers = moved
            registerLimit = moved + capacity
            base = moved + offset
        }
        if frameIndex + 1 >= frameLimit - frames {
            let capacity = min((frameLimit - frames) * 2, maximumFrameCount)
            let moved = FramePointer.allocate(capacity: capacity)
            moved.moveInitialize(from: frames, count: frameIndex + 1)
            frames.deallocate()
            frames = moved
            frameLimit = moved + capacity
            top = moved + frameIndex
        }
        return (top, base)
    }
}
