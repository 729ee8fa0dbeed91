import GravlaxCompiler

/// Properties of instances beyond the sites' inline caches, and those of built-in kinds.
extension Machine {
    /// Where `symbol` is found in the instance; an empty cache when it is not there or no cache word can say it.
    func find(_ symbol: Int32, in instance: ObjectWords) -> InlineCache {
        let id = InstanceObject.shapeID(instance)
        let known = shapes.cachedLookup(id, symbol, isStore: false)
        if known.word != 0 { return known }
        let shape = shapes.shape(id)
        if shape.pointee.isDictionary { return InlineCache(word: 0) }
        let number = shapes.fieldNumber(symbol, in: shape)
        let record = shape.pointee.owner
        let found: InlineCache
        if number >= 0 {
            found = fieldCache(shape, number)
        } else {
            let method = record.pointee.methods.find(symbol)
            guard method >= 0 else { return InlineCache(word: 0) }
            let isOutside = Int(shape.pointee.fieldCount) > record.pointee.inlineCapacity
            let form = Machine.isMethod(ClassObject.method(number: method, of: record.pointee.classWords))
                ? isOutside ? InlineCache.outsideMethod : InlineCache.method : InlineCache.special
            found = InlineCache(shapeID: id, form: form, slot: method)
        }
        if found.word != 0 { shapes.remember(found, id, symbol, isStore: false) }
        return found
    }

    private func fieldCache(_ shape: ShapePointer, _ number: Int) -> InlineCache {
        let capacity = shape.pointee.owner.pointee.inlineCapacity
        return number < capacity
            ? InlineCache(
                shapeID: shape.pointee.id, form: InlineCache.inlineField, slot: InstanceObject.firstField + number)
            : InlineCache(
                shapeID: shape.pointee.id, form: InlineCache.outsideField,
                slot: InstanceObject.firstField + number - capacity)
    }

    /// Where a field found by `find` is.
    private func slot(_ cache: InlineCache, of instance: ObjectWords) -> UnsafeMutablePointer<UInt64> {
        cache.form == InlineCache.inlineField
            ? instance + cache.slot : Value(bits: instance[1]).words + cache.slot
    }

    func field(_ cache: InlineCache, of instance: ObjectWords) -> Value { Value(bits: slot(cache, of: instance).pointee) }

    /// A field of an instance in dictionary mode.
    func uncachedField(_ symbol: Int32, of instance: ObjectWords) -> Value? {
        guard shapes.shape(InstanceObject.shapeID(instance)).pointee.isDictionary else { return nil }
        return mapValue(dictionary(of: instance), Value(unchecked: Double(symbol)))
    }

    private func dictionary(of instance: ObjectWords) -> ObjectWords {
        Value(bits: Value(bits: instance[1]).words[InstanceObject.firstField]).words
    }

    // MARK: Reading

    @inline(never) func getField(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let prototype = frame.pointee.prototype.unsafelyUnwrapped
        let symbol = prototype.pointee.siteSymbols[i.c]
        let receiver = Value(bits: frame.pointee.base[i.b])
        guard let instance = receiver.object(.instance) else {
            if let words = receiver.object(.classObject) { return getStatic(frame, pc, i, receiver, in: words, symbol) }
            if let module = receiver.object(.module), let value = fileMember(module, symbol, prototype.pointee.caches + i.c) {
                frame.pointee.base[i.a] = value.bits
                return true
            }
            return getBuiltinProperty(frame, i, receiver, symbol)
        }
        let site = InlineCache(word: prototype.pointee.caches[i.c])
        if site.difference(instance[0]) == InlineCache.special << 8 {
            let method = ClassObject.method(number: site.slot, of: InstanceObject.classWords(instance))
            return getSpecial(frame, pc, method, receiver, i)
        }
        let cache = find(symbol, in: instance)
        if cache.word != 0, cache.form == InlineCache.inlineField || cache.form == InlineCache.outsideField {
            prototype.pointee.caches[i.c] = cache.word
            frame.pointee.base[i.a] = field(cache, of: instance).bits
            return true
        }
        if cache.word == 0, let value = uncachedField(symbol, of: instance) {
            frame.pointee.base[i.a] = value.bits
            return true
        }
        guard let method = ClassObject.method(symbol, of: InstanceObject.classWords(instance)) else {
            return fail("Undefined property '\(symbols.name(symbol))'.")
        }
        if !Machine.isMethod(method) {
            prototype.pointee.caches[i.c] = cache.word
            return getSpecial(frame, pc, method, receiver, i)
        }
        guard let bound = makeBoundMethod(receiver, method) else { return false }
        frame.pointee.base[i.a] = bound.bits
        return true
    }

    private func getBuiltinProperty(
        _ frame: FramePointer, _ i: Operands, _ receiver: Value, _ symbol: Int32
    ) -> Bool {
        if symbol == BuiltinTable.countSymbol {
            if let count = count(of: receiver) {
                frame.pointee.base[i.a] = Value(unchecked: Double(count)).bits
                return true
            }
            if failure != nil { return false }
        }
        if let range = receiver.object(.range), let bound = rangeProperty(symbol, of: RangeObject.bounds(range)) {
            frame.pointee.base[i.a] = Value(number: bound).bits
            return true
        }
        guard let builtin = member(symbol, of: receiver) else {
            switch receiver.kind {
            case .list, .map, .weakReference, .weakMap, .range: return fail("Undefined property '\(symbols.name(symbol))'.")
            case .module: return noMember(symbol, receiver)
            default: return fail("Only instances have properties.")
            }
        }
        if BuiltinTable.shared.row(builtin).isProperty {
            guard let value = property(builtin, frame.pointee.base + i.b) else { return false }
            frame.pointee.base[i.a] = value.bits
            return true
        }
        guard let native = makeNative(builtin) else { return false }
        temporaries[0] = native.bits
        defer { temporaries[0] = 0 }
        guard let bound = makeBoundMethod(receiver, native) else { return false }
        frame.pointee.base[i.a] = bound.bits
        return true
    }

    /// A module has no member called so.
    func noMember(_ symbol: Int32, _ module: Value) -> Bool {
        fail("Module '\(path(ofModule: module.words))' has no member '\(symbols.name(symbol))'.")
    }

    /// The property `count`; `nil` for values without one, and where counting failed.
    func count(of value: Value) -> Int? {
        switch value.kind {
        case .longString, .shortString: scalarCount(value.words)
        case .list: ListObject.count(value.words)
        case .map: MapObject.count(value.words)
        case .weakMap: mutator.weakTableCount(WeakMapObject.table(value.words))
        default: nil
        }
    }

    // MARK: Writing

    @inline(never) func setField(_ frame: FramePointer, _ pc: UnsafePointer<UInt64>, _ i: Operands) -> Bool {
        enter(frame, pc)
        let prototype = frame.pointee.prototype.unsafelyUnwrapped
        let symbol = prototype.pointee.siteSymbols[i.c]
        guard let instance = Value(bits: frame.pointee.base[i.a]).object(.instance) else {
            if let words = Value(bits: frame.pointee.base[i.a]).object(.classObject) {
                return setStatic(symbol, Value(bits: frame.pointee.base[i.b]), of: words)
            }
            return Value(bits: frame.pointee.base[i.a]).kind == .module
                ? fail("Members of a module can't be assigned to.") : fail("Only instances have fields.")
        }
        let value = Value(bits: frame.pointee.base[i.b])
        let id = InstanceObject.shapeID(instance)
        var cache = shapes.cachedLookup(id, symbol, isStore: true)
        let shape: ShapePointer
        if cache.word == 0 {
            shape = shapes.shape(id)
            if shape.pointee.isDictionary {
                if let setter = setter(symbol, of: shape.pointee.owner), uncachedField(symbol, of: instance) == nil {
                    return set(frame, setter, instance, value)
                }
                return setMapValue(dictionary(of: instance), Value(unchecked: Double(symbol)), value)
            }
            let number = shapes.fieldNumber(symbol, in: shape)
            if number < 0, let setter = setter(symbol, of: shape.pointee.owner) {
                return set(frame, setter, instance, value)
            }
            if number < 0 { return addField(symbol, value, to: instance, shape, prototype.pointee.caches + i.c) }
            cache = fieldCache(shape, number)
            shapes.remember(cache, id, symbol, isStore: true)
        }
        prototype.pointee.caches[i.c] = cache.word
        if cache.form == InlineCache.inlineAddition {
            mutator.store(value.bits, to: instance + cache.slot)
            instance[0] &+= cache.delta << 32
        } else {
            mutator.store(value.bits, to: slot(cache, of: instance))
        }
        return true
    }

    /// The value of a field; `nil` when there is none, or that is nil.
    func property(_ symbol: Int32, of instance: ObjectWords) -> Value? {
        let cache = find(symbol, in: instance)
        let isField = cache.word != 0 && (cache.form == InlineCache.inlineField || cache.form == InlineCache.outsideField)
        let value = isField ? field(cache, of: instance) : uncachedField(symbol, of: instance) ?? .nil
        return value.isNil ? nil : value
    }

    /// Names and values of the fields that scripts see, the oldest first. Nothing allocates meanwhile.
    func forEachField(of instance: ObjectWords, _ body: (_ name: String, _ value: Value) -> Void) {
        forEachSymbol(of: instance) { symbol, value in
            let name = symbols.name(symbol)
            if !Machine.isHidden(name) { body(name, value) }
        }
    }

    private func forEachSymbol(of instance: ObjectWords, _ body: (_ symbol: Int32, _ value: Value) -> Void) {
        let shape = shapes.shape(InstanceObject.shapeID(instance))
        if shape.pointee.isDictionary {
            let fields = dictionary(of: instance)
            for entry in 0..<MapObject.used(fields) {
                let place = MapObject.entries(fields) + 2 * entry
                guard place[0] != Value.undefinedBits else { continue }
                body(Int32(Value(bits: place[0]).number), Value(bits: place[1]))
            }
            return
        }
        for (symbol, number) in fields(of: shape) {
            body(symbol, field(fieldCache(shape, number), of: instance))
        }
    }

    /// The fields of instances with a shape, in the order in which they were added.
    private func fields(of shape: ShapePointer) -> ReversedCollection<[(symbol: Int32, number: Int)]> {
        var fields: [(symbol: Int32, number: Int)] = []
        var current = shape
        while let parent = current.pointee.parent {
            fields.append((current.pointee.symbol, Int(current.pointee.fieldCount) - 1))
            current = parent
        }
        return fields.reversed()
    }

    /// Gives a field of the instance a value. Both are in roots. False: out of memory.
    func assign(_ symbol: Int32, _ value: Value, to instance: ObjectWords) -> Bool {
        let shape = shapes.shape(InstanceObject.shapeID(instance))
        if shape.pointee.isDictionary {
            return setMapValue(dictionary(of: instance), Value(unchecked: Double(symbol)), value)
        }
        let number = shapes.fieldNumber(symbol, in: shape)
        if number >= 0 {
            mutator.store(value.bits, to: slot(fieldCache(shape, number), of: instance))
            return true
        }
        var site: UInt64 = 0
        return addField(symbol, value, to: instance, shape, &site)
    }

    /// Gives the instance a new field. The instance and `value` are in registers.
    private func addField(
        _ symbol: Int32, _ value: Value, to instance: ObjectWords, _ shape: ShapePointer,
        _ site: UnsafeMutablePointer<UInt64>
    ) -> Bool {
        let next = shapes.transition(from: shape, adding: symbol)
        if next.pointee.isDictionary { return turnToDictionary(instance, shape, next, symbol, value) }
        let number = Int(shape.pointee.fieldCount)
        let capacity = shape.pointee.owner.pointee.inlineCapacity
        if number < capacity {
            mutator.store(value.bits, to: instance + InstanceObject.firstField + number)
            let cache = InlineCache(
                shapeID: shape.pointee.id, form: InlineCache.inlineAddition, slot: InstanceObject.firstField + number,
                delta: next.pointee.id &- shape.pointee.id)
            if cache.word != 0 {
                site.pointee = cache.word
                shapes.remember(cache, shape.pointee.id, symbol, isStore: true)
            }
        } else {
            guard let outside = outsideBuffer(instance, fieldCount: number - capacity) else { return false }
            mutator.store(value.bits, to: outside + InstanceObject.firstField + number - capacity)
        }
        instance[0] = ObjectKind.instance.header(upper: next.pointee.id)
        return true
    }

    /// The instance's buffer of outside fields, with room for one more than `fieldCount`.
    private func outsideBuffer(_ instance: ObjectWords, fieldCount: Int) -> ObjectWords? {
        let old = Value(bits: instance[1])
        if !old.isObject, BufferObject.capacity(old.words) > fieldCount + 1 { return old.words }
        guard let fresh = makeBuffer(capacity: 1 + max(4, fieldCount * 2)) else { return nil }
        // Plain stores will do: the instance's word shades the class or the old buffer, and with it whatever that holds.
        fresh[1] = Value(object: InstanceObject.classWords(instance)).bits
        for index in 0..<fieldCount {
            fresh[InstanceObject.firstField + index] = old.words[InstanceObject.firstField + index]
        }
        mutator.store(Value(buffer: fresh).bits, to: instance + 1)
        return fresh
    }

    /// Moves all fields, and one more, into a map.
    private func turnToDictionary(
        _ instance: ObjectWords, _ shape: ShapePointer, _ next: ShapePointer, _ symbol: Int32, _ value: Value
    ) -> Bool {
        guard let map = makeMap() else { return false }
        temporaries[0] = map.bits
        defer { temporaries[0] = 0 }
        for (symbol, number) in fields(of: shape) {
            let place = slot(fieldCache(shape, number), of: instance)
            guard setMapValue(map.words, Value(unchecked: Double(symbol)), Value(bits: place.pointee)) else { return false }
        }
        guard setMapValue(map.words, Value(unchecked: Double(symbol)), value),
            let outside = makeBuffer(capacity: 2)
        else { return false }
        mutator.store(Value(object: InstanceObject.classWords(instance)).bits, to: outside + 1)
        mutator.store(map.bits, to: outside + InstanceObject.firstField)
        mutator.store(Value(buffer: outside).bits, to: instance + 1)
        mutator.bulkFill(
            Value.nilBits, to: instance + InstanceObject.firstField, count: shape.pointee.owner.pointee.inlineCapacity)
        instance[0] = ObjectKind.instance.header(upper: next.pointee.id)
        return true
    }
}
