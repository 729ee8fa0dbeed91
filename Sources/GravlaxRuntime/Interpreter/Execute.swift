import CGravlaxShims
import GravlaxCompiler
import GravlaxHeap

// The loop. One switch over the opcode byte of verified code; the state is in local variables, and what is rare is a
// call to a function that is never inlined and takes and returns plain values, so that nothing is spilled around the
// fast paths and no reference is counted. A slow path that fails has set `failure`; the loop then ends.
//
// `pc` stands after the instruction that executes. Polls come before the instruction has any effect: the live
// registers are those of the instruction itself.
//
// Handlers leave the switch through one of the ends around it, at most 16 to an end. The compiler copies a jump through
// a table to the places that lead there, but only where they are 16 or fewer: with ends between, it copies the jump to
// the ends and from there to the handlers. Each handler then has a jump to the next instruction of its own, which the
// processor predicts by what usually follows; one jump for all made the same loops take 1.3 to 1.8 times as long. An
// end does nothing; `gravlax_end_…` keeps the optimiser from seeing that.

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
        var constants = frame.pointee.prototype.unsafelyUnwrapped.pointee.constants
        var caches = frame.pointee.prototype.unsafelyUnwrapped.pointee.caches
        while true {
            let i = Operands(at: pc)
            resumed: do { entered: do { accessed: do { looped: do { passed: do { jumped: do { compared: do {
            computed: do { moved: do { done: do {
            switch i.opcode {
            case .move:
                base[i.a] = base[i.b]
                break moved
            case .loadk:
                base[i.a] = constants[i.bx]
                break moved
            case .loadint:
                base[i.a] = Double(i.sbx).bitPattern
                break moved
            case .loadnil:
                let first = base + i.a
                for index in 0..<i.b { first[index] = Value.nilBits }
                break moved
            case .loadtrue:
                base[i.a] = Value.trueBits
                break moved
            case .loadfalse:
                base[i.a] = Value.falseBits
                break moved
            case .getglobal:
                let value = globals[i.bx]
                if _slowPath(value == Value.undefinedBits) { return undefinedGlobal(frame, pc + 1, i.bx) }
                base[i.a] = value
                break moved
            case .setglobal:
                if _slowPath(globals[i.bx] == Value.undefinedBits) { return undefinedGlobal(frame, pc + 1, i.bx) }
                mutator.store(base[i.a], to: globals + i.bx)
                break moved
            case .defglobal:
                mutator.store(base[i.a], to: globals + i.bx)
                break done
            case .newcell:
                if _slowPath(!makeCell(frame, pc + 1, i)) { return false }
                break done
            case .getcell:
                base[i.a] = Value(bits: base[i.b]).words[1]
                break moved
            case .setcell:
                mutator.store(base[i.b], to: Value(bits: base[i.a]).words + 1)
                break moved
            case .getcap:
                base[i.a] = Value(bits: frame.pointee.closure).words[ClosureObject.firstCapture + i.b]
                break moved
            case .getcapcell:
                let cell = Value(bits: frame.pointee.closure).words[ClosureObject.firstCapture + i.b]
                base[i.a] = Value(bits: cell).words[1]
                break moved
            case .setcapcell:
                let cell = Value(bits: frame.pointee.closure).words[ClosureObject.firstCapture + i.a]
                mutator.store(base[i.b], to: Value(bits: cell).words + 1)
                break moved
            case .loadself:
                base[i.a] = frame.pointee.closure
                break moved
            case .closure:
                if _slowPath(!makeClosure(frame, pc + 1, i)) { return false }
                break done
            case .add:
                let (left, right) = (base[i.b], base[i.c])
                guard Arithmetic.areNumbers(left, right) else {
                    if addSlow(frame, pc + 1, i) { break done }
                    return false
                }
                base[i.a] = Arithmetic.sum(left, right)
                break computed
            case .addk:
                let (left, right) = (base[i.b], constants[i.c])
                guard Arithmetic.isNumber(left) else {
                    return additionExpected(frame, pc + 1)
                }
                base[i.a] = Arithmetic.sum(left, right)
                break computed
            case .sub:
                let (left, right) = (base[i.b], base[i.c])
                guard Arithmetic.areNumbers(left, right) else {
                    return numbersExpected(frame, pc + 1)
                }
                base[i.a] = Arithmetic.difference(left, right)
                break computed
            case .subk:
                let (left, right) = (base[i.b], constants[i.c])
                guard Arithmetic.isNumber(left) else {
                    return numbersExpected(frame, pc + 1)
                }
                base[i.a] = Arithmetic.difference(left, right)
                break computed
            case .mul:
                let (left, right) = (base[i.b], base[i.c])
                guard Arithmetic.areNumbers(left, right) else {
                    return numbersExpected(frame, pc + 1)
                }
                base[i.a] = Arithmetic.product(left, right)
                break computed
            case .mulk:
                let (left, right) = (base[i.b], constants[i.c])
                guard Arithmetic.isNumber(left) else {
                    return numbersExpected(frame, pc + 1)
                }
                base[i.a] = Arithmetic.product(left, right)
                break computed
            case .div:
                let (left, right) = (base[i.b], base[i.c])
                guard Arithmetic.areNumbers(left, right) else {
                    return numbersExpected(frame, pc + 1)
                }
                base[i.a] = Arithmetic.quotient(left, right)
                break computed
            case .divk:
                let (left, right) = (base[i.b], constants[i.c])
                guard Arithmetic.isNumber(left) else {
                    return numbersExpected(frame, pc + 1)
                }
                base[i.a] = Arithmetic.quotient(left, right)
                break computed
            case .mod:
                let (left, right) = (base[i.b], base[i.c])
                guard Arithmetic.areNumbers(left, right) else {
                    return numbersExpected(frame, pc + 1)
                }
                base[i.a] = Arithmetic.remainder(left, right)
                break computed
            case .modk:
                let (left, right) = (base[i.b], constants[i.c])
                guard Arithmetic.isNumber(left) else {
                    return numbersExpected(frame, pc + 1)
                }
                base[i.a] = Arithmetic.remainder(left, right)
                break computed
            case .neg:
                let operand = base[i.b]
                guard Arithmetic.isNumber(operand) else { return numberExpected(frame, pc + 1) }
                base[i.a] = operand ^ 0x8000_0000_0000_0000
                break computed
            case .not:
                base[i.a] = Value(!Value(bits: base[i.b]).isTruthy).bits
                break compared
            case .eq:
                base[i.a] = Value(Arithmetic.areEqual(base[i.b], base[i.c])).bits
                break compared
            case .eqk:
                base[i.a] = Value(Arithmetic.areEqual(base[i.b], constants[i.c])).bits
                break compared
            case .ne:
                base[i.a] = Value(!Arithmetic.areEqual(base[i.b], base[i.c])).bits
                break compared
            case .nek:
                base[i.a] = Value(!Arithmetic.areEqual(base[i.b], constants[i.c])).bits
                break compared
            case .lt:
                let (left, right) = (base[i.b], base[i.c])
                guard Arithmetic.areNumbers(left, right) else { return numbersExpected(frame, pc + 1) }
                base[i.a] = Value(Arithmetic.isLess(left, right)).bits
                break compared
            case .le:
                let (left, right) = (base[i.b], base[i.c])
                guard Arithmetic.areNumbers(left, right) else { return numbersExpected(frame, pc + 1) }
                base[i.a] = Value(Arithmetic.isLessOrEqual(left, right)).bits
                break compared
            case .jmp:
                pc += i.sbx
                break moved
            case .jt:
                if Value(bits: base[i.a]).isTruthy {
                    pc = gravlax_end_1(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_1(pc)
                break passed
            case .jf:
                if !Value(bits: base[i.a]).isTruthy {
                    pc = gravlax_end_2(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_2(pc)
                break passed
            case .jlt:
                let (left, right) = (base[i.a], base[i.b])
                guard Arithmetic.areNumbers(left, right) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLess(left, right) {
                    pc = gravlax_end_3(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_3(pc)
                break passed
            case .jle:
                let (left, right) = (base[i.a], base[i.b])
                guard Arithmetic.areNumbers(left, right) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLessOrEqual(left, right) {
                    pc = gravlax_end_4(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_4(pc)
                break passed
            case .jnlt:
                let (left, right) = (base[i.a], base[i.b])
                guard Arithmetic.areNumbers(left, right) else { return numbersExpected(frame, pc + 1) }
                if !Arithmetic.isLess(left, right) {
                    pc = gravlax_end_5(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_5(pc)
                break passed
            case .jnle:
                let (left, right) = (base[i.a], base[i.b])
                guard Arithmetic.areNumbers(left, right) else { return numbersExpected(frame, pc + 1) }
                if !Arithmetic.isLessOrEqual(left, right) {
                    pc = gravlax_end_6(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_6(pc)
                break passed
            case .jeq:
                if Arithmetic.areEqual(base[i.a], base[i.b]) { pc += i.jump }
                break compared
            case .jne:
                if !Arithmetic.areEqual(base[i.a], base[i.b]) { pc += i.jump }
                break compared
            case .jltk:
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLess(left, right) {
                    pc = gravlax_end_7(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_7(pc)
                break passed
            case .jlek:
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLessOrEqual(left, right) {
                    pc = gravlax_end_8(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_8(pc)
                break passed
            case .jgtk:
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLess(right, left) {
                    pc = gravlax_end_9(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_9(pc)
                break passed
            case .jgek:
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLessOrEqual(right, left) {
                    pc = gravlax_end_10(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_10(pc)
                break passed
            case .jnltk:
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if !Arithmetic.isLess(left, right) {
                    pc = gravlax_end_11(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_11(pc)
                break passed
            case .jnlek:
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if !Arithmetic.isLessOrEqual(left, right) {
                    pc = gravlax_end_12(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_12(pc)
                break passed
            case .jngtk:
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if !Arithmetic.isLess(right, left) {
                    pc = gravlax_end_13(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_13(pc)
                break passed
            case .jngek:
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if !Arithmetic.isLessOrEqual(right, left) {
                    pc = gravlax_end_14(pc + i.jump)
                    break jumped
                }
                pc = gravlax_end_14(pc)
                break passed
            case .jeqk:
                if Arithmetic.areEqual(base[i.a], constants[i.b]) { pc += i.jump }
                break compared
            case .jnek:
                if !Arithmetic.areEqual(base[i.a], constants[i.b]) { pc += i.jump }
                break compared
            case .loop:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                pc += i.sbx
                break looped
            case .looplt:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let (left, right) = (base[i.a], base[i.b])
                guard Arithmetic.areNumbers(left, right) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLess(left, right) {
                    pc = gravlax_end_1(pc + i.jump)
                    break looped
                }
                break done
            case .loople:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let (left, right) = (base[i.a], base[i.b])
                guard Arithmetic.areNumbers(left, right) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLessOrEqual(left, right) {
                    pc = gravlax_end_2(pc + i.jump)
                    break looped
                }
                break done
            case .loopltk:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLess(left, right) {
                    pc = gravlax_end_3(pc + i.jump)
                    break looped
                }
                break done
            case .looplek:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLessOrEqual(left, right) {
                    pc = gravlax_end_4(pc + i.jump)
                    break looped
                }
                break done
            case .loopgtk:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLess(right, left) {
                    pc = gravlax_end_5(pc + i.jump)
                    break looped
                }
                break done
            case .loopgek:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let (left, right) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(left) else { return numbersExpected(frame, pc + 1) }
                if Arithmetic.isLessOrEqual(right, left) {
                    pc = gravlax_end_6(pc + i.jump)
                    break looped
                }
                break done
            case .loopt:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                if Value(bits: base[i.a]).isTruthy {
                    pc = gravlax_end_7(pc + i.jump)
                    break looped
                }
                break done
            case .forlt:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let (counter, limit) = (base[i.a], base[i.b])
                guard Arithmetic.areNumbers(counter, limit) else { return counterExpected(frame, pc + 1, counter) }
                let next = Arithmetic.successor(counter)
                base[i.a] = next
                if Arithmetic.isLess(next, limit) {
                    pc = gravlax_end_8(pc + i.jump)
                    break looped
                }
                break done
            case .forltk:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let (counter, limit) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(counter) else { return counterExpected(frame, pc + 1, counter) }
                let next = Arithmetic.successor(counter)
                base[i.a] = next
                if Arithmetic.isLess(next, limit) {
                    pc = gravlax_end_9(pc + i.jump)
                    break looped
                }
                break done
            case .forle:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let (counter, limit) = (base[i.a], base[i.b])
                guard Arithmetic.areNumbers(counter, limit) else { return counterExpected(frame, pc + 1, counter) }
                let next = Arithmetic.successor(counter)
                base[i.a] = next
                if Arithmetic.isLessOrEqual(next, limit) {
                    pc = gravlax_end_10(pc + i.jump)
                    break looped
                }
                break done
            case .forlek:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let (counter, limit) = (base[i.a], constants[i.b])
                guard Arithmetic.isNumber(counter) else { return counterExpected(frame, pc + 1, counter) }
                let next = Arithmetic.successor(counter)
                base[i.a] = next
                if Arithmetic.isLessOrEqual(next, limit) {
                    pc = gravlax_end_11(pc + i.jump)
                    break looped
                }
                break done
            case .call:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let callee = base[i.a]
                if let words = Value(bits: callee).objectWords,
                    _fastPath(UInt8(truncatingIfNeeded: words[0]) == ObjectKind.closure.rawValue)
                {
                    let target = ClosureObject.prototype(Value(bits: callee).words)
                    let window = base + i.a
                    if _fastPath(
                        target.pointee.arity == i.b && frame + 1 < state.pointee.stack.frameLimit
                            && window + target.pointee.registerCount <= state.pointee.stack.registerLimit)
                    {
                        frame.pointee.pc = pc + 1
                        frame += 1
                        frame.pointee.base = window
                        frame.pointee.prototype = target
                        frame.pointee.closure = callee
                        base = window
                        pc = target.pointee.code
                        constants = target.pointee.constants
                        caches = target.pointee.caches
                        break entered
                    }
                }
                guard let next = callSlow(frame, pc + 1, i) else { return false }
                frame = next
                break resumed
            case .invoke:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                if let words = Value(bits: base[i.a]).objectWords {
                    let cache = InlineCache(word: caches[i.c])
                    if _fastPath(cache.difference(words[0]) == InlineCache.method << 8) {
                        let callee = ClassObject.method(number: cache.slot, of: Value(bits: words[1]).words).bits
                        let target = ClosureObject.prototype(Value(bits: callee).words)
                        let window = base + i.a
                        if _fastPath(
                            target.pointee.arity == i.b && frame + 1 < state.pointee.stack.frameLimit
                                && window + target.pointee.registerCount <= state.pointee.stack.registerLimit)
                        {
                            frame.pointee.pc = pc + 1
                            frame += 1
                            frame.pointee.base = window
                            frame.pointee.prototype = target
                            frame.pointee.closure = callee
                            base = window
                            pc = target.pointee.code
                            constants = target.pointee.constants
                            caches = target.pointee.caches
                            break entered
                        }
                    } else if cache.word == InlineCache.push, pushFast(base[i.a + 1], to: words) {
                        base[i.a] = Value.nilBits
                        break accessed
                    }
                }
                guard let next = invokeSlow(frame, pc + 1, i) else { return false }
                frame = next
                break resumed
            case .superinvoke:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                let words = Value(bits: base[i.a + i.b + 1]).words
                let cache = InlineCache(word: caches[i.c])
                if _fastPath(cache.difference(words[0]) == InlineCache.method << 8) {
                    let callee = ClassObject.method(number: cache.slot, of: words).bits
                    let target = ClosureObject.prototype(Value(bits: callee).words)
                    let window = base + i.a
                    if _fastPath(
                        target.pointee.arity == i.b && frame + 1 < state.pointee.stack.frameLimit
                            && window + target.pointee.registerCount <= state.pointee.stack.registerLimit)
                    {
                        frame.pointee.pc = pc + 1
                        frame += 1
                        frame.pointee.base = window
                        frame.pointee.prototype = target
                        frame.pointee.closure = callee
                        base = window
                        pc = target.pointee.code
                        constants = target.pointee.constants
                        caches = target.pointee.caches
                        break entered
                    }
                }
                guard let next = superInvoke(frame, pc + 1, i) else { return false }
                frame = next
                break resumed
            case .getsuper:
                if _slowPath(!getSuper(frame, pc + 1, i)) { return false }
                break done
            case .return:
                base[0] = base[i.a]
                frame -= 1
                guard let caller = frame.pointee.prototype else { return true }
                pc = frame.pointee.pc.unsafelyUnwrapped
                base = frame.pointee.base
                constants = caller.pointee.constants
                caches = caller.pointee.caches
                break entered
            case .returnnil:
                base[0] = Value.nilBits
                frame -= 1
                guard let caller = frame.pointee.prototype else { return true }
                pc = frame.pointee.pc.unsafelyUnwrapped
                base = frame.pointee.base
                constants = caller.pointee.constants
                caches = caller.pointee.caches
                break entered
            case .class:
                if _slowPath(!makeClass(frame, pc + 1, i)) { return false }
                break done
            case .inherit:
                if _slowPath(!inherit(frame, pc + 1, i)) { return false }
                break done
            case .method:
                if _slowPath(!addMethod(frame, pc + 1, i)) { return false }
                break done
            case .getfield:
                if let words = Value(bits: base[i.b]).objectWords {
                    let cache = InlineCache(word: caches[i.c])
                    if _fastPath(cache.difference(words[0]) == InlineCache.inlineField << 8) {
                        base[i.a] = words[cache.slot]
                        break accessed
                    }
                }
                if _slowPath(!getField(frame, pc + 1, i)) { return false }
                break done
            case .setfield:
                if let words = Value(bits: base[i.a]).objectWords {
                    let cache = InlineCache(word: caches[i.c])
                    let form = cache.difference(words[0])
                    if _fastPath(form == InlineCache.inlineField << 8) {
                        mutator.store(base[i.b], to: words + cache.slot)
                        break accessed
                    }
                    if form == InlineCache.inlineAddition << 8 {
                        mutator.store(base[i.b], to: words + cache.slot)
                        words[0] &+= cache.delta << 32
                        break accessed
                    }
                }
                if _slowPath(!setField(frame, pc + 1, i)) { return false }
                break done
            case .newlist:
                if _slowPath(!newList(frame, pc + 1, i)) { return false }
                break done
            case .append:
                if _slowPath(!append(frame, pc + 1, i)) { return false }
                break done
            case .newmap:
                if _slowPath(!newMap(frame, pc + 1, i)) { return false }
                break done
            case .getindex:
                if let words = Value(bits: base[i.b]).objectWords {
                    if let element = ListObject.element(words, base[i.c]) {
                        base[i.a] = element.pointee
                        break accessed
                    }
                    if UInt8(truncatingIfNeeded: words[0]) == ObjectKind.map.rawValue {
                        base[i.a] = MapObject.value(words, base[i.c])
                        break accessed
                    }
                }
                if _slowPath(!getIndex(frame, pc + 1, i)) { return false }
                break done
            case .setindex:
                if let words = Value(bits: base[i.a]).objectWords, let element = ListObject.element(words, base[i.b]) {
                    mutator.store(base[i.c], to: element)
                    break accessed
                }
                if _slowPath(!setIndex(frame, pc + 1, i)) { return false }
                break done
            case .iterprep:
                if _slowPath(!prepareIteration(frame, pc + 1, i)) { return false }
                break done
            case .iternext:
                if _slowPath(mutator.pollRequested) { poll(frame, pc + 1) }
                switch nextElement(frame, pc + 1, i) {
                case .element: pc += i.jump
                case .end: break
                case .failed: return false
                }
                break looped
            case .print:
                printValue(frame, pc + 1, i)
                break done
            }
            }  // done
            pc = gravlax_end_1(pc + 1)
            continue
            }  // moved
            pc = gravlax_end_2(pc + 1)
            continue
            }  // computed
            pc = gravlax_end_3(pc + 1)
            continue
            }  // compared
            pc = gravlax_end_4(pc + 1)
            continue
            }  // jumped
            pc = gravlax_end_5(pc + 1)
            continue
            }  // passed
            pc = gravlax_end_6(pc + 1)
            continue
            }  // looped
            pc = gravlax_end_7(pc + 1)
            continue
            }  // accessed
            pc = gravlax_end_8(pc + 1)
            continue
            }  // entered
            pc = gravlax_end_9(pc)
            continue
            }  // resumed: a slow path has gone to another frame, or may have
            pc = frame.pointee.pc.unsafelyUnwrapped
            base = frame.pointee.base
            constants = frame.pointee.prototype.unsafelyUnwrapped.pointee.constants
            caches = frame.pointee.prototype.unsafelyUnwrapped.pointee.caches
        }
    }
}
