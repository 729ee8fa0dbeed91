import GravlaxCompiler
import GravlaxHeap

// The loop. One switch over the opcode byte of verified code; the state is in local variables, and what is rare is a
// call to a function that is never inlined and takes and returns plain values, so that nothing is spilled around the
// fast paths and no reference is counted. A slow path that fails has set `failure`; the loop then ends.
//
// `pc` stands after the instruction that executes. Polls come before the instruction has any effect: the live
// registers are those of the instruction itself.

extension Machine {
    /// Runs from `first`, the frame above the bottom one, until it returns (true: its result is in the first
    /// register) or fails (false: the frames are as they were at the failure, for the trace).
    func execute(_ first: FramePointer) -> Bool {
        let mutator = self.mutator
        let state = self.state
        let globals = state.pointee.globals
        var frame = first
        var pc = frame.pointee.pc.unsafelyUnwrapped
        var base = frame.pointee.base
        var prototype = frame.pointee.prototype.unsafelyUnwrapped
        var constants = prototype.pointee.constants
        while true {
            let i = Operands(word: pc.pointee)
            pc += 1
            switch i.opcode {
            case .move:
                base[i.a] = base[i.b]
            case .loadk:
                base[i.a] = constants[i.bx]
            case .loadint:
                base[i.a] = Double(i.sbx).bitPattern
            case .loadnil:
                let first = base + i.a
                for index in 0..<i.b { first[index] = Value.nilBits }
            case .loadtrue:
                base[i.a] = Value.trueBits
            case .loadfalse:
                base[i.a] = Value.falseBits
            case .getglobal:
                let value = globals[i.bx]
                if _slowPath(value == Value.undefinedBits) { return undefinedGlobal(frame, pc, i.bx) }
                base[i.a] = value
            case .setglobal:
                if _slowPath(globals[i.bx] == Value.undefinedBits) { return undefinedGlobal(frame, pc, i.bx) }
                mutator.store(base[i.a], to: globals + i.bx)
            case .defglobal:
                mutator.store(base[i.a], to: globals + i.bx)
            case .newcell:
                if _slowPath(!makeCell(frame, pc, i)) { return false }
            case .getcell:
                base[i.a] = Value(bits: base[i.b]).words[1]
            case .setcell:
                mutator.store(base[i.b], to: Value(bits: base[i.a]).words + 1)
            case .getcap:
                base[i.a] = Value(bits: frame.pointee.closure).words[ClosureObject.firstCapture + i.b]
            case .getcapcell:
                let cell = Value(bits: frame.pointee.closure).words[ClosureObject.firstCapture + i.b]
                base[i.a] = Value(bits: cell).words[1]
            case .setcapcell:
                let cell = Value(bits: frame.pointee.closure).words[ClosureObject.firstCapture + i.a]
                mutator.store(base[i.b], to: Value(bits: cell).words + 1)
            case .loadself:
                base[i.a] = frame.pointee.closure
            case .closure:
                if _slowPath(!makeClosure(frame, pc, i)) { return false }
            case .add:
                let left = base[i.b]
                let right = base[i.c]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    base[i.a] = (Double(bitPattern: left) + Double(bitPattern: right)).bitPattern
                } else {
                    if !addSlow(frame, pc, i.a, left, right) { return false }
                }
            case .addk:
                let left = base[i.b]
                let right = constants[i.c]
                if _fastPath(left < Value.firstTag) {
                    base[i.a] = (Double(bitPattern: left) + Double(bitPattern: right)).bitPattern
                } else {
                    if !addSlow(frame, pc, i.a, left, right) { return false }
                }
            case .sub:
                let left = base[i.b]
                let right = base[i.c]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    base[i.a] = (Double(bitPattern: left) - Double(bitPattern: right)).bitPattern
                } else {
                    return numbersExpected(frame, pc)
                }
            case .subk:
                let left = base[i.b]
                let right = constants[i.c]
                if _fastPath(left < Value.firstTag) {
                    base[i.a] = (Double(bitPattern: left) - Double(bitPattern: right)).bitPattern
                } else {
                    return numbersExpected(frame, pc)
                }
            case .mul:
                let left = base[i.b]
                let right = base[i.c]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    base[i.a] = (Double(bitPattern: left) * Double(bitPattern: right)).bitPattern
                } else {
                    return numbersExpected(frame, pc)
                }
            case .mulk:
                let left = base[i.b]
                let right = constants[i.c]
                if _fastPath(left < Value.firstTag) {
                    base[i.a] = (Double(bitPattern: left) * Double(bitPattern: right)).bitPattern
                } else {
                    return numbersExpected(frame, pc)
                }
            case .div:
                let left = base[i.b]
                let right = base[i.c]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    base[i.a] = (Double(bitPattern: left) / Double(bitPattern: right)).bitPattern
                } else {
                    return numbersExpected(frame, pc)
                }
            case .divk:
                let left = base[i.b]
                let right = constants[i.c]
                if _fastPath(left < Value.firstTag) {
                    base[i.a] = (Double(bitPattern: left) / Double(bitPattern: right)).bitPattern
                } else {
                    return numbersExpected(frame, pc)
                }
            case .mod:
                let left = base[i.b]
                let right = base[i.c]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    base[i.a] = Arithmetic.remainder(left, right)
                } else {
                    return numbersExpected(frame, pc)
                }
            case .modk:
                let left = base[i.b]
                let right = constants[i.c]
                if _fastPath(left < Value.firstTag) {
                    base[i.a] = Arithmetic.remainder(left, right)
                } else {
                    return numbersExpected(frame, pc)
                }
            case .neg:
                let operand = base[i.b]
                if _fastPath(operand < Value.firstTag) {
                    base[i.a] = operand ^ 0x8000_0000_0000_0000
                                } else {
                    return numberExpected(frame, pc)
                }
            case .not:
                base[i.a] = Value(!Value(bits: base[i.b]).isTruthy).bits
            case .eq:
                base[i.a] = Value(Arithmetic.areEqual(base[i.b], base[i.c])).bits
            case .eqk:
                base[i.a] = Value(Arithmetic.areEqual(base[i.b], constants[i.c])).bits
            case .ne:
                base[i.a] = Value(!Arithmetic.areEqual(base[i.b], base[i.c])).bits
            case .nek:
                base[i.a] = Value(!Arithmetic.areEqual(base[i.b], constants[i.c])).bits
            case .lt:
                let left = base[i.b]
                let right = base[i.c]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    base[i.a] = Value(Double(bitPattern: left) < Double(bitPattern: right)).bits
                } else {
                    return numbersExpected(frame, pc)
                }
            case .le:
                let left = base[i.b]
                let right = base[i.c]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    base[i.a] = Value(Double(bitPattern: left) <= Double(bitPattern: right)).bits
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jmp:
                pc += i.sbx
            case .jt:
                if Value(bits: base[i.a]).isTruthy { pc += i.jump }
            case .jf:
                if !Value(bits: base[i.a]).isTruthy { pc += i.jump }
            case .jlt:
                let left = base[i.a]
                let right = base[i.b]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    if Double(bitPattern: left) < Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jle:
                let left = base[i.a]
                let right = base[i.b]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    if Double(bitPattern: left) <= Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jnlt:
                let left = base[i.a]
                let right = base[i.b]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    if !(Double(bitPattern: left) < Double(bitPattern: right)) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jnle:
                let left = base[i.a]
                let right = base[i.b]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    if !(Double(bitPattern: left) <= Double(bitPattern: right)) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jeq:
                if Arithmetic.areEqual(base[i.a], base[i.b]) { pc += i.jump }
            case .jne:
                if !Arithmetic.areEqual(base[i.a], base[i.b]) { pc += i.jump }
            case .jltk:
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if Double(bitPattern: left) < Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jlek:
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if Double(bitPattern: left) <= Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jgtk:
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if Double(bitPattern: left) > Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jgek:
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if Double(bitPattern: left) >= Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jnltk:
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if !(Double(bitPattern: left) < Double(bitPattern: right)) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jnlek:
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if !(Double(bitPattern: left) <= Double(bitPattern: right)) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jngtk:
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if !(Double(bitPattern: left) > Double(bitPattern: right)) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jngek:
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if !(Double(bitPattern: left) >= Double(bitPattern: right)) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .jeqk:
                if Arithmetic.areEqual(base[i.a], constants[i.b]) { pc += i.jump }
            case .jnek:
                if !Arithmetic.areEqual(base[i.a], constants[i.b]) { pc += i.jump }
            case .loop:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                pc += i.sbx
            case .looplt:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let left = base[i.a]
                let right = base[i.b]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    if Double(bitPattern: left) < Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .loople:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let left = base[i.a]
                let right = base[i.b]
                if _fastPath(left < Value.firstTag && right < Value.firstTag) {
                    if Double(bitPattern: left) <= Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .loopltk:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if Double(bitPattern: left) < Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .looplek:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if Double(bitPattern: left) <= Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .loopgtk:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if Double(bitPattern: left) > Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .loopgek:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let left = base[i.a]
                let right = constants[i.b]
                if _fastPath(left < Value.firstTag) {
                    if Double(bitPattern: left) >= Double(bitPattern: right) { pc += i.jump }
                } else {
                    return numbersExpected(frame, pc)
                }
            case .loopt:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                if Value(bits: base[i.a]).isTruthy { pc += i.jump }
            case .forlt:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let counter = base[i.a]
                let right = base[i.b]
                if _fastPath(counter < Value.firstTag && right < Value.firstTag) {
                    let next = Double(bitPattern: counter) + 1
                    base[i.a] = next.bitPattern
                    if next < Double(bitPattern: right) { pc += i.jump }
                } else {
                    return counterExpected(frame, pc, counter)
                }
            case .forltk:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let counter = base[i.a]
                let right = constants[i.b]
                if _fastPath(counter < Value.firstTag) {
                    let next = Double(bitPattern: counter) + 1
                    base[i.a] = next.bitPattern
                    if next < Double(bitPattern: right) { pc += i.jump }
                } else {
                    return counterExpected(frame, pc, counter)
                }
            case .forle:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let counter = base[i.a]
                let right = base[i.b]
                if _fastPath(counter < Value.firstTag && right < Value.firstTag) {
                    let next = Double(bitPattern: counter) + 1
                    base[i.a] = next.bitPattern
                    if next <= Double(bitPattern: right) { pc += i.jump }
                } else {
                    return counterExpected(frame, pc, counter)
                }
            case .forlek:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let counter = base[i.a]
                let right = constants[i.b]
                if _fastPath(counter < Value.firstTag) {
                    let next = Double(bitPattern: counter) + 1
                    base[i.a] = next.bitPattern
                    if next <= Double(bitPattern: right) { pc += i.jump }
                } else {
                    return counterExpected(frame, pc, counter)
                }
            case .call:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let callee = base[i.a]
                if callee >> 48 == 0xFFFC {
                    let words = Value(bits: callee).words
                    if _fastPath(UInt8(truncatingIfNeeded: words[0]) == ObjectKind.closure.rawValue) {
                        let target = ClosureObject.prototype(words)
                        let window = base + i.a
                        if _fastPath(
                            target.pointee.arity == i.b && frame + 1 < state.pointee.stack.frameLimit
                                && window + target.pointee.registerCount <= state.pointee.stack.registerLimit)
                        {
                            frame.pointee.pc = pc
                            frame += 1
                            frame.pointee.base = window
                            frame.pointee.prototype = target
                            frame.pointee.closure = callee
                            base = window
                            prototype = target
                            pc = target.pointee.code
                            constants = target.pointee.constants
                            continue
                        }
                    }
                }
                guard let next = callSlow(frame, pc, i) else { return false }
                frame = next
                pc = frame.pointee.pc.unsafelyUnwrapped
                base = frame.pointee.base
                prototype = frame.pointee.prototype.unsafelyUnwrapped
                constants = prototype.pointee.constants
            case .invoke:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                let receiver = base[i.a]
                if receiver >> 48 == 0xFFFC {
                    let words = Value(bits: receiver).words
                    let cache = InlineCache(word: prototype.pointee.caches[i.c])
                    if _fastPath(cache.difference(words[0]) == InlineCache.method << 8) {
                        let callee = ClassObject.method(number: cache.slot, of: Value(bits: words[1]).words).bits
                        let target = ClosureObject.prototype(Value(bits: callee).words)
                        let window = base + i.a
                        if _fastPath(
                            target.pointee.arity == i.b && frame + 1 < state.pointee.stack.frameLimit
                                && window + target.pointee.registerCount <= state.pointee.stack.registerLimit)
                        {
                            frame.pointee.pc = pc
                            frame += 1
                            frame.pointee.base = window
                            frame.pointee.prototype = target
                            frame.pointee.closure = callee
                            base = window
                            prototype = target
                            pc = target.pointee.code
                            constants = target.pointee.constants
                            continue
                        }
                    }
                }
                guard let next = invokeSlow(frame, pc, i) else { return false }
                frame = next
                pc = frame.pointee.pc.unsafelyUnwrapped
                base = frame.pointee.base
                prototype = frame.pointee.prototype.unsafelyUnwrapped
                constants = prototype.pointee.constants
            case .superinvoke:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                guard let next = superInvoke(frame, pc, i) else { return false }
                frame = next
                pc = frame.pointee.pc.unsafelyUnwrapped
                base = frame.pointee.base
                prototype = frame.pointee.prototype.unsafelyUnwrapped
                constants = prototype.pointee.constants
            case .getsuper:
                if _slowPath(!getSuper(frame, pc, i)) { return false }
            case .return:
                base[0] = base[i.a]
                frame -= 1
                guard let caller = frame.pointee.prototype else { return true }
                prototype = caller
                pc = frame.pointee.pc.unsafelyUnwrapped
                base = frame.pointee.base
                constants = caller.pointee.constants
            case .returnnil:
                base[0] = Value.nilBits
                frame -= 1
                guard let caller = frame.pointee.prototype else { return true }
                prototype = caller
                pc = frame.pointee.pc.unsafelyUnwrapped
                base = frame.pointee.base
                constants = caller.pointee.constants
            case .class:
                if _slowPath(!makeClass(frame, pc, i)) { return false }
            case .inherit:
                if _slowPath(!inherit(frame, pc, i)) { return false }
            case .method:
                if _slowPath(!addMethod(frame, pc, i)) { return false }
            case .getfield:
                let receiver = base[i.b]
                if _fastPath(receiver >> 48 == 0xFFFC) {
                    let words = Value(bits: receiver).words
                    let cache = InlineCache(word: prototype.pointee.caches[i.c])
                    if _fastPath(cache.difference(words[0]) == InlineCache.inlineField << 8) {
                        base[i.a] = words[cache.slot]
                        continue
                    }
                }
                if _slowPath(!getField(frame, pc, i)) { return false }
            case .setfield:
                let receiver = base[i.a]
                if _fastPath(receiver >> 48 == 0xFFFC) {
                    let words = Value(bits: receiver).words
                    let cache = InlineCache(word: prototype.pointee.caches[i.c])
                    let form = cache.difference(words[0])
                    if _fastPath(form == InlineCache.inlineField << 8) {
                        mutator.store(base[i.b], to: words + cache.slot)
                        continue
                    }
                    if form == InlineCache.inlineAddition << 8 {
                        mutator.store(base[i.b], to: words + cache.slot)
                        words[0] &+= cache.delta << 32
                        continue
                    }
                }
                if _slowPath(!setField(frame, pc, i)) { return false }
            case .newlist:
                if _slowPath(!newList(frame, pc, i)) { return false }
            case .append:
                if _slowPath(!append(frame, pc, i)) { return false }
            case .newmap:
                if _slowPath(!newMap(frame, pc, i)) { return false }
            case .getindex:
                let container = base[i.b]
                if let element = Machine.element(container, base[i.c]) {
                    base[i.a] = element.pointee
                    continue
                }
                if _slowPath(!getIndex(frame, pc, i)) { return false }
            case .setindex:
                let container = base[i.a]
                if let element = Machine.element(container, base[i.b]) {
                    mutator.store(base[i.c], to: element)
                    continue
                }
                if _slowPath(!setIndex(frame, pc, i)) { return false }
            case .iterprep:
                if _slowPath(!prepareIteration(frame, pc, i)) { return false }
            case .iternext:
                if _slowPath(mutator.pollRequested) { poll(frame, pc) }
                switch nextElement(frame, pc, i) {
                case .element: pc += i.jump
                case .end: break
                case .failed: return false
                }
            case .print:
                printValue(frame, pc, i)
            }
        }
    }

    /// Where the element of a list is, when `container` is a list and `key` a number that is one of its indexes from
    /// the front.
    @inline(__always) static func element(_ container: UInt64, _ key: UInt64) -> UnsafeMutablePointer<UInt64>? {
        // The bits of 0 ≤ numbers < 2^31 are below those of 2^31; -0 is not, and takes the slow path.
        guard container >> 48 == 0xFFFC, key < 0x41E0_0000_0000_0000 else { return nil }
        let words = Value(bits: container).words
        guard UInt8(truncatingIfNeeded: words[0]) == ObjectKind.list.rawValue else { return nil }
        let index = Int(Double(bitPattern: key))
        guard Double(index).bitPattern == key, index < ListObject.count(words) else { return nil }
        return ListObject.elements(words) + index
    }
}
