import CGravlaxShims
import GravlaxCompiler
import GravlaxHeap

// The loop. One switch over the opcode byte of verified code; the state is in local variables, and what is rare is a
// call to a function that is never inlined and takes and returns plain values, so that nothing is spilled around the
// fast paths and no reference is counted. A slow path that fails has set `failure`; the loop then ends.
//
// `pc` stands at the instruction that executes; slow paths get the next one, as frames record it. Polls come before the
// instruction has any effect: the live registers are those of the instruction itself.
//
// Handlers leave the switch through one of the ends around it, at most 16 to an end. The compiler copies a jump through
// a table to the places that lead there, but only where they are 16 or fewer: with ends between, it copies the jump to
// the ends and from there to the handlers. Each handler then has a jump to the next instruction of its own, which the
// processor predicts by what usually follows; one jump for all made the same loops take 1.3 to 1.8 times as long. An
// end does nothing; `gravlax_end_…` keeps the optimiser from seeing that.
//
// The function is larger than what Swift's optimiser still inlines into of its own accord. So everything that the fast
// paths use must be marked `@inline(__always)`, the standard library's own one-liners included (`Arithmetic.bits(of:)`):
// a single call that stays costs all handlers their registers.

extension Machine {
    /// Runs from `first` until the frame above the bottom one returns (true: its result is in the first register) or
    /// something fails (false: the frames are as they were at the failure).
    @inline(never) func loop(_ first: FramePointer) -> Bool {
        let mutator = self.mutator
        let state = self.state
        let globals = state.pointee.globals
        var at = Cursor(first)
        while true {
            let i = Operands(at: at.pc)
            polled: do { resumed: do { entered: do { accessed: do { looped: do { passed: do { jumped: do { compared: do {
            computed: do { moved: do { done: do {
            switch i.opcode {
            case .move:
                at.base[i.a] = at.base[i.b]
                break moved
            case .loadk:
                at.base[i.a] = at.constants[i.bx]
                break moved
            case .loadint:
                at.base[i.a] = Arithmetic.bits(of: i.sbx)
                break moved
            case .loadnil:
                let first = at.base + i.a
                for index in 0..<i.b { first[index] = Value.nilBits }
                break moved
            case .loadtrue:
                at.base[i.a] = Value.trueBits
                break moved
            case .loadfalse:
                at.base[i.a] = Value.falseBits
                break moved
            case .getglobal:
                let value = globals[i.bx]
                if _slowPath(value == Value.undefinedBits) { return undefinedGlobal(at.frame, at.pc + 1, i.bx) }
                at.base[i.a] = value
                break moved
            case .setglobal:
                if _slowPath(globals[i.bx] == Value.undefinedBits) { return undefinedGlobal(at.frame, at.pc + 1, i.bx) }
                mutator.store(at.base[i.a], to: globals + i.bx)
                break moved
            case .defglobal:
                mutator.store(at.base[i.a], to: globals + i.bx)
                break done
            case .newcell:
                if _slowPath(!makeCell(at.frame, at.pc + 1, i)) { return false }
                break done
            case .getcell:
                at.base[i.a] = Value(bits: at.base[i.b]).words[1]
                break moved
            case .setcell:
                mutator.store(at.base[i.b], to: Value(bits: at.base[i.a]).words + 1)
                break moved
            case .getcap:
                at.base[i.a] = Value(bits: at.frame.pointee.closure).words[ClosureObject.firstCapture + i.b]
                break moved
            case .getcapcell:
                let cell = Value(bits: at.frame.pointee.closure).words[ClosureObject.firstCapture + i.b]
                at.base[i.a] = Value(bits: cell).words[1]
                break moved
            case .setcapcell:
                let cell = Value(bits: at.frame.pointee.closure).words[ClosureObject.firstCapture + i.a]
                mutator.store(at.base[i.b], to: Value(bits: cell).words + 1)
                break moved
            case .loadself:
                at.base[i.a] = at.frame.pointee.closure
                break moved
            case .closure:
                if _slowPath(!makeClosure(at.frame, at.pc + 1, i)) { return false }
                break done
            case .add:
                let result = Arithmetic.sum(at.base[i.b], at.base[i.c])
                if _slowPath(result.isNaN) {
                    if !addSlow(at.frame, at.pc + 1, i) { return false }
                } else {
                    at.base[i.a] = Arithmetic.bits(of: result)
                }
                break computed
            case .addk:
                let result = Arithmetic.sum(at.base[i.b], at.constants[i.c])
                if _slowPath(result.isNaN) {
                    if !addConstantSlow(at.frame, at.pc + 1, i) { return false }
                } else {
                    at.base[i.a] = Arithmetic.bits(of: result)
                }
                break computed
            case .sub:
                let result = Arithmetic.difference(at.base[i.b], at.base[i.c])
                if _slowPath(result.isNaN) {
                    if !numbersOrFail(at.frame, at.pc + 1, i, at.base[i.c]) { return false }
                } else {
                    at.base[i.a] = Arithmetic.bits(of: result)
                }
                break computed
            case .subk:
                let result = Arithmetic.difference(at.base[i.b], at.constants[i.c])
                if _slowPath(result.isNaN) {
                    if !numbersOrFail(at.frame, at.pc + 1, i, at.constants[i.c]) { return false }
                } else {
                    at.base[i.a] = Arithmetic.bits(of: result)
                }
                break computed
            case .mul:
                let result = Arithmetic.product(at.base[i.b], at.base[i.c])
                if _slowPath(result.isNaN) {
                    if !numbersOrFail(at.frame, at.pc + 1, i, at.base[i.c]) { return false }
                } else {
                    at.base[i.a] = Arithmetic.bits(of: result)
                }
                break computed
            case .mulk:
                let result = Arithmetic.product(at.base[i.b], at.constants[i.c])
                if _slowPath(result.isNaN) {
                    if !numbersOrFail(at.frame, at.pc + 1, i, at.constants[i.c]) { return false }
                } else {
                    at.base[i.a] = Arithmetic.bits(of: result)
                }
                break computed
            case .div:
                let result = Arithmetic.quotient(at.base[i.b], at.base[i.c])
                if _slowPath(result.isNaN) {
                    if !numbersOrFail(at.frame, at.pc + 1, i, at.base[i.c]) { return false }
                } else {
                    at.base[i.a] = Arithmetic.bits(of: result)
                }
                break computed
            case .divk:
                let result = Arithmetic.quotient(at.base[i.b], at.constants[i.c])
                if _slowPath(result.isNaN) {
                    if !numbersOrFail(at.frame, at.pc + 1, i, at.constants[i.c]) { return false }
                } else {
                    at.base[i.a] = Arithmetic.bits(of: result)
                }
                break computed
            case .mod:
                if let result = Arithmetic.integerRemainder(at.base[i.b], at.base[i.c]) {
                    at.base[i.a] = result
                } else if !remainderSlow(at.frame, at.pc + 1, i, at.base[i.c]) {
                    return false
                }
                break computed
            case .modk:
                if let result = Arithmetic.integerRemainder(at.base[i.b], at.constants[i.c]) {
                    at.base[i.a] = result
                } else if !remainderSlow(at.frame, at.pc + 1, i, at.constants[i.c]) {
                    return false
                }
                break computed
            case .modi:
                if let result = Arithmetic.integerRemainder(at.base[i.b], divisor: i.c) {
                    at.base[i.a] = result
                } else if !remainderSlow(at.frame, at.pc + 1, i, Arithmetic.bits(of: i.c)) {
                    return false
                }
                break computed
            case .neg:
                let operand = at.base[i.b]
                guard Arithmetic.isNumber(operand) else { return numberExpected(at.frame, at.pc + 1) }
                at.base[i.a] = operand ^ 0x8000_0000_0000_0000
                break computed
            case .not:
                at.base[i.a] = Value(!Value(bits: at.base[i.b]).isTruthy).bits
                break compared
            case .eq:
                at.base[i.a] = Value(Arithmetic.areEqual(at.base[i.b], at.base[i.c])).bits
                break compared
            case .eqk:
                at.base[i.a] = Value(Arithmetic.areEqual(at.base[i.b], at.constants[i.c])).bits
                break compared
            case .ne:
                at.base[i.a] = Value(!Arithmetic.areEqual(at.base[i.b], at.base[i.c])).bits
                break compared
            case .nek:
                at.base[i.a] = Value(!Arithmetic.areEqual(at.base[i.b], at.constants[i.c])).bits
                break compared
            case .contains:
                if _slowPath(!contains(at.frame, at.pc + 1, i)) { return false }
                break done
            case .isa:
                if _slowPath(!isInstance(at.frame, at.pc + 1, i)) { return false }
                break done
            case .tostring:
                if Value(bits: at.base[i.a]).isObject, !convertToText(at.frame, at.pc + 1, i) { return false }
                break done
            case .concat:
                if _slowPath(!concatenate(at.frame, at.pc + 1, i)) { return false }
                break done
            case .lt:
                let (left, right) = (at.base[i.b], at.base[i.c])
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.base[i.a] = Value(Arithmetic.isLess(left, right)).bits
                break compared
            case .le:
                let (left, right) = (at.base[i.b], at.base[i.c])
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.base[i.a] = Value(Arithmetic.isLessOrEqual(left, right)).bits
                break compared
            case .jmp:
                at.pc += i.sbx
                break moved
            case .jt:
                if Value(bits: at.base[i.a]).isTruthy { at.pc = gravlax_end_1(at.pc + i.jump); break jumped }
                at.pc = gravlax_end_1(at.pc)
                break passed
            case .jf:
                if !Value(bits: at.base[i.a]).isTruthy { at.pc = gravlax_end_2(at.pc + i.jump); break jumped }
                at.pc = gravlax_end_2(at.pc)
                break passed
            case .jlt:
                let (left, right) = (at.base[i.a], at.base[i.b])
                if Arithmetic.isLess(left, right) { at.pc = gravlax_end_3(at.pc + i.jump); break jumped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_3(at.pc)
                break passed
            case .jle:
                let (left, right) = (at.base[i.a], at.base[i.b])
                if Arithmetic.isLessOrEqual(left, right) { at.pc = gravlax_end_4(at.pc + i.jump); break jumped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_4(at.pc)
                break passed
            case .jnlt:
                let (left, right) = (at.base[i.a], at.base[i.b])
                if Arithmetic.isLess(left, right) { at.pc = gravlax_end_5(at.pc); break passed }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_5(at.pc + i.jump)
                break jumped
            case .jnle:
                let (left, right) = (at.base[i.a], at.base[i.b])
                if Arithmetic.isLessOrEqual(left, right) { at.pc = gravlax_end_6(at.pc); break passed }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_6(at.pc + i.jump)
                break jumped
            case .jeq:
                if Arithmetic.areEqual(at.base[i.a], at.base[i.b]) { at.pc += i.jump }
                break compared
            case .jne:
                if !Arithmetic.areEqual(at.base[i.a], at.base[i.b]) { at.pc += i.jump }
                break compared
            case .jltk:
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLess(left, right) { at.pc = gravlax_end_7(at.pc + i.jump); break jumped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_7(at.pc)
                break passed
            case .jlek:
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLessOrEqual(left, right) { at.pc = gravlax_end_8(at.pc + i.jump); break jumped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_8(at.pc)
                break passed
            case .jgtk:
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLess(right, left) { at.pc = gravlax_end_9(at.pc + i.jump); break jumped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_9(at.pc)
                break passed
            case .jgek:
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLessOrEqual(right, left) { at.pc = gravlax_end_10(at.pc + i.jump); break jumped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_10(at.pc)
                break passed
            case .jnltk:
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLess(left, right) { at.pc = gravlax_end_11(at.pc); break passed }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_11(at.pc + i.jump)
                break jumped
            case .jnlek:
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLessOrEqual(left, right) { at.pc = gravlax_end_12(at.pc); break passed }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_12(at.pc + i.jump)
                break jumped
            case .jngtk:
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLess(right, left) { at.pc = gravlax_end_13(at.pc); break passed }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_13(at.pc + i.jump)
                break jumped
            case .jngek:
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLessOrEqual(right, left) { at.pc = gravlax_end_14(at.pc); break passed }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                at.pc = gravlax_end_14(at.pc + i.jump)
                break jumped
            case .jeqk:
                if Arithmetic.areEqual(at.base[i.a], at.constants[i.b]) { at.pc += i.jump }
                break compared
            case .jnek:
                if !Arithmetic.areEqual(at.base[i.a], at.constants[i.b]) { at.pc += i.jump }
                break compared
            case .jgiven:
                if at.base[i.a] != Value.undefinedBits { at.pc += i.jump }
                break done
            case .loop:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                at.pc += i.sbx
                break looped
            case .looplt:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let (left, right) = (at.base[i.a], at.base[i.b])
                if Arithmetic.isLess(left, right) { at.pc = gravlax_end_1(at.pc + i.jump); break looped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                break done
            case .loople:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let (left, right) = (at.base[i.a], at.base[i.b])
                if Arithmetic.isLessOrEqual(left, right) { at.pc = gravlax_end_2(at.pc + i.jump); break looped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                break done
            case .loopltk:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLess(left, right) { at.pc = gravlax_end_3(at.pc + i.jump); break looped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                break done
            case .looplek:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLessOrEqual(left, right) { at.pc = gravlax_end_4(at.pc + i.jump); break looped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                break done
            case .loopgtk:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLess(right, left) { at.pc = gravlax_end_5(at.pc + i.jump); break looped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                break done
            case .loopgek:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let (left, right) = (at.base[i.a], at.constants[i.b])
                if Arithmetic.isLessOrEqual(right, left) { at.pc = gravlax_end_6(at.pc + i.jump); break looped }
                if _slowPath(Arithmetic.areUnordered(left, right)), !areNumbers(at.frame, at.pc + 1, left, right) { return false }
                break done
            case .loopt:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                if Value(bits: at.base[i.a]).isTruthy { at.pc = gravlax_end_7(at.pc + i.jump); break looped }
                break done
            case .forlt:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let (counter, limit) = (at.base[i.a], at.base[i.b])
                let next = Arithmetic.successor(counter)
                if Arithmetic.isLess(next, limit) {
                    at.base[i.a] = next
                    at.pc = gravlax_end_8(at.pc + i.jump)
                    break looped
                }
                if _slowPath(Arithmetic.areUnordered(next, limit)), !areCounters(at.frame, at.pc + 1, counter, limit) { return false }
                at.base[i.a] = next
                break done
            case .forltk:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let (counter, limit) = (at.base[i.a], at.constants[i.b])
                let next = Arithmetic.successor(counter)
                if Arithmetic.isLess(next, limit) {
                    at.base[i.a] = next
                    at.pc = gravlax_end_9(at.pc + i.jump)
                    break looped
                }
                if _slowPath(Arithmetic.areUnordered(next, limit)), !areCounters(at.frame, at.pc + 1, counter, limit) { return false }
                at.base[i.a] = next
                break done
            case .forle:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let (counter, limit) = (at.base[i.a], at.base[i.b])
                let next = Arithmetic.successor(counter)
                if Arithmetic.isLessOrEqual(next, limit) {
                    at.base[i.a] = next
                    at.pc = gravlax_end_10(at.pc + i.jump)
                    break looped
                }
                if _slowPath(Arithmetic.areUnordered(next, limit)), !areCounters(at.frame, at.pc + 1, counter, limit) { return false }
                at.base[i.a] = next
                break done
            case .forlek:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let (counter, limit) = (at.base[i.a], at.constants[i.b])
                let next = Arithmetic.successor(counter)
                if Arithmetic.isLessOrEqual(next, limit) {
                    at.base[i.a] = next
                    at.pc = gravlax_end_11(at.pc + i.jump)
                    break looped
                }
                if _slowPath(Arithmetic.areUnordered(next, limit)), !areCounters(at.frame, at.pc + 1, counter, limit) { return false }
                at.base[i.a] = next
                break done
            case .call:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let callee = at.base[i.a]
                let object = Value(bits: callee).objectAddress
                if object.isObject,
                    _fastPath(UInt8(truncatingIfNeeded: object.words[0]) == ObjectKind.closure.rawValue),
                    at.enter(callee, window: i.a, argumentCount: i.b, state.pointee.stack)
                {
                    break entered
                }
                guard let next = callSlow(at.frame, at.pc + 1, i) else { return false }
                at = Cursor(next)
                break resumed
            case .invoke:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let object = Value(bits: at.base[i.a]).objectAddress
                if object.isObject {
                    let words = object.words
                    let cache = InlineCache(word: at.caches[i.c])
                    if _fastPath(cache.difference(words[0]) == InlineCache.method << 8) {
                        let callee = ClassObject.method(number: cache.slot, of: Value(bits: words[1]).words).bits
                        if at.enter(callee, window: i.a, argumentCount: i.b, state.pointee.stack) { break entered }
                    } else if cache.word == InlineCache.push, pushFast(at.base[i.a + 1], to: words) {
                        at.base[i.a] = Value.nilBits
                        break accessed
                    }
                }
                guard let next = invokeSlow(at.frame, at.pc + 1, i) else { return false }
                at = Cursor(next)
                break resumed
            case .superinvoke:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                let words = Value(bits: at.base[i.a + i.b + 1]).words
                let cache = InlineCache(word: at.caches[i.c])
                if _fastPath(cache.difference(words[0]) == InlineCache.method << 8) {
                    let callee = ClassObject.method(number: cache.slot, of: words).bits
                    if at.enter(callee, window: i.a, argumentCount: i.b, state.pointee.stack) { break entered }
                }
                guard let next = superInvoke(at.frame, at.pc + 1, i) else { return false }
                at = Cursor(next)
                break resumed
            case .getsuper:
                if _slowPath(!getSuper(at.frame, at.pc + 1, i)) { return false }
                break done
            case .return:
                if !at.leave(at.base[i.a]) { return true }
                break entered
            case .returnnil:
                if !at.leave(Value.nilBits) { return true }
                break entered
            case .complete:
                if _slowPath(!complete(at.frame, at.pc + 1, i)) { return false }
                break polled
            case .class:
                if _slowPath(!makeClass(at.frame, at.pc + 1, i)) { return false }
                break done
            case .inherit:
                if _slowPath(!inherit(at.frame, at.pc + 1, i)) { return false }
                break done
            case .method:
                if _slowPath(!addMethod(at.frame, at.pc + 1, i)) { return false }
                break done
            case .staticmember:
                if _slowPath(!addStatic(at.frame, at.pc + 1, i)) { return false }
                break done
            case .getfield:
                let object = Value(bits: at.base[i.b]).objectAddress
                if object.isObject {
                    let words = object.words
                    let cache = InlineCache(word: at.caches[i.c])
                    if _fastPath(cache.difference(words[0]) == InlineCache.inlineField << 8) {
                        at.base[i.a] = words[cache.slot]
                        break accessed
                    }
                }
                if _slowPath(!getField(at.frame, at.pc + 1, i)) { return false }
                break done
            case .setfield:
                let object = Value(bits: at.base[i.a]).objectAddress
                if object.isObject {
                    let words = object.words
                    let cache = InlineCache(word: at.caches[i.c])
                    let form = cache.difference(words[0])
                    if _fastPath(form == InlineCache.inlineField << 8) {
                        mutator.store(at.base[i.b], to: words + cache.slot)
                        break accessed
                    }
                    if form == InlineCache.inlineAddition << 8 {
                        mutator.store(at.base[i.b], to: words + cache.slot)
                        words[0] &+= cache.delta << 32
                        break accessed
                    }
                }
                if _slowPath(!setField(at.frame, at.pc + 1, i)) { return false }
                break done
            case .newlist:
                if _slowPath(!newList(at.frame, at.pc + 1, i)) { return false }
                break done
            case .append:
                if _slowPath(!append(at.frame, at.pc + 1, i)) { return false }
                break done
            case .newmap:
                if _slowPath(!newMap(at.frame, at.pc + 1, i)) { return false }
                break done
            case .getindex:
                let object = Value(bits: at.base[i.b]).objectAddress
                if object.isObject {
                    let words = object.words
                    if let element = ListObject.element(words, at.base[i.c]) {
                        at.base[i.a] = element.pointee
                        break accessed
                    }
                    if UInt8(truncatingIfNeeded: words[0]) == ObjectKind.map.rawValue {
                        at.base[i.a] = value(in: words, at.base[i.c])
                        break accessed
                    }
                }
                if _slowPath(!getIndex(at.frame, at.pc + 1, i)) { return false }
                break done
            case .setindex:
                let object = Value(bits: at.base[i.a]).objectAddress
                if object.isObject,
                    let element = ListObject.element(object.words, at.base[i.b], barrierBit: mutator.barrierBit)
                {
                    element.pointee = at.base[i.c]
                    break accessed
                }
                if _slowPath(!setIndex(at.frame, at.pc + 1, i)) { return false }
                break done
            case .range:
                if _slowPath(!newRange(at.frame, at.pc + 1, i, isClosed: false)) { return false }
                break done
            case .rangeclosed:
                if _slowPath(!newRange(at.frame, at.pc + 1, i, isClosed: true)) { return false }
                break done
            case .rangecheck:
                if _slowPath(!checkRange(at.frame, at.pc + 1, i)) { return false }
                break done
            case .iterprep:
                if _slowPath(!prepareIteration(at.frame, at.pc + 1, i)) { return false }
                break done
            case .iternext:
                if _slowPath(mutator.pollRequested), poll(at.frame, at.pc + 1) { break polled }
                switch nextElement(at.frame, at.pc + 1, i) {
                case .element: at.pc += i.jump
                case .end: break
                case .left: return false
                }
                break looped
            case .throw:
                throwValue(at.frame, at.pc + 1, i)
                return false
            case .print:
                if _slowPath(!printValue(at.frame, at.pc + 1, i)) { return false }
                break done
            }
            }  // done
            at.pc = gravlax_end_1(at.pc + 1)
            continue
            }  // moved
            at.pc = gravlax_end_2(at.pc + 1)
            continue
            }  // computed
            at.pc = gravlax_end_3(at.pc + 1)
            continue
            }  // compared
            at.pc = gravlax_end_4(at.pc + 1)
            continue
            }  // jumped
            at.pc = gravlax_end_5(at.pc + 1)
            continue
            }  // passed
            at.pc = gravlax_end_6(at.pc + 1)
            continue
            }  // looped
            at.pc = gravlax_end_7(at.pc + 1)
            continue
            }  // accessed
            at.pc = gravlax_end_8(at.pc + 1)
            continue
            }  // entered
            at.pc = gravlax_end_9(at.pc)
            continue
            }  // resumed: a slow path has gone to another frame, or may have
            continue
            }  // polled: the stack has moved, or another frame goes on; or a limit of the host's was reached
            guard let moved = movedFrame() else { return false }
            at = Cursor(moved)
        }
    }
}
