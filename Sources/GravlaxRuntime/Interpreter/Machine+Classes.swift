import GravlaxCompiler

/// Class declarations. A class has no instances before its declaration is over, so methods are copied down and the room
/// for fields is fitted as the instructions come.
extension Machine {
    @inline(never) func makeClass(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let prototype = frame.pointee.prototype.unsafelyUnwrapped
        let template = programs[prototype.pointee.programNumber].program.classes[i.bx]
        var hints = SymbolIndex()
        for field in template.fieldNames { _ = hints.insert(prototype.pointee.symbols[Int(field)]) }
        guard let made = makeClass(template.name, hints: hints) else { return false }
        frame.pointee.base[i.a] = made.bits
        return true
    }

    /// A class without methods.
    func makeClass(_ text: String, hints: SymbolIndex) -> Value? {
        guard let name = makeString(text) else { return nil }
        temporaries[0] = name.bits
        defer { temporaries[0] = 0 }
        guard let words = allocate(classLayout) else { return nil }
        let record = shapes.makeRecord(for: words, hints: hints)
        words[0] = ObjectKind.classObject.header(upper: record.pointee.root.pointee.id)
        words[1] = UInt64(UInt(bitPattern: record))
        mutator.store(name.bits, to: words + ClassObject.name)
        words[ClassObject.superclass] = Value.nilBits
        words[ClassObject.initializer] = Value.nilBits
        words[ClassObject.methods] = Value.nilBits
        words[ClassObject.statics] = Value.nilBits
        temporaries[0] = Value(object: words).bits
        guard retrying({ mutator.addNativeCleanup(words, payload: UInt64(UInt(bitPattern: record))) ? () : nil }) != nil else {
            shapes.destroy(record)
            return nil
        }
        return Value(object: words)
    }

    @inline(never) func inherit(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        guard let superclass = Value(bits: frame.pointee.base[i.b]).object(.classObject) else {
            return fail("Superclass must be a class.")
        }
        return inherit(superclass, Value(bits: frame.pointee.base[i.a]).words)
    }

    /// Makes a class without members inherit those of another. Both are in roots. False: out of memory.
    func inherit(_ superclass: ObjectWords, _ subclass: ObjectWords) -> Bool {
        let inherited = ClassObject.record(superclass)
        let record = ClassObject.record(subclass)
        mutator.store(Value(object: superclass).bits, to: subclass + ClassObject.superclass)
        var numbered: [(symbol: Int32, number: Int)] = []
        inherited.pointee.methods.forEach { numbered.append(($0, $1)) }
        // By number, so that a method has the same number in both classes.
        numbered.sort { $0.number < $1.number }
        for (symbol, number) in numbered {
            guard addMethod(ClassObject.method(number: number, of: superclass), symbol, to: subclass) else { return false }
        }
        inherited.pointee.hints.forEach { symbol, _ in _ = record.pointee.hints.insert(symbol) }
        shapes.updateCapacity(record)
        return true
    }

    @inline(never) func addMethod(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let symbol = frame.pointee.prototype.unsafelyUnwrapped.pointee.symbols[i.c]
        let base = frame.pointee.base
        return addMethod(Value(bits: base[i.b]), symbol, to: Value(bits: base[i.a]).words)
    }

    func addMethod(_ method: Value, _ symbol: Int32, to classWords: ObjectWords) -> Bool {
        guard add(method, symbol, to: classWords, ClassObject.methods, \.methods) else { return false }
        if symbol == toStringSymbol { hasOwnTexts = true }
        if symbol == initializerSymbol { mutator.store(method.bits, to: classWords + ClassObject.initializer) }
        return true
    }

    /// Adds a member to one of a class's tables: a buffer in the slot `slot`, and its index. The member is in a root. False: out
    /// of memory.
    func add(
        _ member: Value, _ symbol: Int32, to classWords: ObjectWords, _ slot: Int, _ index: WritableKeyPath<ClassRecord, SymbolIndex>
    ) -> Bool {
        let record = ClassObject.record(classWords)
        guard makeRoom(classWords + slot, record.pointee[keyPath: index], for: symbol) else { return false }
        let members = Value(bits: classWords[slot]).words
        mutator.store(member.bits, to: members + BufferObject.first + record.pointee[keyPath: index].insert(symbol))
        return true
    }

    /// Makes the buffer in `slot`, a class's, have room for one more than `index` counts, unless that has the symbol.
    private func makeRoom(_ slot: UnsafeMutablePointer<UInt64>, _ index: SymbolIndex, for symbol: Int32) -> Bool {
        let buffer = Value(bits: slot.pointee)
        let capacity = buffer.isNil ? 0 : BufferObject.capacity(buffer.words)
        if index.count < capacity || index.find(symbol) >= 0 { return true }
        guard let grown = makeBuffer(capacity: max(4, capacity * 2)) else { return false }
        for number in 0..<index.count {
            grown[BufferObject.first + number] = buffer.words[BufferObject.first + number]
        }
        mutator.store(Value(buffer: grown).bits, to: slot)
        return true
    }
}
