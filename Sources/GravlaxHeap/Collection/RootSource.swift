/// What a mutator's owner tells the collector. Called on the collecting
/// thread, while the mutator stands at a safepoint.
public protocol RootSource: AnyObject {
    /// Visits every word outside the heap that may refer to an object.
    func visitRoots(_ visitor: RootVisitor)

    /// After marking, before anything is swept: drop what is keyed by objects that died.
    func processWeak(_ isMarked: (UnsafeRawPointer) -> Bool)
}

extension RootSource {
    public func processWeak(_ isMarked: (UnsafeRawPointer) -> Bool) {}
}

/// Takes the roots. Words that are no references are ignored.
public struct RootVisitor {
    let worker: UnsafeMutablePointer<MarkWorker>

    /// Visits one word.
    public func visit(word: UInt64) { worker.pointee.mark(word: word) }

    /// Visits `count` words from `words` on.
    public func visit(words: UnsafePointer<UInt64>, count: Int) {
        for index in 0..<count { worker.pointee.mark(word: words[index]) }
    }
}
