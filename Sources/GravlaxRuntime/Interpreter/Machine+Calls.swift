import GravlaxCompiler

/// Calls beyond the fast path. Each gives the frame to go on with: the callee's, or the caller's when the call is over
/// already; `nil` when it failed.
extension Machine {
    @inline(never) func callSlow(
        _ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands
    ) -> FramePointer? {
        enter(frame, pc)
        return call(frame, Value(bits: frame.pointee.base[i.a]), window: i.a, argumentCount: i.b)
    }

    /// Calls `callee`, which is in a register, with the arguments above `window`.
    func call(_ frame: FramePointer, _ callee: Value, window: Int, argumentCount: Int) -> FramePointer? {
        let base = frame.pointee.base + window
        switch callee.kind {
        case .closure:
            return callClosure(frame, callee.words, window: window, argumentCount: argumentCount)
        case .classObject:
            return instantiate(frame, callee.words, window: window, argumentCount: argumentCount)
        case .boundMethod:
            let receiver = callee.words[BoundMethodObject.receiver]
            let method = Value(bits: callee.words[BoundMethodObject.method])
            guard accepts(method, argumentCount) else { return nil }
            base[0] = receiver
            if method.kind == .native, upperHalf(method.words[0]) >= HostFunction.firstNumber {
                return callSpecial(frame, method, Value(bits: receiver), window: window, argumentCount: argumentCount)
            }
            return call(frame, method, window: window, argumentCount: argumentCount)
        case .native:
            let number = upperHalf(callee.words[0])
            if number >= HostFunction.firstNumber {
                return callHost(frame, number - HostFunction.firstNumber, window: window, argumentCount: argumentCount)
            }
            let builtin = Builtin(rawValue: UInt8(truncatingIfNeeded: number)).unsafelyUnwrapped
            return callBuiltin(frame, builtin, window: window, argumentCount: argumentCount)
        default:
            _ = fail("Can only call functions and classes.")
            return nil
        }
    }

    /// Whether `callee` can be called so. To be asked before the callee moves into the register of what was called: a
    /// note on the error looks there.
    func accepts(_ callee: Value, _ argumentCount: Int) -> Bool {
        switch callee.kind {
        case .closure: return checkArguments(ClosureObject.prototype(callee.words), argumentCount)
        case .boundMethod: return accepts(Value(bits: callee.words[BoundMethodObject.method]), argumentCount)
        case .classObject:
            let initializer = Value(bits: callee.words[ClassObject.initializer])
            return initializer.isObject ? accepts(initializer, argumentCount) : checkArity(0, argumentCount)
        case .native: return true
        default: return fail("Can only call functions and classes.")
        }
    }

    func callClosure(
        _ frame: FramePointer, _ closure: ObjectWords, window: Int, argumentCount: Int
    ) -> FramePointer? {
        let prototype = ClosureObject.prototype(closure)
        let base = frame.pointee.base + window
        if prototype.pointee.arity == argumentCount {
            return pushFrame(frame, base: base, closure: Value(object: closure).bits, prototype)
        }
        guard checkArguments(prototype, argumentCount) else { return nil }
        let positionalCount = prototype.pointee.positionalCount
        if prototype.pointee.hasRest {
            let extra = max(argumentCount - positionalCount, 0)
            guard let list = makeList(base + 1 + positionalCount, count: extra) else { return nil }
            temporaries[1] = list.bits
        }
        defer { temporaries[1] = 0 }
        guard let callee = pushFrame(frame, base: base, closure: Value(object: closure).bits, prototype) else { return nil }
        let first = callee.pointee.base + 1
        if argumentCount < positionalCount {
            for index in argumentCount..<positionalCount { first[index] = Value.undefinedBits }
        }
        if prototype.pointee.hasRest { first[positionalCount] = temporaries[1] }
        return callee
    }

    /// A list of the arguments that stand in registers from `first` on.
    private func makeList(_ first: UnsafeMutablePointer<UInt64>, count: Int) -> Value? {
        guard let list = makeList(capacity: count) else { return nil }
        if count > 0 { mutator.bulkStore(from: first, to: ListObject.elements(list.words), count: count) }
        ListObject.setCount(count, list.words)
        return list
    }

    private func checkArguments(_ prototype: UnsafeMutablePointer<PrototypeRecord>, _ argumentCount: Int) -> Bool {
        if prototype.pointee.accepts(argumentCount: argumentCount) { return true }
        let (fewest, most) = (prototype.pointee.requiredCount, prototype.pointee.positionalCount)
        if prototype.pointee.hasRest {
            return fail("Expected at least \(fewest) \(fewest == 1 ? "argument" : "arguments") but got \(argumentCount).")
        }
        return fewest == most
            ? checkArity(most, argumentCount) : fail("Expected \(fewest) to \(most) arguments but got \(argumentCount).")
    }

    private func checkArity(_ arity: Int, _ argumentCount: Int) -> Bool {
        arity == argumentCount || fail("Expected \(arity) arguments but got \(argumentCount).")
    }

    /// An instance of a class that a root holds.
    @inline(__always) func makeInstance(of classWords: ObjectWords) -> Value? {
        let record = ClassObject.record(classWords)
        if let words = allocateWhite(record.pointee.instanceLayout) {
            words[0] = ObjectKind.instance.header(upper: record.pointee.root.pointee.id)
            words[1] = Value(object: classWords).bits
            return Value(object: words)
        }
        guard let words = allocate(record.pointee.instanceLayout) else { return nil }
        words[0] = ObjectKind.instance.header(upper: record.pointee.root.pointee.id)
        mutator.store(Value(object: classWords).bits, to: words + 1)
        return Value(object: words)
    }

    private func instantiate(
        _ frame: FramePointer, _ classWords: ObjectWords, window: Int, argumentCount: Int
    ) -> FramePointer? {
        // The class stays in its register until the instance is made.
        guard let instance = makeInstance(of: classWords) else { return nil }
        frame.pointee.base[window] = instance.bits
        let initializer = Value(bits: classWords[ClassObject.initializer])
        if initializer.kind == .native {
            // It gives the instance.
            return callHost(
                frame, upperHalf(initializer.words[0]) - HostFunction.firstNumber, window: window,
                argumentCount: argumentCount, takesReceiver: true)
        }
        if initializer.isObject {
            return callClosure(frame, initializer.words, window: window, argumentCount: argumentCount)
        }
        return checkArity(0, argumentCount) ? frame : nil
    }

    @inline(never) func invokeSlow(
        _ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands
    ) -> FramePointer? {
        enter(frame, pc)
        let prototype = frame.pointee.prototype.unsafelyUnwrapped
        let symbol = prototype.pointee.siteSymbols[i.c]
        let receiver = Value(bits: frame.pointee.base[i.a])
        guard let words = receiver.object(.instance) else {
            if let module = receiver.object(.module), fileNumber(module) != nil {
                return callMember(frame, module, symbol, i)
            }
            if let classWords = receiver.object(.classObject), let (member, _) = staticMember(symbol, of: classWords) {
                return callStatic(frame, member, window: i.a, argumentCount: i.b)
            }
            guard let builtin = member(symbol, of: receiver) else {
                return noMethods(receiver, symbol)
            }
            if builtin == .push, i.b == 1 { prototype.pointee.caches[i.c] = InlineCache.push }
            return callBuiltin(frame, builtin, window: i.a, argumentCount: i.b)
        }
        let cache = find(symbol, in: words)
        if cache.word == 0 { return findUncached(frame, words, symbol, i) }
        switch cache.form {
        case InlineCache.special:
            let method = ClassObject.method(number: cache.slot, of: InstanceObject.classWords(words))
            return callSpecial(frame, method, receiver, window: i.a, argumentCount: i.b)
        case InlineCache.method, InlineCache.outsideMethod:
            prototype.pointee.caches[i.c] = cache.word
            let method = ClassObject.method(number: cache.slot, of: InstanceObject.classWords(words))
            return callClosure(frame, method.words, window: i.a, argumentCount: i.b)
        default:
            let callee = field(cache, of: words)
            guard accepts(callee, i.b) else { return nil }
            frame.pointee.base[i.a] = callee.bits
            return call(frame, callee, window: i.a, argumentCount: i.b)
        }
    }

    /// Calls a member of a file.
    private func callMember(
        _ frame: FramePointer, _ module: ObjectWords, _ symbol: Int32, _ i: Operands
    ) -> FramePointer? {
        let site = frame.pointee.prototype.unsafelyUnwrapped.pointee.caches + i.c
        guard let callee = fileMember(module, symbol, site) else {
            if let step = importStep(frame, module, symbol, window: i.a) { return step }
            _ = noMember(symbol, Value(object: module))
            return nil
        }
        guard accepts(callee, i.b) else { return nil }
        frame.pointee.base[i.a] = callee.bits
        return call(frame, callee, window: i.a, argumentCount: i.b)
    }

    /// A field or method that no cache word can describe.
    private func findUncached(
        _ frame: FramePointer, _ words: ObjectWords, _ symbol: Int32, _ i: Operands
    ) -> FramePointer? {
        if let callee = uncachedField(symbol, of: words) {
            guard accepts(callee, i.b) else { return nil }
            frame.pointee.base[i.a] = callee.bits
            return call(frame, callee, window: i.a, argumentCount: i.b)
        }
        if let method = ClassObject.method(symbol, of: InstanceObject.classWords(words)) {
            if !Machine.isMethod(method) {
                return callSpecial(frame, method, Value(object: words), window: i.a, argumentCount: i.b)
            }
            return callClosure(frame, method.words, window: i.a, argumentCount: i.b)
        }
        _ = fail("Undefined property '\(symbols.name(symbol))'.")
        return nil
    }

    private func noMethods(_ receiver: Value, _ symbol: Int32) -> FramePointer? {
        switch receiver.kind {
        case .list, .map, .weakReference, .weakMap, .range: _ = fail("Undefined property '\(symbols.name(symbol))'.")
        case .module: _ = noMember(symbol, receiver)
        default: _ = fail("Only instances have methods.")
        }
        return nil
    }

    @inline(never) func superInvoke(
        _ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands
    ) -> FramePointer? {
        enter(frame, pc)
        let prototype = frame.pointee.prototype.unsafelyUnwrapped
        let symbol = prototype.pointee.siteSymbols[i.c]
        let superclass = Value(bits: frame.pointee.base[i.a + i.b + 1]).words
        if Value(bits: frame.pointee.base[i.a]).kind == .classObject {
            if let (member, _) = staticMember(symbol, of: superclass) {
                return callStatic(frame, member, window: i.a, argumentCount: i.b)
            }
            _ = fail("Undefined property '\(symbols.name(symbol))'.")
            return nil
        }
        let record = ClassObject.record(superclass)
        let number = record.pointee.methods.find(symbol)
        guard number >= 0 else {
            _ = fail("Undefined property '\(symbols.name(symbol))'.")
            return nil
        }
        let method = ClassObject.method(number: number, of: superclass)
        if !Machine.isMethod(method) {
            return callSpecial(frame, method, Value(bits: frame.pointee.base[i.a]), window: i.a, argumentCount: i.b)
        }
        // A class is complete before another can inherit from it, so its methods keep their numbers.
        prototype.pointee.caches[i.c] = InlineCache(
            shapeID: record.pointee.root.pointee.id, form: InlineCache.method, slot: number, kind: .classObject
        ).word
        return callClosure(frame, method.words, window: i.a, argumentCount: i.b)
    }

    @inline(never) func getSuper(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let base = frame.pointee.base
        let symbol = frame.pointee.prototype.unsafelyUnwrapped.pointee.siteSymbols[i.c]
        let receiver = Value(bits: base[i.a])
        if receiver.kind == .classObject {
            return getStatic(frame, pc, i, receiver, in: Value(bits: base[i.b]).words, symbol)
        }
        guard let method = ClassObject.method(symbol, of: Value(bits: base[i.b]).words) else {
            return fail("Undefined property '\(symbols.name(symbol))'.")
        }
        if !Machine.isMethod(method) { return getSpecial(frame, pc, method, receiver, i) }
        guard let bound = makeBoundMethod(receiver, method) else { return false }
        base[i.a] = bound.bits
        return true
    }
}
