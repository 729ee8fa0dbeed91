/// What a mutator's owner tells the collector. Called once in a cycle: by the mutator's thread at a safepoint, or by a
/// marker's while the mutator is outside or stands still. Nothing it reads changes meanwhile.
public protocol RootSource: AnyObject {
    /// Visits every word outside the heap that may refer to an object. Under
    /// `verify` it is called again in the stop that ends a cycle, when the mutator stands at a safepoint, or is outside.
    func visitRoots(_ visitor: RootVisitor)
}

/// Takes the roots. Words that are no references are ignored.
public struct RootVisitor {
    private enum Target {
        case marker(UnsafeMutablePointer<MarkWorker>)
        case verifier(ReachableSet)
    }
    private let target: Target

    package init(worker: UnsafeMutablePointer<MarkWorker>) { target = .marker(worker) }
    init(tracer: ReachableSet) { target = .verifier(tracer) }

    /// Visits one word.
    public func visit(word: UInt64) {
        switch target {
        case .marker(let worker): worker.pointee.mark(word: word)
        case .verifier(let reachable): reachable.reach(word, holder: 0, slot: 0)
        }
    }

    /// Visits `count` words from `words` on.
    public func visit(words: UnsafePointer<UInt64>, count: Int) {
        switch target {
        case .marker(let worker): worker.pointee.mark(words: words, count: count)
        case .verifier(let reachable):
            for index in 0..<count { reachable.reach(words[index], holder: 0, slot: 0) }
        }
    }
}
