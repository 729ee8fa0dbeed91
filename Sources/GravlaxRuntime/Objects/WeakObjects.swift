import GravlaxHeap

/// What a script holds weakly.
///
///     weak reference   word 0 header   word 1 handle: the heap's object that knows whether the target lives
///     weak map         word 0 header   word 1 table: the heap's object with the entries, replaced as it grows (`WeakMap.swift`)
///
/// Handles and tables are objects without pointers, of which the collector knows what they mean.
enum WeakReferenceObject {
    static var layout: ObjectLayout { ObjectLayout(headerWords: 1, slotCount: 1) }

    static func handle(_ words: ObjectWords) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(Value(bits: words[1]).words) }
}

extension Value {
    /// The reference word of a handle or a table.
    init(internal address: UnsafeMutableRawPointer) {
        self.init(buffer: address.assumingMemoryBound(to: UInt64.self))
    }
}

extension Machine {
    /// `gc.WeakRef`, and the method of what it makes.
    func runWeak(_ builtin: Builtin, _ window: UnsafeMutablePointer<UInt64>) -> Value? {
        if builtin == .weakReference { return makeWeakReference(to: Value(bits: window[1])) }
        let handle = WeakReferenceObject.handle(Value(bits: window[0]).words)
        guard let target = mutator.weakGet(handle) else { return .nil }
        return Value(object: target.assumingMemoryBound(to: UInt64.self))
    }

    private func makeWeakReference(to target: Value) -> Value? {
        guard hasIdentity(target) else { return failed("gc.WeakRef expects \(Machine.trackedKinds).") }
        let address = UnsafeMutableRawPointer(target.words)
        guard let handle = retrying({ mutator.weakHandle(of: address) }) else { return nil }
        temporaries[Machine.internalPlace] = Value(internal: handle).bits
        defer { temporaries[Machine.internalPlace] = 0 }
        guard let words = allocate(weakReferenceLayout) else { return nil }
        words[0] = ObjectKind.weakReference.header()
        mutator.store(Value(internal: handle).bits, to: words + 1)
        return Value(object: words)
    }

    static var internalPlace: Int { 4 }

    /// What the collector can follow the life of: what is compared by identity and can go away.
    func hasIdentity(_ value: Value) -> Bool {
        switch value.kind {
        case .instance, .list, .map, .closure, .classObject, .boundMethod, .weakReference, .weakMap: true
        default: false
        }
    }

    static var trackedKinds: String { "an instance, a list, a map, a function or a class" }

    /// What `attempt` gives, the second time after making room for it; `nil`, with the failure set, when memory was
    /// refused even then. At a safepoint.
    func retrying<Result>(_ attempt: () -> Result?) -> Result? {
        if let result = attempt() { return result }
        mutator.freeOSMemory()
        if let result = attempt() { return result }
        failure = .outOfMemory
        return nil
    }
}
